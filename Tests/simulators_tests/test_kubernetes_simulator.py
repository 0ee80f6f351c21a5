"""The Kubernetes simulator beyond the recordings: watches, pages, faults, its record, kubelets, kubectl."""

from __future__ import annotations

import base64
import http.client
import json
import random
import re
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators.kubernetes import (EXIT_CODE, FINISH_AFTER, APIError, CloseWatch, Cut, Delay, Fault, Gone, Kubelet,
                                   KubernetesSimulator, LoseAnswer, Reset, SilenceWatch, Status, Tokens,
                                   TooManyRequests)

from .kubernetes_client import Answer, Watcher, request, send

PODS = "/api/v1/namespaces/default/pods"
# How long silence is watched for, in seconds, where silence is what is asked for.
SILENCE = 0.3


def pod(name: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **metadata},
            "spec": {"schedulerName": "pbs", "containers": [{
                "name": "c", "image": "busybox:1", "resources": {"requests": {"cpu": "1", "memory": "64Mi"}}}]}}


def bind(simulator: KubernetesSimulator, name: str, node: str = "node1", **metadata: Any) -> Answer:
    return request(simulator, "POST", f"{PODS}/{name}/binding",
                   {"metadata": {"name": name, **metadata}, "target": {"kind": "Node", "name": node}})


def watch(simulator: KubernetesSimulator, query: str = "", path: str = "/api/v1/pods", **headers: str) -> Watcher:
    return Watcher(simulator, f"{path}?watch=true&{query}", **headers)


def resource_version(simulator: KubernetesSimulator) -> str:
    return str(request(simulator, "GET", "/api/v1/pods").json["metadata"]["resourceVersion"])


def found(simulator: KubernetesSimulator, name: str) -> dict[str, Any]:
    """The pod, which must be there."""
    pod = simulator.pod("default", name)
    assert pod is not None, f"no pod {name}"
    return pod


def phase_comes(simulator: KubernetesSimulator, name: str, phase: str) -> dict[str, Any]:
    """The pod once it has that phase."""
    simulator.wait(lambda k: found(k, name)["status"]["phase"] == phase, 20, f"{name} is {phase}")
    return found(simulator, name)


@pytest.fixture
def simulator() -> Iterator[KubernetesSimulator]:
    with KubernetesSimulator(source=random.Random(1)) as running:
        running.create_node("node1")
        yield running


class TestWatch:
    def test_an_object_that_enters_or_leaves_the_selection_is_added_or_deleted(
            self, simulator: KubernetesSimulator) -> None:
        simulator.create_pod(pod("a"))
        with watch(simulator, "fieldSelector=spec.nodeName%3Dnode1") as bound, \
                watch(simulator, "fieldSelector=spec.nodeName%3D") as unbound:
            assert unbound.names(1) == [("ADDED", "a")]
            bind(simulator, "a")
            assert bound.names(1) == [("ADDED", "a")]
            assert unbound.names(1) == [("DELETED", "a")]

    def test_changes_since_a_resource_version_are_told_in_order(self, simulator: KubernetesSimulator) -> None:
        simulator.create_pod(pod("a"))
        since = resource_version(simulator)
        simulator.create_pod(pod("b"))
        bind(simulator, "a")
        simulator.remove_pod("default", "a")
        with watch(simulator, f"resourceVersion={since}") as watcher:
            # Bound; then marked as being deleted with grace period 0; then gone.
            assert watcher.names(4) == [("ADDED", "b"), ("MODIFIED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]

    def test_only_the_watched_namespace_is_told(self, simulator: KubernetesSimulator) -> None:
        request(simulator, "POST", "/api/v1/namespaces", {"metadata": {"name": "other"}})
        with watch(simulator, path=PODS) as watcher:
            simulator.create_pod(pod("elsewhere", namespace="other"))
            simulator.create_pod(pod("here"))
            assert watcher.names(1) == [("ADDED", "here")]

    def test_it_ends_in_good_order_and_the_connection_serves_on(self, simulator: KubernetesSimulator) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=20)
        first = send(connection, "GET", "/api/v1/pods?watch=true&timeoutSeconds=1")
        own_socket = connection.sock
        assert (first.status, first.body) == (200, b"")
        assert send(connection, "GET", "/healthz").body == b"ok"
        assert connection.sock is own_socket
        connection.close()

    def test_bookmarks_come_at_their_interval(self) -> None:
        with KubernetesSimulator(bookmark_interval=0.1) as simulator:
            created = simulator.create_pod(pod("a"))
            with watch(simulator, f"allowWatchBookmarks=true&resourceVersion={resource_version(simulator)}") as watcher:
                for _ in range(2):
                    event = watcher.next()
                    assert event is not None and event["type"] == "BOOKMARK"
                    assert event["object"]["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]

    def test_send_initial_events_ends_with_an_annotated_bookmark(self, simulator: KubernetesSimulator) -> None:
        simulator.create_pod(pod("a"))
        query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        with watch(simulator, query) as watcher:
            assert watcher.names(1) == [("ADDED", "a")]
            bookmark = watcher.next()
            assert bookmark is not None and bookmark["type"] == "BOOKMARK"
            assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}

    def test_many_watchers_see_every_change(self, simulator: KubernetesSimulator) -> None:
        watchers = [watch(simulator) for _ in range(50)]
        for number in range(20):
            simulator.create_pod(pod(f"p{number:02}"))
        wanted = [("ADDED", f"p{number:02}") for number in range(20)]
        for watcher in watchers:
            assert watcher.names(20) == wanted
            watcher.close()


class TestPages:
    def test_pages_are_of_one_moment(self, simulator: KubernetesSimulator) -> None:
        for name in "abcde":
            simulator.create_pod(pod(name))
        first = request(simulator, "GET", f"{PODS}?limit=2").json
        assert first["metadata"]["remainingItemCount"] == 3
        simulator.remove_pod("default", "d")
        simulator.create_pod(pod("bb"))
        names = [item["metadata"]["name"] for item in first["items"]]
        page = first
        while "continue" in page["metadata"]:
            page = request(simulator, "GET", f"{PODS}?limit=2&continue={page['metadata']['continue']}").json
            names += [item["metadata"]["name"] for item in page["items"]]
            assert page["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        assert names == ["a", "b", "c", "d", "e"]

    def test_a_selection_has_no_page_more_than_it_needs(self, simulator: KubernetesSimulator) -> None:
        for name in "abc":
            simulator.create_pod(pod(name))
        bind(simulator, "a")
        page = request(simulator, "GET", f"{PODS}?limit=1&fieldSelector=spec.nodeName%3Dnode1").json
        assert [item["metadata"]["name"] for item in page["items"]] == ["a"]
        assert "continue" not in page["metadata"]

    def test_after_compaction_a_page_is_gone_but_the_list_can_go_on(self, simulator: KubernetesSimulator) -> None:
        for name in "abc":
            simulator.create_pod(pod(name))
        token = request(simulator, "GET", f"{PODS}?limit=1").json["metadata"]["continue"]
        simulator.compact()
        gone = request(simulator, "GET", f"{PODS}?limit=1&continue={token}")
        assert (gone.status, gone.json["reason"]) == (410, "Expired")
        rest = request(simulator, "GET", f"{PODS}?continue={gone.json['metadata']['continue']}")
        assert [item["metadata"]["name"] for item in rest.json["items"]] == ["b", "c"]

    def test_resource_version_0_ignores_the_limit(self, simulator: KubernetesSimulator) -> None:
        for name in "abc":
            simulator.create_pod(pod(name))
        assert len(request(simulator, "GET", f"{PODS}?limit=1&resourceVersion=0").json["items"]) == 3


class TestPods:
    def test_a_gated_pod_waits_and_is_not_bound(self, simulator: KubernetesSimulator) -> None:
        manifest = pod("a")
        manifest["spec"]["schedulingGates"] = [{"name": "example.com/wait"}]
        created = simulator.create_pod(manifest)
        assert created["status"]["conditions"][0]["reason"] == "SchedulingGated"
        refused = bind(simulator, "a")
        assert (refused.status, refused.message) == (
            409, 'Operation cannot be fulfilled on pods/binding "a": pod a has non-empty .spec.schedulingGates')
        assert simulator.patch_pod("default", "a", {"spec": {"schedulingGates": None}})["metadata"]["generation"] == 2
        assert bind(simulator, "a").status == 201

    def test_1_20_does_not_know_gates(self) -> None:
        simulator = KubernetesSimulator(version="1.20")
        manifest = pod("a")
        manifest["spec"]["schedulingGates"] = [{"name": "example.com/wait"}]
        assert "schedulingGates" not in simulator.create_pod(manifest)["spec"]

    @pytest.mark.parametrize(("version", "labels"), [("1.20", None), ("1.36", {"from": "binding"})])
    def test_labels_of_a_binding_land_on_the_pod_since(self, version: str, labels: dict[str, str] | None) -> None:
        with KubernetesSimulator(version=version) as simulator:
            simulator.create_pod(pod("a"))
            assert bind(simulator, "a", labels={"from": "binding"}, annotations={"x": "y"}).status == 201
            metadata = found(simulator, "a")["metadata"]
            assert (metadata.get("labels"), metadata["annotations"]) == (labels, {"x": "y"})

    def test_a_deleting_pod_is_not_bound(self, simulator: KubernetesSimulator) -> None:
        simulator.create_pod(pod("a", finalizers=["example.com/keep"]))
        simulator.delete_pod("default", "a")
        assert bind(simulator, "a").message == (
            'Operation cannot be fulfilled on pods/binding "a": '
            "pod a is being deleted, cannot be assigned to a host")

    def test_owner_references_are_kept(self, simulator: KubernetesSimulator) -> None:
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "u", "controller": True}
        assert simulator.create_pod(pod("a", ownerReferences=[owner]))["metadata"]["ownerReferences"] == [owner]

    def test_generated_names_differ(self, simulator: KubernetesSimulator) -> None:
        manifest = {**pod(""), "metadata": {"generateName": "job-"}}
        names = {simulator.create_pod(manifest)["metadata"]["name"] for _ in range(5)}
        assert len(names) == 5 and all(name.startswith("job-") and len(name) == 9 for name in names)

    def test_a_dry_run_changes_nothing(self, simulator: KubernetesSimulator) -> None:
        assert request(simulator, "POST", f"{PODS}?dryRun=All", pod("a")).status == 201
        assert simulator.pods() == []

    def test_refusals_reach_the_test_that_creates_a_pod(self, simulator: KubernetesSimulator) -> None:
        simulator.create_pod(pod("a"))
        with pytest.raises(APIError, match='409 AlreadyExists: pods "a" already exists'):
            simulator.create_pod(pod("a"))


class TestFaults:
    @pytest.mark.parametrize("code", [500, 503])
    def test_status(self, simulator: KubernetesSimulator, code: int) -> None:
        simulator.faults.add(Fault("POST .*/pods$", Status(code), count=1))
        answer = request(simulator, "POST", PODS, pod("a"))
        assert (answer.status, answer.json["code"], simulator.pods()) == (code, code, [])
        assert request(simulator, "POST", PODS, pod("a")).status == 201

    def test_too_many_requests(self, simulator: KubernetesSimulator) -> None:
        fault = simulator.faults.add(Fault("GET", TooManyRequests(retry_after=3), count=2))
        answers = [request(simulator, "GET", PODS) for _ in range(3)]
        assert [answer.status for answer in answers] == [429, 429, 200]
        assert answers[0].headers["Retry-After"] == "3"
        assert fault.hits == 2

    def test_of_two_equal_faults_the_one_that_is_removed_goes(self, simulator: KubernetesSimulator) -> None:
        first, second = (simulator.faults.add(Fault("GET", Status(500))) for _ in range(2))
        simulator.faults.remove(second)
        assert request(simulator, "GET", PODS).status == 500
        assert (first.hits, second.hits) == (1, 0)

    def test_reset_changes_nothing(self, simulator: KubernetesSimulator) -> None:
        simulator.faults.add(Fault("POST", Reset(), count=1))
        with pytest.raises(ConnectionResetError):
            request(simulator, "POST", PODS, pod("a"))
        assert simulator.pods() == []

    def test_lost_answer_is_of_a_request_that_was_processed(self, simulator: KubernetesSimulator) -> None:
        simulator.faults.add(Fault("POST", LoseAnswer(), count=1))
        with pytest.raises(ConnectionResetError):
            request(simulator, "POST", PODS, pod("a"))
        assert [item["metadata"]["name"] for item in simulator.pods()] == ["a"]

    def test_cut_answer_is_half_a_json(self, simulator: KubernetesSimulator) -> None:
        simulator.create_pod(pod("a"))
        simulator.faults.add(Fault("GET", Cut(), count=1))
        with pytest.raises(http.client.IncompleteRead) as cut:
            request(simulator, "GET", f"{PODS}/a")
        assert cut.value.partial.startswith(b'{"kind":"Pod"')

    def test_cut_watch_ends_within_an_event(self, simulator: KubernetesSimulator) -> None:
        simulator.faults.add(Fault("watch=true", Cut(), count=1))
        with watch(simulator) as watcher:
            simulator.create_pod(pod("a"))
            with pytest.raises(http.client.IncompleteRead) as cut:
                watcher.response.read()
        assert cut.value.partial.startswith(b'{"type":"ADDED"')

    def test_delay(self, simulator: KubernetesSimulator) -> None:
        simulator.faults.add(Fault("GET", Delay(0.2), count=1))
        begun = time.monotonic()
        assert request(simulator, "GET", PODS).status == 200
        assert time.monotonic() - begun >= 0.2

    def test_gone_list_and_watch(self, simulator: KubernetesSimulator) -> None:
        simulator.create_pod(pod("a"))
        simulator.faults.add(Fault("GET", Gone(), count=2))
        answer = request(simulator, "GET", PODS)
        assert (answer.status, answer.json["reason"]) == (410, "Expired")
        with watch(simulator, f"resourceVersion={resource_version_of(simulator)}") as watcher:
            event = watcher.next()
            assert event is not None and (event["type"], event["object"]["code"]) == ("ERROR", 410)
            assert watcher.next() is None

    def test_closed_watch(self, simulator: KubernetesSimulator) -> None:
        simulator.faults.add(Fault("watch=true", CloseWatch(after=0.1), count=1))
        with watch(simulator) as watcher:
            assert watcher.next() is None

    def test_silent_watch(self, simulator: KubernetesSimulator) -> None:
        simulator.faults.add(Fault("watch=true", SilenceWatch(), count=1))
        with watch(simulator, "timeoutSeconds=1") as silent, watch(simulator) as lively:
            simulator.create_pod(pod("a"))
            assert lively.names(1) == [("ADDED", "a")]
            assert silent.stays_silent(SILENCE)

    def test_open_watches_can_be_closed_and_silenced(self, simulator: KubernetesSimulator) -> None:
        with watch(simulator, "x=1") as first, watch(simulator, "x=2") as second:
            assert simulator.close_watches("x=1") == 1
            assert first.next() is None
            assert simulator.silence_watches() == 1
            simulator.create_pod(pod("a"))
            assert second.stays_silent(SILENCE)

    def test_chance_follows_the_seed(self) -> None:
        def statuses() -> list[int]:
            with KubernetesSimulator(source=random.Random(7)) as simulator:
                simulator.faults.add(Fault("GET", Status(500), probability=0.5))
                return [request(simulator, "GET", PODS).status for _ in range(20)]

        first = statuses()
        assert set(first) == {200, 500} and first == statuses()

    def test_old_versions_are_gone_after_compaction(self, simulator: KubernetesSimulator) -> None:
        simulator.create_pod(pod("a"))
        since = resource_version(simulator)
        simulator.create_pod(pod("b"))
        simulator.compact()
        with watch(simulator, f"resourceVersion={since}") as watcher:
            event = watcher.next()
            assert event is not None and event["type"] == "ERROR"
            assert event["object"]["message"].startswith(f"too old resource version: {since} (")

    def test_a_paused_server_answers_once_it_goes_on(self, simulator: KubernetesSimulator) -> None:
        simulator.pause()
        answers: list[Answer] = []
        client = threading.Thread(target=lambda: answers.append(request(simulator, "POST", PODS, pod("a"))))
        client.start()
        client.join(SILENCE)
        assert client.is_alive() and simulator.pods() == []
        simulator.resume()
        client.join(20)
        assert [answer.status for answer in answers] == [201]

    def test_a_paused_server_keeps_watches_waiting(self, simulator: KubernetesSimulator) -> None:
        with watch(simulator) as watcher:
            simulator.pause()
            simulator.create_pod(pod("a"))
            assert simulator.pod("default", "a") is not None
            simulator.resume()
            assert watcher.names(1) == [("ADDED", "a")]


def resource_version_of(simulator: KubernetesSimulator) -> str:
    """The newest version of a pod, without a request that a fault could hit."""
    return str(max(int(item["metadata"]["resourceVersion"]) for item in simulator.pods()))


class TestRestart:
    def test_objects_stay_and_old_watches_must_list_again(self, simulator: KubernetesSimulator) -> None:
        simulator.create_pod(pod("a"))
        port, since = simulator.port, resource_version(simulator)
        simulator.create_pod(pod("b"))
        with watch(simulator, f"resourceVersion={since}") as watcher:
            assert watcher.names(1) == [("ADDED", "b")]
            simulator.stop()
            with pytest.raises((ConnectionError, http.client.HTTPException)):
                watcher.response.read()
        with pytest.raises(ConnectionRefusedError):
            request(simulator, "GET", PODS)
        simulator.start()
        assert simulator.port == port
        items = request(simulator, "GET", PODS).json["items"]
        assert [item["metadata"]["name"] for item in items] == ["a", "b"]
        with watch(simulator, f"resourceVersion={since}") as watcher:
            event = watcher.next()
            assert event is not None and event["object"]["code"] == 410
        with watch(simulator, f"resourceVersion={resource_version(simulator)}") as watcher:
            simulator.create_pod(pod("c"))
            assert watcher.names(1) == [("ADDED", "c")]

    def test_stop_leaves_no_thread(self) -> None:
        simulator = KubernetesSimulator()
        simulator.start()
        assert any(thread.name == "kubernetes-simulator" for thread in threading.enumerate())
        simulator.stop()
        assert not any(thread.name == "kubernetes-simulator" for thread in threading.enumerate())


class TestRecord:
    def test_the_whole_life_of_a_pod(self, simulator: KubernetesSimulator) -> None:
        uid = simulator.create_pod(pod("a"))["metadata"]["uid"]
        bind(simulator, "a", annotations={"pbs-connector/job-id": "1.s"})
        simulator.set_pod_phase("default", "a", "Running")
        request(simulator, "POST", "/api/v1/namespaces/default/events", {
            "metadata": {"name": "e"}, "reason": "Deleting", "message": "why", "type": "Warning",
            "involvedObject": {"kind": "Pod", "namespace": "default", "name": "a", "uid": uid}})
        simulator.delete_pod("default", "a", 5)
        simulator.remove_pod("default", "a")
        entries = [entry for entry in simulator.record if entry.kind != "condition"]
        assert [entry.kind for entry in entries] == [
            "created", "bound", "phase", "event", "deleting", "deleting", "gone"]
        assert {entry.uid for entry in entries} == {uid}
        bound, event, deleting = entries[1], entries[3], entries[4]
        assert (bound.node, bound.annotations, bound.user) == ("node1", {"pbs-connector/job-id": "1.s"}, "admin")
        assert (event.details["reason"], event.details["message"]) == ("Deleting", "why")
        assert deleting.details["gracePeriodSeconds"] == 5
        conditions = [entry.details for entry in simulator.record if entry.kind == "condition"]
        assert [(c["type"], c["status"]) for c in conditions] == [
            ("PodScheduled", "True"), ("Initialized", "True"), ("Ready", "True"), ("ContainersReady", "True")]
        assert [entry.monotonic for entry in simulator.record] == sorted(e.monotonic for e in simulator.record)

    def test_wait_returns_when_it_is_so(self, simulator: KubernetesSimulator) -> None:
        client = threading.Timer(0.1, lambda: request(simulator, "POST", PODS, pod("a")))
        client.start()
        assert simulator.wait(lambda k: k.pod("default", "a"), 20)["metadata"]["name"] == "a"
        client.join()

    def test_wait_says_what_was_there_instead(self, simulator: KubernetesSimulator) -> None:
        simulator.create_pod(pod("a"))
        with pytest.raises(TimeoutError, match=r"a is bound\n  pod default/a: Pending on no node"):
            simulator.wait(lambda k: found(k, "a")["spec"].get("nodeName"), 0.05, "a is bound")


RULES = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
         {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": ["mine"],
          "verbs": ["update"]}]


class TestAccess:
    @pytest.fixture
    def guarded(self) -> Iterator[KubernetesSimulator]:
        tokens: Tokens = {"a": ("admin", ["system:masters"]), "w": "kube-watcher", "o": "other", "r": "reader"}
        with KubernetesSimulator(tokens=tokens) as simulator:
            simulator.authorise("kube-watcher", RULES)
            simulator.authorise("reader", RULES, namespace="default")
            yield simulator

    @pytest.mark.parametrize(("method", "path", "status"), [
        ("GET", PODS, 200), ("GET", "/api/v1/pods", 200), ("GET", f"{PODS}/a", 200), ("POST", PODS, 403),
        ("GET", "/api/v1/nodes", 403), ("PATCH", f"{PODS}/a/status", 403), ("POST", f"{PODS}/a/binding", 403),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/default/leases/mine", 400),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/default/leases/yours", 403),
        ("GET", "/apis", 200), ("GET", "/metrics", 403)])
    def test_a_user_may_do_what_the_rules_say(
            self, guarded: KubernetesSimulator, method: str, path: str, status: int) -> None:
        guarded.create_pod(pod("a"))
        assert request(guarded, method, path, None if method == "GET" else {}, token="w").status == status

    @pytest.mark.parametrize(("path", "status"), [(PODS, 200), ("/api/v1/pods", 403),
                                                  ("/api/v1/namespaces/kube-system/pods", 403)])
    def test_a_role_holds_in_its_namespace(self, guarded: KubernetesSimulator, path: str, status: int) -> None:
        assert request(guarded, "GET", path, token="r").status == status

    def test_without_rules_everything_is_allowed_unless_rbac_is_on(self, guarded: KubernetesSimulator) -> None:
        assert request(guarded, "POST", PODS, pod("a"), token="o").status == 201
        with KubernetesSimulator(tokens={"o": "other"}, rbac=True) as strict:
            assert request(strict, "GET", PODS, token="o").status == 403

    def test_no_credential_is_anonymous_and_a_wrong_one_unauthorized(self, guarded: KubernetesSimulator) -> None:
        anonymous = request(guarded, "GET", PODS)
        assert anonymous.status == 403 and 'User "system:anonymous" cannot list' in anonymous.message
        assert request(guarded, "GET", "/version").status == 200
        assert request(guarded, "GET", "/version", token="wrong").status == 401

    def test_requests_are_counted_by_user_and_verb(self, guarded: KubernetesSimulator) -> None:
        request(guarded, "GET", PODS, token="w")
        request(guarded, "GET", "/api/v1/pods", token="w")
        request(guarded, "POST", f"{PODS}/a/binding", {}, token="w")
        with watch(guarded, token="w"):
            assert guarded.requests.counts == {
                ("kube-watcher", "list", "", "pods", ""): 2, ("kube-watcher", "create", "", "pods", "binding"): 1,
                ("kube-watcher", "watch", "", "pods", ""): 1}
        assert [entry.status for entry in guarded.requests.entries] == [200, 200, 403, 200]


class TestKubelet:
    def test_a_bound_pod_runs_and_a_deleted_one_goes(self) -> None:
        with KubernetesSimulator(kubelet=Kubelet(start_delay=0.05, stop_delay=0.05)) as simulator:
            simulator.create_node("node1")
            simulator.create_pod(pod("a"))
            bind(simulator, "a")
            running = phase_comes(simulator, "a", "Running")
            assert running["status"]["podIP"] and running["status"]["containerStatuses"][0]["ready"]
            simulator.delete_pod("default", "a")
            simulator.wait(lambda k: k.pod("default", "a") is None, 20)
            entries = [(entry.kind, entry.user) for entry in simulator.record]
            assert [entry for entry in entries if entry[0] in ("phase", "deleting", "gone")] == [
                ("phase", "kubelet"), ("deleting", "simulator"), ("phase", "kubelet"), ("gone", "kubelet")]

    def test_stop_time_is_never_longer_than_the_grace_period(self) -> None:
        with KubernetesSimulator(kubelet=Kubelet(stop_delay=3600)) as simulator:
            simulator.create_node("node1")
            simulator.create_pod(pod("a"))
            bind(simulator, "a")
            simulator.delete_pod("default", "a", 1)
            simulator.wait(lambda k: k.pod("default", "a") is None, 20)

    @pytest.mark.parametrize(("code", "phase"), [("0", "Succeeded"), ("3", "Failed")])
    def test_containers_end_when_told_to(self, code: str, phase: str) -> None:
        with KubernetesSimulator(kubelet=Kubelet()) as simulator:
            simulator.create_node("node1")
            simulator.create_pod(pod("a", annotations={FINISH_AFTER: "0.05", EXIT_CODE: code}))
            bind(simulator, "a")
            ended = phase_comes(simulator, "a", phase)
            state = ended["status"]["containerStatuses"][0]["state"]["terminated"]
            assert state["exitCode"] == int(code)

    def test_nothing_happens_on_a_node_that_is_not_ready(self) -> None:
        with KubernetesSimulator(kubelet=Kubelet()) as simulator:
            for node in ("node1", "node2"):
                simulator.create_node(node)
            simulator.set_node_ready("node1", False)
            for name, node in (("a", "node1"), ("b", "node2")):
                simulator.create_pod(pod(name))
                bind(simulator, name, node)
            phase_comes(simulator, "b", "Running")
            assert found(simulator, "a")["status"]["phase"] == "Pending"
            simulator.set_node_ready("node1", True)
            phase_comes(simulator, "a", "Running")

    def test_work_goes_on_after_a_restart(self) -> None:
        with KubernetesSimulator(kubelet=Kubelet(start_delay=0.05)) as simulator:
            simulator.create_node("node1")
            simulator.create_pod(pod("a"))
            bind(simulator, "a")
            simulator.stop()
            assert found(simulator, "a")["status"]["phase"] == "Pending"
            simulator.start()
            phase_comes(simulator, "a", "Running")


class TestTLS:
    @pytest.fixture(scope="class")
    def secure(self) -> Iterator[KubernetesSimulator]:
        if shutil.which("openssl") is None:
            pytest.skip("no openssl here")
        with KubernetesSimulator(tls=True, tokens={"t": ("admin", ["system:masters"])}) as simulator:
            yield simulator

    def _status(self, simulator: KubernetesSimulator, context: ssl.SSLContext, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection("localhost", simulator.port, context=context, timeout=20)
        answer = send(connection, "DELETE", f"{PODS}/a", **headers)
        connection.close()
        return answer.status, answer.body

    def test_the_authority_vouches_for_the_server(self, secure: KubernetesSimulator) -> None:
        context = ssl.create_default_context(cafile=str(secure.certificate_authority))
        assert self._status(secure, context, Authorization="Bearer t")[0] == 404
        with pytest.raises(ssl.SSLCertVerificationError):
            self._status(secure, ssl.create_default_context())

    def test_a_kubelets_certificate_deletes_pods_of_its_node_only(
            self, secure: KubernetesSimulator, tmp_path: Path) -> None:
        secure.create_pod({**pod("a"), "spec": {**pod("a")["spec"], "nodeName": "node1"}})
        answers = []
        for node in ("node2", "node1"):
            path = tmp_path / node
            secure.write_kubeconfig(path, user=f"system:node:{node}", groups=["system:nodes"])
            context = self._context_of(path)
            answers.append(self._status(secure, context))
        assert answers[0][0] == 403 and b"can only delete pods with spec.nodeName set to itself" in answers[0][1]
        assert answers[1][0] == 200

    @staticmethod
    def _context_of(kubeconfig: Path) -> ssl.SSLContext:
        config = json.loads(kubeconfig.read_text())
        parts = {**config["clusters"][0]["cluster"], **config["users"][0]["user"]}
        files = {}
        for name in ("certificate-authority-data", "client-certificate-data", "client-key-data"):
            files[name] = kubeconfig.with_suffix(f".{name}")
            files[name].write_bytes(base64.b64decode(parts[name]))
        context = ssl.create_default_context(cafile=str(files["certificate-authority-data"]))
        context.load_cert_chain(files["client-certificate-data"], files["client-key-data"])
        return context


class TestConnections:
    def test_requests_sent_at_once_are_answered_in_order(self, simulator: KubernetesSimulator) -> None:
        with socket.create_connection(("127.0.0.1", simulator.port), timeout=20) as raw:
            raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                        b"GET /nosuch HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: raw.recv(4096), b""))
        assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"200", b"404"]

    def test_a_body_in_chunks_is_read(self, simulator: KubernetesSimulator) -> None:
        body = json.dumps(pod("a")).encode()
        connection = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=20)
        connection.request("POST", PODS, iter([body[:20], body[20:]]), {"Content-Type": "application/json"},
                           encode_chunked=True)
        assert connection.getresponse().status == 201
        connection.close()

    def test_nonsense_ends_one_connection_only(self, simulator: KubernetesSimulator) -> None:
        with socket.create_connection(("127.0.0.1", simulator.port), timeout=20) as raw:
            raw.sendall(b"nonsense\r\n\r\n")
            assert b"".join(iter(lambda: raw.recv(4096), b"")).startswith(b"HTTP/1.1 400 ")
        assert request(simulator, "GET", "/healthz").body == b"ok"

    def test_an_object_of_impossible_form_is_refused_and_logged(
            self, simulator: KubernetesSimulator, caplog: pytest.LogCaptureFixture) -> None:
        assert request(simulator, "POST", PODS, {"metadata": [1]}).json["reason"] == "InternalError"
        assert f"POST {PODS}" in caplog.text
        assert request(simulator, "GET", "/healthz").body == b"ok"

    def test_expect_continue(self, simulator: KubernetesSimulator) -> None:
        body = json.dumps(pod("a")).encode()
        with socket.create_connection(("127.0.0.1", simulator.port), timeout=20) as raw:
            raw.sendall(f"POST {PODS} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\n"
                        f"Content-Length: {len(body)}\r\n\r\n".encode())
            assert raw.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
            raw.sendall(body)
            assert b"".join(iter(lambda: raw.recv(4096), b"")).startswith(b"HTTP/1.1 201 ")
