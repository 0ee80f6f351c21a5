"""Whatever binder is told, it touches what is ours and what can be so, and says what is worth saying."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest

from integration.lone_binder import LoneBinder, lone_binder
from integration.played_broker import PlayedBroker
from real.kubernetes import RealKubernetes
from simulators.kubernetes import KubernetesSimulator

PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture(params=["1.20", "1.36", "real_api"])
def api(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A simulated API of each release, and a real kube-apiserver."""
    if request.param != "real_api":
        with KubernetesSimulator(version=request.param) as simulator:
            simulator.create_node("node1")
            yield simulator
        return
    reason = RealKubernetes.missing()
    if reason:
        pytest.skip(f"no real Kubernetes here: {reason}")
    real = request.getfixturevalue("real_kubernetes")
    if not any(node["metadata"]["name"] == "node1" for node in real.nodes()):
        real.create_node("node1")
    yield real
    for pod in real.pods():
        real.remove_pod(pod["metadata"]["namespace"], pod["metadata"]["name"])


@pytest.fixture
def binder(api: Any, tmp_path: Path) -> Iterator[LoneBinder]:
    with lone_binder(api, tmp_path) as lone:
        yield lone


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[LoneBinder]:
    """Where requests are counted."""
    with KubernetesSimulator() as simulator, lone_binder(simulator, tmp_path) as lone:
        simulator.create_node("node1")
        yield lone


def requests_of(lone: LoneBinder) -> list[str]:
    """All requests of binder but the one for the version."""
    return [f"{entry.method} {entry.target}" for entry in list(lone.kubernetes.requests.entries)
            if entry.user_agent.startswith("binder/") and entry.target != "/version"]


# Ids


def test_an_outcome_repeats_the_id_of_its_message(binder: LoneBinder) -> None:
    pod = binder.create("redis")
    assert binder.broker.answer_to("report", pod, message="held", id=7)["id"] == 7
    assert "id" not in binder.broker.answer_to("report", pod, message="held")
    bound = binder.broker.answer_to("bind", pod, id=9)
    assert (bound["id"], bound["result"], bound["request"], bound["job"]) == (9, "bound", "bind", "5.pbs")


def test_the_same_words_with_another_id_are_answered_again(simulated: LoneBinder) -> None:
    pod = simulated.create("redis")
    for number in range(20):
        simulated.broker.report(pod, "held", id=number)
    simulated.kubernetes.wait(lambda _: simulated.broker.outcomes and simulated.broker.outcomes[-1]["id"] == 19, 15)
    ids = [outcome["id"] for outcome in simulated.broker.outcomes]
    assert ids == sorted(set(ids)), "an answer to each that was not replaced, and to none twice"


def test_each_brokers_word_about_a_pod_stands_for_itself(tmp_path: Path) -> None:
    """A broker that has lost a pod takes it back from us; what the one that has it now asks for stands."""
    with KubernetesSimulator() as simulator, lone_binder(simulator, tmp_path) as lone:
        simulator.create_node("node1")
        lone.process.stop()
        other = PlayedBroker(lone.connector.socket("other"))
        try:
            lone.connector.start_process("binder", brokers=("pbs-broker", "other"))
            pod = lone.create("redis")
            reference = {key: pod["metadata"][key] for key in ("uid", "namespace", "name")}
            other.answer_to("report", pod, message="held")  # both are connected, and the server is known
            lone.broker.answer_to("report", pod, message="held")
            simulator.pause()
            lone.broker.bind(pod, id=1)
            other.say({"type": "withdraw", "owner": "binder", "pod": reference, "id": 1})
            other.say({"type": "bind", "owner": "another", "pod": reference, "id": 2, "node": "node2", "job": "6.pbs", "runCount": 1})
            refused = other.answer_to("bind", {"uid": "u", "namespace": "A", "name": "a"})  # behind the two
            assert refused["result"] == "refused"
            simulator.resume()
            assert lone.broker.wait_outcomes(2)[1]["result"] == "bound"
            assert [outcome["request"] for outcome in other.outcomes] == ["report", "bind"]
        finally:
            other.close()


# Names


@pytest.mark.parametrize("change, words", [
    ({"namespace": "../../nodes"}, "no namespace's name"), ({"namespace": "default/pods/other"}, "no namespace's name"),
    ({"name": "redis?dryRun=All"}, "no pod's name"), ({"name": "../../secrets/a"}, "no pod's name"),
    ({"name": "redis\r\nX-Header: a"}, "no pod's name"), ({"name": ""}, "no pod's name"),
    ({"name": "a" * 254}, "no pod's name"),
    ({"uid": "u/../v"}, "no UID"), ({"uid": "x" * 100_000}, "no UID"),
])
def test_a_name_that_is_none_reaches_no_url(simulated: LoneBinder, change: dict[str, str], words: str) -> None:
    metadata = simulated.create("redis")["metadata"]
    reference = {**{key: metadata[key] for key in ("uid", "namespace", "name")}, **change}
    for number, kind in enumerate(("bind", "report", "evict")):
        fields = {"message": "a"} if kind == "report" else {}
        outcome = simulated.broker.answer_to(kind, reference, id=number, **fields)
        assert (outcome["result"], outcome["id"], outcome["request"]) == ("refused", number, kind)
        assert words in outcome["message"]
    assert requests_of(simulated) == []
    simulated.process.wait_for_log("message evict is refused")
    assert len(simulated.lines("is refused")) == 3
    assert all(len(line) < 400 for line in simulated.process.lines)


@pytest.mark.parametrize("fields, words", [
    ({"job": "workq"}, "no job's id"), ({"job": "-Q"}, "no job's id"), ({"job": "5.pbs; rm"}, "no job's id"),
    ({"node": "node1/status"}, "no node's name"), ({"node": ""}, "no node's name"), ({"node": "N\u202eode"}, "no node's name"),
])
def test_a_binding_to_no_node_or_for_no_job_is_refused(simulated: LoneBinder, fields: dict[str, str], words: str) -> None:
    outcome = simulated.broker.answer_to("bind", simulated.create("redis"), **fields)
    assert outcome["result"] == "refused" and words in outcome["message"]
    assert requests_of(simulated) == []


def test_a_broker_that_talks_nonsense_fills_neither_log_nor_memory(simulated: LoneBinder) -> None:
    pod = {"uid": "u", "namespace": "Nobody", "name": "a"}
    for number in range(2000):
        simulated.broker.evict(pod, "x" * 1000, id=number)
        simulated.broker.say({"type": "bind", "owner": "binder", "pod": number})
    assert simulated.broker.wait_outcomes(2000)[-1]["id"] == 1999
    assert requests_of(simulated) == []
    assert len(simulated.process.lines) < 100
    assert simulated.broker.answer_to("bind", simulated.create("redis"))["result"] == "bound"


# Whose pod


def test_pods_of_other_schedulers_are_not_touched(binder: LoneBinder) -> None:
    other = binder.create("other", scheduler="default-scheduler")
    for kind in ("report", "evict") if binder_posts_blindly(binder) else ("bind", "report", "evict"):
        outcome = binder.broker.answer_to(kind, other, **({"message": "held"} if kind == "report" else {}))
        assert outcome["result"] == "refused", kind
        assert 'its scheduler is "default-scheduler"' in outcome["message"]
    assert binder.broker.answer_to("report", other, message="a", reason="JobSuspended", unscheduled=False)["result"] == "refused"
    assert binder.pod("other")["metadata"]["resourceVersion"] == other["metadata"]["resourceVersion"]
    assert binder.events_of("other") == []


def binder_posts_blindly(binder: LoneBinder) -> bool:
    """Where the API server compares a Binding's UID itself, a binding costs one request and no look before it."""
    ask = binder.kubernetes.client.json if isinstance(binder.kubernetes, RealKubernetes) else binder.kubernetes.request
    minor = ask("GET", "/version")["minor"].rstrip("+")
    return minor.isdigit() and int(minor) >= 36  # empty in what was not built from a tag


def test_other_scheduler_names_are_ours_when_the_configuration_says_so(tmp_path: Path) -> None:
    with (KubernetesSimulator(version="1.20") as simulator,
          lone_binder(simulator, tmp_path, "binder:\n  scheduler-name: [batch, default-scheduler]\n") as lone):
        simulator.create_node("node1")
        for scheduler in ("batch", "default-scheduler"):
            assert lone.broker.answer_to("bind", lone.create(scheduler, scheduler=scheduler))["result"] == "bound"
        assert lone.broker.answer_to("bind", lone.create("third"))["result"] == "refused"


def test_an_annotation_that_its_owner_has_changed_saves_no_pod(binder: LoneBinder) -> None:
    pod = binder.create("redis")
    assert binder.broker.answer_to("bind", pod)["result"] == "bound"
    patch(binder, f"{PODS}/redis", {"metadata": {"annotations": {"pbs-connector/job-id": "workq"}}})
    assert binder.broker.answer_to("evict", pod)["result"] == "deleted"


def test_a_pod_that_is_bound_to_no_node_is_not_deleted(binder: LoneBinder) -> None:
    """A restored etcd has undone its binding, and its broker has not heard of that."""
    pod = binder.create("redis")
    assert binder.broker.answer_to("evict", pod)["result"] == "conflict"
    assert "deletionTimestamp" not in binder.pod("redis")["metadata"]
    assert binder.condition("redis", "DisruptionTarget") is None


# Conditions


def test_the_transition_time_moves_with_the_status_only(binder: LoneBinder) -> None:
    pod = binder.create("redis")
    binder.broker.answer_to("report", pod, message="job 5.pbs: queued")
    first = binder.condition("redis", "PodScheduled")
    assert first is not None and first["status"] == "False" and first["lastTransitionTime"]
    past = "2020-01-01T00:00:00Z"
    set_transition_time(binder, "redis", past)
    binder.broker.answer_to("report", pod, message="job 5.pbs: held")
    second = binder.condition("redis", "PodScheduled")
    assert second is not None and second["message"] == "job 5.pbs: held"
    assert second["lastTransitionTime"] == past
    binder.broker.answer_to("bind", pod)
    bound = binder.condition("redis", "PodScheduled")
    assert bound is not None and bound["status"] == "True" and bound["lastTransitionTime"] != past


def set_transition_time(binder: LoneBinder, name: str, time: str) -> None:
    """As if the condition were so old."""
    patch(binder, f"{PODS}/{name}/status", {"status": {"conditions": [{"type": "PodScheduled", "lastTransitionTime": time}]}})


def patch(binder: LoneBinder, path: str, change: dict[str, Any]) -> None:
    """A strategic merge patch by an administrator."""
    kind = "application/strategic-merge-patch+json"
    if isinstance(binder.kubernetes, RealKubernetes):
        binder.kubernetes.client.json("PATCH", path, change, kind)
    else:
        binder.kubernetes.request("PATCH", path, change, kind)


def test_a_condition_that_stands_is_not_written_again(simulated: LoneBinder) -> None:
    pod = simulated.create("redis")
    for _ in range(5):
        assert simulated.broker.answer_to("report", pod, message="job 5.pbs: held")["result"] == "reported"
    assert sum(request.startswith("PATCH") for request in requests_of(simulated)) == 1


def test_a_comment_with_a_changing_number_is_written_once(simulated: LoneBinder) -> None:
    pods = [simulated.create(f"pod-{number}") for number in range(20)]
    for free in range(15, 0, -1):
        for pod in pods:
            simulated.broker.report(pod, f"job 5.pbs: Not Running: Insufficient amount of resource: ncpus (R: 16 A: {free} T: 16)")
    simulated.broker.wait_outcomes(20)
    simulated.kubernetes.wait(lambda _: all(simulated.events_of(pod["metadata"]["name"]) for pod in pods), 15)
    written = [request for request in requests_of(simulated) if not request.startswith("GET")]
    assert len(written) == 40, "for each pod one condition and one Event"


def test_a_pod_whose_words_change_all_the_time_is_written_to_a_few_times(simulated: LoneBinder) -> None:
    pod = simulated.create("redis")
    results = [simulated.broker.answer_to("report", pod, message=f"PBS says {'x' * number}")["result"] for number in range(1, 60)]
    assert results[:5] == ["reported"] * 5
    assert set(results[6:]) == {"retry"}
    condition = simulated.condition("redis", "PodScheduled")
    assert condition is not None and condition["message"] == f"PBS says {'x' * results.count('reported')}"
    written = [request for request in requests_of(simulated) if not request.startswith("GET")]
    assert len(written) <= 12


def test_a_report_that_comes_late_leaves_a_bound_pod_as_it_is(binder: LoneBinder) -> None:
    pod = binder.create("redis")
    binder.kubernetes.bind("default", "redis", "node1")
    assert binder.broker.answer_to("report", pod, message="job 5.pbs: held")["result"] == "finished"
    condition = binder.condition("redis", "PodScheduled")
    assert condition is not None and condition["status"] == "True"
    assert binder.events_of("redis") == []


def test_what_pbs_says_cannot_act_on_a_terminal(binder: LoneBinder) -> None:
    pod = binder.create("redis")
    evil = "\x1b[2Jheld\u202e\nroot:\x9b0m" + "y" * 5000
    assert binder.broker.answer_to("report", pod, message=evil)["result"] == "reported"
    condition = binder.condition("redis", "PodScheduled")
    assert condition is not None
    for text in (condition["message"], binder.wait_event("redis", "FailedScheduling")["message"]):
        assert text.startswith("\\u{1b}[2Jheld\\u{202e} | root:\\u{9b}0myyy") and text.endswith("yyy...")
        assert len(text) == 1024
    binder.broker.answer_to("bind", pod)
    binder.broker.answer_to("evict", pod, message=evil)
    assert "\\u{1b}[2Jheld" in binder.process.wait_for_log("deleting pod")
    assert not any(ord(character) < 32 for line in binder.process.lines for character in line)


# Grace


def test_an_endless_grace_period_is_cut_when_the_job_has_ended(binder: LoneBinder) -> None:
    pod = binder.create("endless", terminationGracePeriodSeconds=315360000)
    modest = binder.create("modest", terminationGracePeriodSeconds=60)
    for each in (pod, modest):
        assert binder.broker.answer_to("bind", each)["result"] == "bound"
        assert binder.broker.answer_to("evict", each)["result"] == "deleted"
    assert binder.pod("endless")["metadata"]["deletionGracePeriodSeconds"] == 3600
    assert binder.pod("modest")["metadata"]["deletionGracePeriodSeconds"] == 60
    assert binder.wait_event("endless", "JobEnded")["message"] == "it has ended; its grace period of 315360000 s is cut to 3600 s"
    assert binder.wait_event("modest", "JobEnded")["message"] == "it has ended"


def test_a_pod_that_was_deleted_with_endless_grace_gets_less_when_its_job_has_ended(binder: LoneBinder) -> None:
    pod = binder.create("endless")
    assert binder.broker.answer_to("bind", pod)["result"] == "bound"
    binder.kubernetes.delete_pod("default", "endless", 315360000)
    assert binder.broker.answer_to("evict", pod)["result"] == "deleted"
    assert binder.pod("endless")["metadata"]["deletionGracePeriodSeconds"] == 3600
    version = binder.pod("endless")["metadata"]["resourceVersion"]
    assert binder.broker.answer_to("evict", pod)["result"] == "deleted"
    assert binder.pod("endless")["metadata"]["resourceVersion"] == version, "once is enough"
