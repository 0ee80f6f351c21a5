"""RealKubernetes does what its interface says, against the real API server."""

from __future__ import annotations

import json
import subprocess
import threading
import time
import uuid
from pathlib import Path
from typing import Any, Callable

import pytest

from .kubernetes import USERS, RealKubernetes
from .kubernetes_client import KubernetesClient, KubernetesError

pytestmark = pytest.mark.real_api

RULES = """\
# A comment, and an empty document before the first.
---
apiVersion: v1
kind: Namespace
metadata: {name: connector}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  labels:
    name: misleading   # not the object's name
  namespace: "connector"
  name: 'kube-watcher'
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: kube-watcher
rules:
- apiGroups: [""]
  resources: [pods, nodes]
  verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: kube-watcher
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kube-watcher}
subjects:
- {kind: ServiceAccount, name: kube-watcher, namespace: connector}
"""


def pod_manifest() -> dict[str, Any]:
    return {"metadata": {"name": f"pod-{uuid.uuid4().hex[:8]}"},
            "spec": {"schedulerName": "pbs", "containers": [{"name": "c", "image": "lab/busybox:1"}]}}


def runs(name: str) -> Callable[[RealKubernetes], bool]:
    def predicate(cluster: RealKubernetes) -> bool:
        pod = cluster.pod("default", name)
        return pod is not None and pod["status"]["phase"] == "Running"
    return predicate


def test_a_pod_lives_until_it_is_removed(kubernetes: RealKubernetes) -> None:
    name = kubernetes.create_pod(pod_manifest())["metadata"]["name"]
    kubernetes.bind("default", name, "node1", {"pbs-connector/job-id": "5.pbsserver"})
    kubernetes.set_pod_phase("default", name, "Running")
    deleted = kubernetes.delete_pod("default", name, grace_period_seconds=7)
    assert deleted["metadata"]["deletionGracePeriodSeconds"] == 7
    pod = kubernetes.pod("default", name)
    assert pod is not None, "a bound pod must stay until its kubelet removes it"
    assert pod["spec"]["nodeName"] == "node1"
    assert pod["metadata"]["annotations"]["pbs-connector/job-id"] == "5.pbsserver"
    assert pod["status"]["phase"] == "Running"
    kubernetes.remove_pod("default", name)
    assert kubernetes.pod("default", name) is None
    with pytest.raises(KubernetesError) as refusal:
        kubernetes.remove_pod("default", name)
    assert (refusal.value.status, refusal.value.reason) == (404, "NotFound")


def test_nodes_become_ready_and_go(kubernetes: RealKubernetes) -> None:
    def ready(cluster: RealKubernetes) -> str | None:
        node = next((n for n in cluster.client.json("GET", "/api/v1/nodes")["items"] if n["metadata"]["name"] == "spare"), None)
        return node and node["status"]["conditions"][0]["status"]

    created = kubernetes.create_node("spare", ready=False, cpu="8", labels={"rack": "r1"})
    assert created["status"]["allocatable"]["cpu"] == "8"
    assert created["metadata"]["labels"] == {"kubernetes.io/hostname": "spare", "rack": "r1"}
    assert ready(kubernetes) == "False"
    kubernetes.set_node_ready("spare", True)
    assert ready(kubernetes) == "True"
    kubernetes.delete_node("spare")
    assert ready(kubernetes) is None


def test_wait_sees_what_another_thread_does(kubernetes: RealKubernetes) -> None:
    manifest = pod_manifest()
    name = manifest["metadata"]["name"]
    started = time.monotonic()
    thread = threading.Timer(0.5, kubernetes.create_pod, [manifest])
    thread.start()
    pod = kubernetes.wait(lambda cluster: cluster.pod("default", name), timeout=20)
    thread.join()
    assert pod["metadata"]["name"] == name
    assert time.monotonic() - started >= 0.5
    kubernetes.remove_pod("default", name)


def test_wait_that_fails_says_what_there_is(kubernetes: RealKubernetes) -> None:
    name = kubernetes.create_pod(pod_manifest())["metadata"]["name"]
    with pytest.raises(TimeoutError, match=f"default/{name} Pending on no node"):
        kubernetes.wait(lambda cluster: False, timeout=0.3)
    kubernetes.remove_pod("default", name)


def test_events_are_listed_by_namespace(kubernetes: RealKubernetes) -> None:
    reason = f"Reason{uuid.uuid4().hex[:8]}"
    kubernetes.client.json("POST", "/api/v1/namespaces/default/events", {
        "metadata": {"generateName": "a."}, "reason": reason, "type": "Normal",
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": "a"}})
    assert [e["reason"] for e in kubernetes.events("default") if e["reason"] == reason] == [reason]
    assert [e["reason"] for e in kubernetes.events() if e["reason"] == reason] == [reason]
    assert [e["reason"] for e in kubernetes.events("kube-system") if e["reason"] == reason] == []


@pytest.mark.parametrize("user", [user for user in USERS if user != "admin"])
def test_a_user_has_no_rights_on_pods_that_nobody_gave(kubernetes: RealKubernetes, user: str) -> None:
    # A kubelet may delete pods as such; NodeRestriction then says which, once there is one.
    answer = kubernetes.client_of(user).request("DELETE", "/api/v1/namespaces/default/pods/nosuch")
    assert answer.status in (403, 404)
    assert (answer.status == 404) == user.startswith("node")
    assert kubernetes.client_of(user).request("POST", "/api/v1/namespaces", b"{}").status == 403


def test_applied_rules_hold_for_the_account_they_name(kubernetes: RealKubernetes) -> None:
    applied = kubernetes.apply(RULES)
    assert [o["kind"] for o in applied] == ["Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding"]
    assert applied[1]["metadata"]["namespace"] == "connector"
    assert kubernetes.apply(RULES)[1]["metadata"]["uid"] == applied[1]["metadata"]["uid"], "applying again must update"
    token = kubernetes.service_account_token("connector", "kube-watcher")
    client = KubernetesClient(kubernetes.url, kubernetes.authority.certificate, token)
    kubernetes.wait(lambda _: client.request("GET", "/api/v1/pods").status == 200)
    assert client.request("POST", "/api/v1/namespaces/default/pods", b"{}").status == 403


def test_a_manifest_without_a_kind_is_refused(kubernetes: RealKubernetes) -> None:
    with pytest.raises(ValueError, match="apiVersion, kind and metadata"):
        kubernetes.apply("apiVersion: v1\nmetadata: {name: a}\n")


@pytest.mark.parametrize("client_certificate", [False, True], ids=["token", "certificate"])
def test_kubectl_is_content_with_the_kubeconfig(kubernetes: RealKubernetes, tmp_path: Path, client_certificate: bool) -> None:
    kubeconfig = kubernetes.write_kubeconfig(tmp_path / "config", client_certificate=client_certificate)
    try:
        done = subprocess.run(["kubectl", "--kubeconfig", kubeconfig, "get", "namespace", "default", "-o", "json"],
                              capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no kubectl in PATH")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["metadata"]["name"] == "default"


def test_data_outlives_a_crash_of_everything_and_waiting_goes_on(kubernetes: RealKubernetes) -> None:
    name = kubernetes.create_pod(pod_manifest())["metadata"]["name"]
    uid = kubernetes.wait(lambda cluster: cluster.pod("default", name))["metadata"]["uid"]
    kubernetes.stop()
    with pytest.raises(ConnectionRefusedError):
        kubernetes.pods()
    kubernetes.start()
    pod = kubernetes.pod("default", name)
    assert pod is not None and pod["metadata"]["uid"] == uid
    timer = threading.Timer(0.3, kubernetes.set_pod_phase, ["default", name, "Running"])
    timer.start()
    kubernetes.wait(runs(name))
    timer.join()
    kubernetes.remove_pod("default", name)


def test_wait_lasts_through_a_restart_of_the_api_server(kubernetes: RealKubernetes) -> None:
    name = kubernetes.create_pod(pod_manifest())["metadata"]["name"]

    def restart_and_run() -> None:
        kubernetes.restart_api_server()
        kubernetes.set_pod_phase("default", name, "Running")

    thread = threading.Thread(target=restart_and_run)
    thread.start()
    kubernetes.wait(runs(name), timeout=60)
    thread.join()
    kubernetes.remove_pod("default", name)


def test_a_paused_server_does_not_answer_until_it_resumes(kubernetes: RealKubernetes) -> None:
    token = kubernetes.tokens["admin"]
    impatient = KubernetesClient(kubernetes.url, kubernetes.authority.certificate, token, timeout=0.5)
    kubernetes.pause()
    try:
        with pytest.raises(TimeoutError):
            impatient.request("GET", "/readyz")
    finally:
        kubernetes.resume()
    assert kubernetes.client.request("GET", "/readyz").status == 200


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    reason = RealKubernetes.missing()
    if reason is not None:
        pytest.skip(f"real Kubernetes: {reason}")
    with RealKubernetes(tmp_path) as cluster:
        cluster.stop_api_server()
        (tmp_path / "tokens.csv").write_text("half a line\n")
        with pytest.raises(RuntimeError, match=r"(?s)kube-apiserver ended with status 1: .*tokens\.csv"):
            cluster.restart_api_server()
