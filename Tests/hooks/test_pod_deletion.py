"""A pod's job that ends takes its pod with it, by kubelet's own credential."""
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from hooks.execution_host import POD_UID, ExecutionHost, native_job, pods_job
from hooks.kubernetes_api import TOKEN, KubernetesAPI, elapsed


def test_the_pod_of_a_job_that_ends_is_deleted(node: ExecutionHost, api: KubernetesAPI) -> None:
    api.add("redis", POD_UID, annotations={"pbs-connector/job-id": "6.pbsserver"})
    outcome = node.run("EXECJOB_END", pods_job("6.pbsserver"))
    assert outcome.rejected is None
    (options,) = api.deletions()
    assert options["preconditions"]["uid"] == POD_UID
    assert "gracePeriodSeconds" not in options, "the pod's own grace period holds"
    assert ("6.pbsserver", "pbs_kubernetes: pod default/redis deleted") in outcome.log


def test_an_aborted_jobs_pod_is_deleted_too(node: ExecutionHost, api: KubernetesAPI) -> None:
    api.add("redis", POD_UID)
    node.run("EXECJOB_ABORT", pods_job())
    assert len(api.deletions()) == 1


@pytest.mark.parametrize("pod, why", [
    (dict(phase="Succeeded"), "has finished (Succeeded) and stays"),
    (dict(phase="Failed"), "has finished (Failed) and stays"),
    (dict(uid="00000000-0000-0000-0000-000000000000"), "is another one by now"),
    (dict(deletionTimestamp="2026-11-24T03:34:47Z"), "is being deleted already"),
    (dict(node=None), "is not bound and stays"),
    (dict(annotations={"pbs-connector/job-id": "7.pbsserver"}), "was bound for job 7.pbsserver and stays"),
])
def test_pods_that_stay(node: ExecutionHost, api: KubernetesAPI, pod: Any, why: str) -> None:
    api.add("redis", **dict({"uid": POD_UID}, **pod))
    outcome = node.run("EXECJOB_END", pods_job("6.pbsserver"))
    assert api.deletions() == []
    assert why in outcome.messages()


def test_a_pod_that_finishes_between_the_look_and_the_deletion_stays(node: ExecutionHost, api: KubernetesAPI) -> None:
    pod = api.add("redis", POD_UID)

    def finish(handler: Any) -> bool:
        if handler.command == "DELETE":
            pod["status"]["phase"] = "Succeeded"
            pod["metadata"]["resourceVersion"] = "8"
        return False

    api.fault = finish
    outcome = node.run("EXECJOB_END", pods_job())
    assert "deletionTimestamp" not in pod["metadata"]
    assert "has finished (Succeeded) and stays" in outcome.messages()


def test_a_pod_that_changes_meanwhile_is_looked_at_again(node: ExecutionHost, api: KubernetesAPI) -> None:
    pod = api.add("redis", POD_UID)
    versions = iter(["8", "9"])

    def change(handler: Any) -> bool:
        if handler.command == "DELETE":
            pod["metadata"]["resourceVersion"] = next(versions, pod["metadata"]["resourceVersion"])
        return False

    api.fault = change
    node.run("EXECJOB_END", pods_job())
    assert "deletionTimestamp" in pod["metadata"]
    assert len(api.deletions()) == 3


def test_a_pod_that_is_gone(node: ExecutionHost, api: KubernetesAPI) -> None:
    assert "is gone already" in node.run("EXECJOB_END", pods_job()).messages()


@pytest.mark.parametrize("job", [native_job(), pods_job(Job_Owner="mallory@pbsserver")])
def test_the_end_of_any_other_job_asks_nothing(node: ExecutionHost, api: KubernetesAPI, job: Any) -> None:
    api.add("redis", POD_UID)
    node.run("EXECJOB_END", job)
    assert api.requests == []


def test_a_job_that_does_not_name_its_pod(node: ExecutionHost, api: KubernetesAPI) -> None:
    outcome = node.run("EXECJOB_END", pods_job(Variable_List="KUBERNETES_POD_UID=" + POD_UID))
    assert api.requests == [] and "does not name its pod" in outcome.messages()


def test_odd_names_stay_inside_their_path(node: ExecutionHost, api: KubernetesAPI) -> None:
    node.run("EXECJOB_END", pods_job(name="../../nodes/node1?x", namespace="a/b"))
    assert [path for _, path, _ in api.requests] == ["/api/v1/namespaces/a%2Fb/pods/..%2F..%2Fnodes%2Fnode1%3Fx"]


@pytest.mark.parametrize("fault", ["hang", "trickle"])
def test_an_api_that_hangs_holds_the_job_up_for_api_timeout_at_most(
        node: ExecutionHost, api: KubernetesAPI, fault: str) -> None:
    api.add("redis", POD_UID)
    api.fault = getattr(api, fault)
    node.configure(api_timeout=0.5)
    seconds, outcome = elapsed(lambda: node.run("EXECJOB_END", pods_job()))
    assert outcome.rejected is None and "left to the binder" in outcome.messages()
    assert 0.4 < seconds < 3


def test_an_api_that_is_away(node: ExecutionHost, api: KubernetesAPI) -> None:
    api.stop()
    outcome = node.run("EXECJOB_END", pods_job())
    assert outcome.rejected is None and "Connection refused" in outcome.messages()


@pytest.mark.parametrize("strict", [False, True])
def test_an_api_that_fails(node: ExecutionHost, api: KubernetesAPI, strict: bool) -> None:
    node.configure(strict=strict)

    def fail(handler: Any) -> bool:
        handler.send(500, {"kind": "Status", "message": "etcdserver: request timed out"})
        return True

    api.fault = fail
    outcome = node.run("EXECJOB_END", pods_job())
    assert outcome.rejected is None and "500: etcdserver: request timed out" in outcome.messages()


def test_half_an_answer(node: ExecutionHost, api: KubernetesAPI) -> None:
    def half(handler: Any) -> bool:
        handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"kin')
        handler.close_connection = True
        return True

    api.fault = half
    assert "left to the binder" in node.run("EXECJOB_END", pods_job()).messages()


def test_a_credential_that_is_refused(node: ExecutionHost, api: KubernetesAPI) -> None:
    api.add("redis", POD_UID)
    kubeconfig = Path(str(node.settings["kubeconfig"]))
    kubeconfig.write_text(kubeconfig.read_text().replace(TOKEN, "wrong"))
    assert "401: Unauthorized" in node.run("EXECJOB_END", pods_job()).messages()
    assert api.deletions() == []


def test_a_server_of_another_authority_is_not_trusted(node: ExecutionHost, api: KubernetesAPI, tmp_path: Path) -> None:
    api.add("redis", POD_UID)
    other = KubernetesAPI(tmp_path / "other")
    try:
        kubeconfig = Path(str(node.settings["kubeconfig"]))
        kubeconfig.write_text(kubeconfig.read_text().replace(api.url, other.url))
        assert "CERTIFICATE_VERIFY_FAILED" in node.run("EXECJOB_END", pods_job()).messages()
        assert other.requests == []
    finally:
        other.stop()


@pytest.mark.parametrize("inline", [True, False])
def test_a_client_certificate_as_kubelet_has_it(host: ExecutionHost, tmp_path: Path, inline: bool) -> None:
    """Files are given relative to the kubeconfig, or as kubelet's rotated file with both in one."""
    api = KubernetesAPI(tmp_path / "api", require_client_certificate=True)
    try:
        api.add("redis", POD_UID)
        certificate, key = (api.directory / "client.crt").read_bytes(), (api.directory / "client.key").read_bytes()
        (host.directory / "kubelet-client-current.pem").write_bytes(certificate + key)
        user = {"client-certificate": "kubelet-client-current.pem", "client-key": "kubelet-client-current.pem"}
        if inline:
            user = {"client-certificate-data": base64.b64encode(certificate).decode(),
                    "client-key-data": base64.b64encode(key).decode()}
        kubeconfig = host.directory / "kubelet.conf"
        kubeconfig.write_text(json.dumps({
            "clusters": [{"name": "c", "cluster": {"server": api.url, "certificate-authority": str(api.directory / "ca.crt")}}],
            "users": [{"name": "u", "user": user}], "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x"}))
        host.configure(kubeconfig=str(kubeconfig))
        outcome = host.run("EXECJOB_END", pods_job())
        assert len(api.deletions()) == 1, outcome.messages()
    finally:
        api.stop()


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
