"""A static pod never requests more than is free, since kubelet would evict other pods for it."""
from typing import Any, Dict, List

import pytest

from hooks.execution_host import POD_UID, ExecutionHost, native_job, pods_job
from hooks.kubernetes_api import KubernetesAPI, elapsed


def with_requests(*requests: Dict[str, str]) -> List[Dict[str, Any]]:
    """Containers that request these."""
    return [{"name": "c%d" % n, "resources": {"requests": r}} for n, r in enumerate(requests)]


@pytest.fixture
def small(node: ExecutionHost, api: KubernetesAPI) -> ExecutionHost:
    """node1, with four CPUs and eight gibibytes."""
    api.add_node("node1", cpu="4", memory="8Gi")
    return node


def job(id: str = "5.pbsserver", ncpus: int = 2, mem: str = "1gb", **attributes: Any) -> Any:
    """A native job on node1."""
    return native_job(id, exec_vnode="(node1:ncpus=%d:mem=%s)" % (ncpus, mem), exec_host2="node1:15002/0", **attributes)


def test_where_there_is_room_all_is_reserved(small: ExecutionHost, api: KubernetesAPI) -> None:
    api.add("redis", POD_UID)["spec"]["containers"] = with_requests({"cpu": "1500m", "memory": "640Mi"}, {"cpu": "500m"})
    small.run("EXECJOB_BEGIN", job())
    assert small.requests() == {"5.pbsserver": {"cpu": "2", "memory": "1048576Ki"}}


def test_a_pod_that_still_terminates_is_not_evicted(small: ExecutionHost, api: KubernetesAPI) -> None:
    """PBS gives the CPUs of an ended job away at once; its pod has its grace period to end."""
    pod = api.add("redis", POD_UID, deletionTimestamp="2026-11-24T03:34:47Z")
    pod["spec"]["containers"] = with_requests({"cpu": "2500m", "memory": "7.5Gi"})
    outcome = small.run("EXECJOB_BEGIN", job())
    assert small.requests() == {"5.pbsserver": {"cpu": "1500m", "memory": "524288Ki"}}
    assert "reserved cpu 1500m, memory 524288Ki in Kubernetes of cpu 2, memory 1048576Ki" in outcome.messages()
    small.periodic(job())
    assert small.requests()["5.pbsserver"]["cpu"] == "1500m"
    pod["status"]["phase"] = "Failed"  # it has ended
    small.periodic(job())
    assert small.requests() == {"5.pbsserver": {"cpu": "2", "memory": "1048576Ki"}}


def test_a_job_in_the_place_of_a_frozen_pod_is_not_counted_twice(small: ExecutionHost, api: KubernetesAPI) -> None:
    """Kubernetes goes on counting the frozen pod."""
    api.add("redis", POD_UID)["spec"]["containers"] = with_requests({"cpu": "3"})
    frozen = pods_job("6.pbsserver", substate="43")
    small.run("EXECJOB_BEGIN", job("7.pbsserver", ncpus=1))
    small.run("EXECJOB_BEGIN", job("8.pbsserver", ncpus=3))
    assert [small.requests()[id]["cpu"] for id in ("7.pbsserver", "8.pbsserver")] == ["1", "0"]
    before = small.pods()
    small.periodic(frozen, job("7.pbsserver", ncpus=1), job("8.pbsserver", ncpus=3))
    assert small.pods() == before, "nothing has changed, so no static pod is restarted"


def test_the_static_pods_of_jobs_count_by_their_manifests(small: ExecutionHost, api: KubernetesAPI) -> None:
    """The API lags behind: one ended job's pod is still there, one new job's pod not yet."""
    ended = api.add("pbs-4-pbsserver-node1", "u4", annotations={"pbs-connector/native-job-id": "4.pbsserver"})
    ended["spec"]["containers"] = with_requests({"cpu": "4"})
    small.run("EXECJOB_BEGIN", job("5.pbsserver", ncpus=3))
    small.run("EXECJOB_BEGIN", job("6.pbsserver", ncpus=3))
    assert [small.requests()[id]["cpu"] for id in ("5.pbsserver", "6.pbsserver")] == ["3", "1"]
    small.run("EXECJOB_END", job("5.pbsserver", ncpus=3))
    small.periodic(job("6.pbsserver", ncpus=3))
    assert small.requests()["6.pbsserver"]["cpu"] == "3"


def test_missing_manifests_share_what_is_free(small: ExecutionHost) -> None:
    jobs = [job("5.pbsserver", ncpus=3, stime="200"), job("6.pbsserver", ncpus=3, stime="100")]
    small.periodic(*jobs)
    assert {id: r["cpu"] for id, r in small.requests().items()} == {"6.pbsserver": "3", "5.pbsserver": "1"}


def test_pods_of_other_nodes_and_ended_ones_do_not_count(small: ExecutionHost, api: KubernetesAPI) -> None:
    for name, node, phase in (("a", "node2", "Running"), ("b", "node1", "Succeeded"), ("c", None, "Pending")):
        api.add(name, name, node=node, phase=phase)["spec"]["containers"] = with_requests({"cpu": "4"})
    small.run("EXECJOB_BEGIN", job())
    assert small.requests()["5.pbsserver"]["cpu"] == "2"


def test_a_node_with_no_place_for_one_more_pod(small: ExecutionHost, api: KubernetesAPI) -> None:
    api.add_node("node1", cpu="4", memory="8Gi", pods="1")
    pod = api.add("redis", POD_UID)
    outcome = small.run("EXECJOB_BEGIN", job())
    assert outcome.rejected is None and small.files() == []
    assert "no room for one more pod" in outcome.messages()
    pod["status"]["phase"] = "Succeeded"
    small.periodic(job())
    assert list(small.requests()) == ["5.pbsserver"]


def test_a_resource_that_the_node_does_not_have(small: ExecutionHost) -> None:
    """kubelet would not admit the pod at all."""
    small.run("EXECJOB_BEGIN", native_job(exec_vnode="(node1:ncpus=1:ngpus=1)", exec_host2="node1:15002/0"))
    assert small.requests() == {"5.pbsserver": {"cpu": "1", "nvidia.com/gpu": "0"}}


@pytest.mark.parametrize("spec, cpu", [
    (dict(containers=with_requests({"cpu": "1"}, {"cpu": "500m"})), "2500m"),
    (dict(containers=with_requests({"cpu": "1"}), initContainers=with_requests({"cpu": "3"})), "1"),
    (dict(containers=with_requests({"cpu": "1"}), overhead={"cpu": "250m"}), "2750m"),
    # A sidecar counts beside the containers, and beside the init containers after it.
    (dict(containers=with_requests({"cpu": "500m"}), initContainers=[
        dict(with_requests({"cpu": "1"})[0], restartPolicy="Always")]), "2500m"),
    (dict(containers=with_requests({"cpu": "500m"}), initContainers=[
        dict(with_requests({"cpu": "1"})[0], restartPolicy="Always"), with_requests({"cpu": "2"})[0]]), "1"),
    (dict(containers=with_requests({"cpu": "1"}), resources={"requests": {"cpu": "2"}}), "2"),
    (dict(containers=with_requests({"cpu": "0.1"}, {"cpu": "1e2m"}, {"cpu": "100000u"}, {"memory": "1M"})), "3700m"),
    (dict(containers=[{"name": "c"}]), "4"),
])
def test_a_pods_effective_request(small: ExecutionHost, api: KubernetesAPI, spec: Dict[str, Any], cpu: str) -> None:
    api.add("other", "u")["spec"].update(spec)
    small.run("EXECJOB_BEGIN", job(ncpus=4))
    assert small.requests()["5.pbsserver"]["cpu"] == cpu


@pytest.mark.parametrize("name, known", [("node1", "node1"), ("node1.example.com", "node1"), ("NODE1", "node1")])
def test_the_node_goes_by_one_of_the_hosts_names(small: ExecutionHost, api: KubernetesAPI, name: str, known: str) -> None:
    small.name = name
    small.configure(hosts={})
    small.run("EXECJOB_BEGIN", job(ncpus=8))
    assert small.requests()["5.pbsserver"]["cpu"] == "4"


def test_a_node_with_another_name(small: ExecutionHost, api: KubernetesAPI) -> None:
    api.add_node("ip-10-0-0-1.internal", cpu="1", memory="8Gi")
    small.configure(hosts={"node1": {"node": "ip-10-0-0-1.internal"}})
    small.run("EXECJOB_BEGIN", job())
    assert small.requests()["5.pbsserver"]["cpu"] == "1"


def test_without_an_answer_all_is_reserved(node: ExecutionHost, api: KubernetesAPI) -> None:
    """No node of that name, no API, an answer of the wrong form."""
    node.run("EXECJOB_BEGIN", job("5.pbsserver"))
    api.nodes["node1"] = {"metadata": {"name": "node1"}, "status": {"allocatable": ["nonsense"]}}
    node.run("EXECJOB_BEGIN", job("6.pbsserver"))
    api.stop()
    outcome = node.run("EXECJOB_BEGIN", job("7.pbsserver"))
    assert {requests["cpu"] for requests in node.requests().values()} == {"2"} and len(node.requests()) == 3
    assert [level for level, message in outcome.log if "cannot see" in message] == ["debug"]


def test_an_api_that_hangs_holds_mom_up_for_a_second_at_most(small: ExecutionHost, api: KubernetesAPI) -> None:
    small.configure(api_timeout=15)
    api.fault = api.hang
    seconds, outcome = elapsed(lambda: small.run("EXECJOB_BEGIN", job()))
    assert outcome.rejected is None and seconds < 2
    assert small.requests()["5.pbsserver"]["cpu"] == "2"


def test_a_good_manifest_costs_no_request(small: ExecutionHost, api: KubernetesAPI) -> None:
    small.run("EXECJOB_BEGIN", job())
    api.requests.clear()
    small.periodic(job())
    assert api.requests == []
