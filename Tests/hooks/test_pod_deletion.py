"""A pod's job that ends takes its pod with it, by kubelet's own credential."""
import base64
import json
import re
import socket
import threading
from pathlib import Path
from typing import Any, Iterator

import pytest

from hooks.execution_host import ExecutionHost, native_job, pods_job
from hooks.kubernetes_node import KUBELETS, Before, Node
from hooks.timing import elapsed
from simulators.kubernetes import Cut, Fault, KubernetesSimulator, Reset, Status


def test_the_pod_of_a_job_that_ends_is_deleted(node: Node) -> None:
    pod = node.pod(annotations={"pbs-connector/job-id": "6.pbsserver"}, terminationGracePeriodSeconds=17)
    outcome = node.run("EXECJOB_END", node.job_of(pod, "6.pbsserver"))
    assert outcome.rejected is None
    (entry,) = [entry for entry in node.kubernetes.record if entry.kind == "deleting"]
    assert entry.uid == pod["metadata"]["uid"] and entry.user == "system:node:node1"
    assert entry.details["gracePeriodSeconds"] == 17, "the pod's own grace period holds"
    assert ("6.pbsserver", "pbs_kubernetes: pod default/redis deleted") in outcome.log


def test_an_aborted_jobs_pod_is_deleted_too(node: Node) -> None:
    node.run("EXECJOB_ABORT", node.job_of(node.pod()))
    assert node.deletes() == [200]


@pytest.mark.parametrize("pod, why", [
    (dict(phase="Succeeded"), "has finished (Succeeded) and stays"),
    (dict(phase="Failed"), "has finished (Failed) and stays"),
    (dict(phase="Pending", node=None), "is not bound and stays"),
    (dict(annotations={}), "names no job and stays"),
    (dict(annotations={"pbs-connector/job-id": "66.pbsserver"}), "was bound for job 66.pbsserver and stays"),
    (dict(annotations={"pbs-connector/job-id": ""}), "was bound for job  and stays"),
    (dict(schedulerName="default-scheduler"), "is one of scheduler default-scheduler and stays"),
    (dict(annotations={"pbs-connector/job-id": "6.pbsserver", "kubernetes.io/config.mirror": "0f3a"}),
     "is a static pod and stays"),
    (dict(annotations={"pbs-connector/job-id": "6.pbsserver", "kubernetes.io/config.source": "file"}),
     "is a static pod and stays"),
    (dict(annotations={"pbs-connector/job-id": "7.pbsserver"}), "was bound for job 7.pbsserver and stays"),
])
def test_pods_that_stay(node: Node, pod: Any, why: str) -> None:
    outcome = node.run("EXECJOB_END", node.job_of(node.pod(**pod), "6.pbsserver"))
    assert node.deletes() == []
    assert why in outcome.messages()


def test_a_pod_created_anew_under_the_same_name_stays(node: Node) -> None:
    pod = node.pod()
    job = pods_job("6.pbsserver", uid="00000000-0000-0000-0000-000000000000")
    assert "is another one by now, with UID %s" % pod["metadata"]["uid"] in node.run("EXECJOB_END", job).messages()
    assert node.deletes() == []


def test_a_pod_that_is_being_deleted_already_keeps_its_grace_period(node: Node) -> None:
    pod = node.pod()
    node.kubernetes.delete_pod("default", "redis", grace_period_seconds=77)
    assert "is being deleted already" in node.run("EXECJOB_END", node.job_of(pod)).messages()
    assert node.deletes() == []


def test_a_pod_that_finishes_between_the_look_and_the_deletion_stays(node: Node) -> None:
    pod = node.pod()
    node.kubernetes.faults.add(Before("DELETE", lambda: node.kubernetes.set_pod_phase("default", "redis", "Succeeded")))
    outcome = node.run("EXECJOB_END", node.job_of(pod))
    assert "has finished (Succeeded) and stays" in outcome.messages()
    assert node.deletes() == [409] and node.kubernetes.pod("default", "redis") is not None


def test_a_pod_that_is_created_anew_between_the_look_and_the_deletion_stays(node: Node) -> None:
    pod = node.pod()

    def replace() -> None:
        node.kubernetes.remove_pod("default", "redis")
        node.pod()

    node.kubernetes.faults.add(Before("DELETE", replace))
    assert "is another one by now" in node.run("EXECJOB_END", node.job_of(pod)).messages()
    found = node.kubernetes.pod("default", "redis")
    assert found is not None and "deletionTimestamp" not in found["metadata"]


def test_a_pod_that_changes_meanwhile_is_looked_at_again(node: Node) -> None:
    pod = node.pod()
    changes = iter(["1", "2"])

    def change() -> None:
        number = next(changes, None)
        if number is not None:
            node.kubernetes.patch_pod("default", "redis", {"metadata": {"annotations": {"changed": number}}})

    node.kubernetes.faults.add(Before("DELETE", change))
    node.run("EXECJOB_END", node.job_of(pod))
    assert node.deletes() == [409, 409, 200]


def test_a_pod_that_never_stops_changing_is_left_to_the_binder(node: Node) -> None:
    pod = node.pod()
    numbers = iter(range(1000))
    node.kubernetes.faults.add(Before("DELETE", lambda: node.kubernetes.patch_pod(
        "default", "redis", {"metadata": {"annotations": {"changed": str(next(numbers))}}})))
    assert "left to the binder" in node.run("EXECJOB_END", node.job_of(pod)).messages()


def test_a_pod_that_is_gone(node: Node) -> None:
    assert "is gone already" in node.run("EXECJOB_END", pods_job()).messages()


def test_a_pod_of_another_node_is_not_this_kubelets_to_delete(node: Node) -> None:
    """NodeRestriction sees to that."""
    pod = node.pod(node="node2")
    outcome = node.run("EXECJOB_END", node.job_of(pod))
    assert node.deletes() == [403]
    assert "can only delete pods with spec.nodeName set to itself" in outcome.messages()


@pytest.mark.parametrize("attributes", [dict(Variable_List="A=b"), dict(Job_Owner="mallory@pbsserver")])
def test_the_end_of_any_other_job_asks_nothing(node: Node, attributes: Any) -> None:
    node.run("EXECJOB_END", node.job_of(node.pod(), **attributes))
    assert node.asked() == []


def test_a_job_that_does_not_name_its_pod(node: Node) -> None:
    outcome = node.run("EXECJOB_END", pods_job(Variable_List="KUBERNETES_POD_UID=u-1"))
    assert node.asked() == [] and "does not name its pod" in outcome.messages()


def test_odd_names_stay_inside_their_path(node: Node) -> None:
    node.run("EXECJOB_END", pods_job(name="../../nodes/node1?x", namespace="a/b"))
    assert node.asked() == ["GET /api/v1/namespaces/a%2Fb/pods/..%2F..%2Fnodes%2Fnode1%3Fx"]


def test_an_api_that_hangs_holds_the_job_up_for_api_timeout_at_most(node: Node) -> None:
    job = node.job_of(node.pod())
    node.configure(api_timeout=0.5)
    node.kubernetes.pause()
    seconds, outcome = elapsed(lambda: node.run("EXECJOB_END", job))
    node.kubernetes.resume()
    assert outcome.rejected is None and "left to the binder" in outcome.messages()
    assert 0.4 < seconds < 3


@pytest.fixture
def trickle() -> Iterator[str]:
    """The URL of a server that answers one octet at a time, for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
            while not stopped.wait(0.05):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return  # the client has gone

    thread = threading.Thread(target=serve)
    thread.start()
    yield "http://127.0.0.1:%d" % listener.getsockname()[1]
    stopped.set()
    thread.join()
    listener.close()


def write_kubeconfig(path: Path, server: str, user: Any = None) -> None:
    """A kubeconfig as kubeadm writes it for kubelet, in YAML."""
    path.write_text("""apiVersion: v1
clusters:
- cluster:
    server: %s
  name: default-cluster
contexts:
- context:
    cluster: default-cluster
    namespace: default
    user: default-auth
  name: default-context
current-context: default-context
kind: Config
preferences: {}
users:
- name: default-auth
  user: %s
""" % (server, json.dumps(user or {})))


def test_an_api_that_trickles_holds_the_job_up_no_longer(host: ExecutionHost, trickle: str) -> None:
    write_kubeconfig(host.directory / "kubelet.conf", trickle)
    host.configure(kubeconfig=str(host.directory / "kubelet.conf"), api_timeout=0.5)
    seconds, outcome = elapsed(lambda: host.run("EXECJOB_END", pods_job()))
    assert outcome.rejected is None and "left to the binder" in outcome.messages()
    assert re.search("no answer within 0.5 s|no time left|timed out", outcome.messages())
    assert 0.4 < seconds < 3


def test_an_api_that_is_away(node: Node) -> None:
    job = node.job_of(node.pod())
    node.kubernetes.stop()
    outcome = node.run("EXECJOB_END", job)
    assert outcome.rejected is None and "Connection refused" in outcome.messages()


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("action, words", [(Status(500), "500: "), (Reset(), ""), (Cut(), "")])
def test_an_api_that_fails(node: Node, strict: bool, method: str, action: Any, words: str) -> None:
    """Strict or not, nothing keeps a job from ending."""
    node.configure(strict=strict)
    job = node.job_of(node.pod())
    fault = node.kubernetes.faults.add(Fault(method, action))
    outcome = node.run("EXECJOB_END", job)
    assert fault.hits == 1
    assert outcome.rejected is None
    assert "left to the binder" in outcome.messages() and words in outcome.messages()


def test_a_credential_that_is_refused(node: Node) -> None:
    pod = node.pod()
    node.kubeconfig.write_text(node.kubeconfig.read_text().replace("node1-token", "wrong"))
    assert "401: Unauthorized" in node.run("EXECJOB_END", node.job_of(pod)).messages()


def test_a_server_of_another_authority_is_not_trusted(node: Node) -> None:
    pod = node.pod()
    with KubernetesSimulator(tls=True, tokens=KUBELETS) as other:
        node.kubeconfig.write_text(node.kubeconfig.read_text().replace(node.kubernetes.url, other.url))
        assert "CERTIFICATE_VERIFY_FAILED" in node.run("EXECJOB_END", node.job_of(pod)).messages()
        assert not other.requests.entries


def test_a_server_that_is_not_to_be_verified(node: Node) -> None:
    pod = node.pod()
    write_kubeconfig(node.kubeconfig, node.kubernetes.url + "\n    insecure-skip-tls-verify: true", {"token": "node1-token"})
    node.run("EXECJOB_END", node.job_of(pod))
    assert node.deletes() == [200]


@pytest.mark.parametrize("inline", [True, False])
def test_a_client_certificate_as_kubelet_has_it(tmp_path: Path, kubernetes: KubernetesSimulator, inline: bool) -> None:
    """Its rotated file holds certificate and key in one; names may be relative to the kubeconfig."""
    node = Node(tmp_path / "node1", kubernetes, user="system:node:node1", groups=["system:nodes"])
    if not inline:
        config = json.loads(node.kubeconfig.read_text())
        user, cluster = config["users"][0]["user"], config["clusters"][0]["cluster"]
        pem = [base64.b64decode(user[key]) for key in ("client-certificate-data", "client-key-data")]
        (node.directory / "kubelet-client-current.pem").write_bytes(b"\n".join(pem))
        (node.directory / "ca.crt").write_bytes(base64.b64decode(cluster.pop("certificate-authority-data")))
        cluster["certificate-authority"] = str(node.directory / "ca.crt")
        config["users"][0]["user"] = {"client-certificate": "kubelet-client-current.pem",
                                      "client-key": "kubelet-client-current.pem"}
        node.kubeconfig.write_text(json.dumps(config))
    outcome = node.run("EXECJOB_END", node.job_of(node.pod()))
    assert node.deletes() == [200], outcome.messages()


def test_a_token_in_a_file(node: Node) -> None:
    config = json.loads(node.kubeconfig.read_text())
    (node.directory / "token").write_text("node1-token\n")
    config["users"][0]["user"] = {"tokenFile": "token"}
    node.kubeconfig.write_text(json.dumps(config))
    node.run("EXECJOB_END", node.job_of(node.pod()))
    assert node.deletes() == [200]


@pytest.mark.parametrize("text, complaint", [
    (None, "No such file"),
    ("clusters: []\nusers: []\ncontexts: []\ncurrent-context: x\n", "no 'x'"),
    ("just text", "kubelet.conf"),
    ("clusters: [{name: c, cluster: {server: 'nonsense'}}]\nusers: [{name: u, user: {}}]\n"
     "contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n", "'nonsense' is no URL"),
])
def test_a_kubeconfig_that_cannot_work(host: ExecutionHost, text: Any, complaint: str) -> None:
    kubeconfig = host.directory / "kubelet.conf"
    if text is not None:
        kubeconfig.write_text(text)
    host.configure(kubeconfig=str(kubeconfig))
    outcome = host.run("EXECJOB_END", pods_job())
    assert outcome.rejected is None
    assert complaint in outcome.messages() and "left to the binder" in outcome.messages()


def test_without_a_kubeconfig_nothing_is_asked(host: ExecutionHost) -> None:
    assert host.run("EXECJOB_END", pods_job()).log == []
    assert host.run("EXECJOB_END", native_job()).log == []
