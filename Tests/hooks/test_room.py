"""A static pod never requests more than is free, since kubelet would evict other pods for it."""
import json
from typing import Any, Dict, List

import pytest

from hooks.cgroup_tree import PodCgroup
from hooks.execution_host import POD_UID, native_job
from hooks.kubernetes_node import Node
from hooks.pbs_stand_in import Outcome
from hooks.timing import OTHER_PROCESS, elapsed
from simulators.kubernetes import Fault, Proxy, Status


def with_requests(*requests: Dict[str, str]) -> List[Dict[str, Any]]:
    """Containers that request these."""
    return [{"name": "c%d" % n, "image": "redis", "resources": {"requests": r}} for n, r in enumerate(requests)]


def job(id: str = "5.pbsserver", ncpus: int = 2, mem: str = "1gb", **attributes: Any) -> Any:
    """A native job on node1."""
    return native_job(id, exec_vnode="(node1:ncpus=%d:mem=%s)" % (ncpus, mem), exec_host2="node1:15002/0", **attributes)


def test_where_there_is_room_all_is_reserved(node: Node) -> None:
    node.pod(containers=with_requests({"cpu": "1500m", "memory": "640Mi"}, {"cpu": "500m"}))
    node.run("EXECJOB_BEGIN", job())
    assert node.requests() == {"5.pbsserver": {"cpu": "2", "memory": "1048576Ki"}}


def test_a_pod_that_still_terminates_is_not_evicted(node: Node) -> None:
    """PBS gives the CPUs of an ended job away at once; its pod has its grace period to end."""
    node.pod(containers=with_requests({"cpu": "2500m", "memory": "7.5Gi"}))
    node.kubernetes.delete_pod("default", "redis")
    outcome = node.run("EXECJOB_BEGIN", job())
    assert node.requests() == {"5.pbsserver": {"cpu": "1500m", "memory": "524288Ki"}}
    assert "reserved cpu 1500m, memory 524288Ki in Kubernetes of cpu 2, memory 1048576Ki" in outcome.messages()
    node.periodic(job())
    assert node.requests()["5.pbsserver"]["cpu"] == "1500m"
    node.kubernetes.remove_pod("default", "redis")
    node.periodic(job())
    assert node.requests() == {"5.pbsserver": {"cpu": "2", "memory": "1048576Ki"}}


def test_a_job_in_the_place_of_a_frozen_pod_is_not_counted_twice(node: Node) -> None:
    """Kubernetes goes on counting the frozen pod."""
    frozen = node.job_of(node.pod(containers=with_requests({"cpu": "3"})), substate="43")
    jobs = [job("7.pbsserver", ncpus=1, mem="1kb"), job("8.pbsserver", ncpus=3, mem="1kb")]
    for native in jobs:
        node.run("EXECJOB_BEGIN", native)
    assert [node.requests()[id]["cpu"] for id in ("7.pbsserver", "8.pbsserver")] == ["1", "0"]
    before = node.pods()
    node.periodic(frozen, *jobs)
    assert node.pods() == before, "nothing has changed, so no static pod is restarted"


def test_the_static_pods_of_jobs_count_by_their_manifests(node: Node) -> None:
    """The API lags behind: one ended job's pod is still there, one new job's pod not yet."""
    node.pod("pbs-4-pbsserver-node1", annotations={"pbs-connector/native-job-id": "4.pbsserver", "kubernetes.io/config.mirror": "0a1b"},
             containers=with_requests({"cpu": "4"}))
    node.run("EXECJOB_BEGIN", job("5.pbsserver", ncpus=3))
    node.run("EXECJOB_BEGIN", job("6.pbsserver", ncpus=3))
    assert [node.requests()[id]["cpu"] for id in ("5.pbsserver", "6.pbsserver")] == ["3", "1"]
    node.run("EXECJOB_END", job("5.pbsserver", ncpus=3))
    node.periodic(job("6.pbsserver", ncpus=3))
    assert node.requests()["6.pbsserver"]["cpu"] == "3"


def test_missing_manifests_share_what_is_free_the_oldest_first(node: Node) -> None:
    node.periodic(job("5.pbsserver", ncpus=3, stime="200"), job("6.pbsserver", ncpus=3, stime="100"))
    assert {id: requests["cpu"] for id, requests in node.requests().items()} == {"6.pbsserver": "3", "5.pbsserver": "1"}


def test_pods_of_other_nodes_and_ended_ones_do_not_count(node: Node) -> None:
    for name, host, phase in (("a", "node2", "Running"), ("b", "node1", "Succeeded"), ("c", None, "Pending")):
        node.pod(name, node=host, phase=phase, containers=with_requests({"cpu": "4"}))
    node.run("EXECJOB_BEGIN", job())
    assert node.requests()["5.pbsserver"]["cpu"] == "2"


def allocatable(node: Node, **quantities: str) -> None:
    """Change what the node has to give."""
    node.kubernetes.request("PATCH", "/api/v1/nodes/node1/status", {"status": {"allocatable": quantities}},
                            "application/merge-patch+json")


def test_a_node_with_no_place_for_one_more_pod(node: Node) -> None:
    allocatable(node, pods="1")
    node.pod()
    outcome = node.run("EXECJOB_BEGIN", job())
    assert outcome.rejected is None and node.files() == []
    assert "no room for one more pod" in outcome.messages()
    node.kubernetes.set_pod_phase("default", "redis", "Succeeded")
    node.periodic(job())
    assert list(node.requests()) == ["5.pbsserver"]


def test_a_resource_that_the_node_does_not_have(node: Node) -> None:
    """kubelet would not admit the pod at all."""
    node.run("EXECJOB_BEGIN", native_job(exec_vnode="(node1:ncpus=1:ngpus=1)", exec_host2="node1:15002/0"))
    assert node.requests() == {"5.pbsserver": {"cpu": "1", "nvidia.com/gpu": "0"}}


def test_a_resource_that_the_node_has(node: Node) -> None:
    allocatable(node, **{"nvidia.com/gpu": "2"})
    for id in ("5.pbsserver", "6.pbsserver", "7.pbsserver"):
        node.run("EXECJOB_BEGIN", native_job(id, exec_vnode="(node1:ncpus=1:ngpus=1)", exec_host2="node1:15002/0"))
    assert [requests["nvidia.com/gpu"] for _, requests in sorted(node.requests().items())] == ["1", "1", "0"]


SIDECAR = dict(with_requests({"cpu": "1"})[0], name="sidecar", restartPolicy="Always")
INIT = dict(with_requests({"cpu": "2"})[0], name="init")


@pytest.mark.parametrize("spec, cpu", [
    (dict(containers=with_requests({"cpu": "1"}, {"cpu": "500m"})), "2500m"),
    (dict(containers=with_requests({"cpu": "1"}), initContainers=[INIT]), "2"),
    (dict(containers=with_requests({"cpu": "1"}), overhead={"cpu": "250m"}), "2750m"),
    (dict(containers=with_requests({"cpu": "0.1"}, {"cpu": "1e-1"}, {"cpu": "100000u"}, {"memory": "1M"})), "3700m"),
    (dict(containers=[{"name": "c", "image": "redis"}]), "4"),
])
def test_a_pods_effective_request(node: Node, spec: Dict[str, Any], cpu: str) -> None:
    node.pod("other", **spec)
    node.run("EXECJOB_BEGIN", job(ncpus=4))
    assert node.requests()["5.pbsserver"]["cpu"] == cpu


@pytest.mark.parametrize("kubernetes", ["1.36"], indirect=True)
@pytest.mark.parametrize("spec, cpu", [
    # A sidecar counts beside the containers, and beside the init containers after it, not before.
    (dict(containers=with_requests({"cpu": "500m"}), initContainers=[SIDECAR]), "2500m"),
    (dict(containers=with_requests({"cpu": "500m"}), initContainers=[SIDECAR, INIT]), "1"),
    (dict(containers=with_requests({"cpu": "500m"}), initContainers=[INIT, SIDECAR]), "2"),
    (dict(containers=with_requests({"cpu": "1"}), resources={"requests": {"cpu": "2"}}), "2"),
])
def test_a_pods_effective_request_today(node: Node, spec: Dict[str, Any], cpu: str) -> None:
    node.pod("other", **spec)
    node.run("EXECJOB_BEGIN", job(ncpus=4))
    assert node.requests()["5.pbsserver"]["cpu"] == cpu


@pytest.mark.parametrize("name", ["node1", "node1.example.com", "NODE1"])
def test_the_node_goes_by_one_of_the_hosts_names(node: Node, name: str) -> None:
    node.name = name
    node.run("EXECJOB_BEGIN", job(ncpus=8))
    assert node.requests()["5.pbsserver"]["cpu"] == "4"


def test_a_node_with_another_name(node: Node) -> None:
    node.kubernetes.create_node("ip-10-0-0-1.internal", cpu="1", memory="8Gi")
    node.configure(hosts={"node1": {"node": "ip-10-0-0-1.internal"}})
    node.run("EXECJOB_BEGIN", job())
    assert node.requests()["5.pbsserver"]["cpu"] == "1"


def test_without_an_answer_all_is_reserved(node: Node) -> None:
    node.configure(node="no-such-node")
    assert "no node is named no-such-node" in node.run("EXECJOB_BEGIN", job("5.pbsserver", ncpus=8)).messages()
    node.configure(node="")
    node.kubernetes.faults.add(Fault("GET /api/v1/pods", Status(500), count=1))
    node.run("EXECJOB_BEGIN", job("6.pbsserver", ncpus=8))
    node.kubernetes.stop()
    outcome = node.run("EXECJOB_BEGIN", job("7.pbsserver", ncpus=8))
    assert [requests["cpu"] for requests in node.requests().values()] == ["8", "8", "8"]
    assert [level for level, message in outcome.log if "cannot see" in message] == ["debug"]


def test_an_api_that_hangs_holds_mom_up_for_a_second_at_most(node: Node) -> None:
    node.configure(api_timeout=15)
    node.kubernetes.pause()
    seconds, outcome = elapsed(lambda: node.run("EXECJOB_BEGIN", job()))
    node.kubernetes.resume()
    assert outcome.rejected is None and seconds < 2 + OTHER_PROCESS
    assert node.requests()["5.pbsserver"]["cpu"] == "2"


def test_a_good_manifest_costs_no_request(node: Node) -> None:
    PodCgroup(node.cgroups, 2, POD_UID)
    node.periodic()  # tells how the host is, for which the API is asked now and then
    node.run("EXECJOB_BEGIN", job())
    asked = node.asked()
    assert asked
    node.periodic(job())
    assert node.asked() == asked


def test_a_users_pod_that_poses_as_a_reservation_counts(node: Node) -> None:
    """Anybody may write the annotation; kubelet would evict pods for what is reserved too much."""
    node.pod(annotations={"pbs-connector/native-job-id": "4.pbsserver"}, containers=with_requests({"cpu": "3"}))
    node.run("EXECJOB_BEGIN", job())
    assert node.requests()["5.pbsserver"]["cpu"] == "1"


def patiently(node: Node, native: Any) -> Outcome:
    """Have a manifest that is missing made up for: MoM does not wait for that, so that the API may take its time."""
    node.configure(api_timeout=20)
    return node.periodic(native)


def test_a_pod_of_thousands_of_containers_counts(node: Node) -> None:
    node.pod(containers=with_requests(*3000 * [{"cpu": "1m"}]))
    patiently(node, job())
    assert node.requests()["5.pbsserver"]["cpu"] == "1"


def test_pods_that_are_too_long_for_one_answer_hide_none(node: Node) -> None:
    """Each may have a mebibyte of annotations."""
    for number in range(16):
        node.pod("large-%d" % number, annotations={"a": "x" * 2 ** 20, "b": str(number)},
                 containers=with_requests({"cpu": "100m"} if number < 10 else {}))
    patiently(node, job(ncpus=4))
    assert node.requests()["5.pbsserver"]["cpu"] == "3"


@pytest.mark.parametrize("quantity", ["1e9999999", "9" * 100000, "much", "1.2.3"])
def test_a_quantity_that_makes_no_sense_hides_no_other_pod(node: Node, quantity: str) -> None:
    """No API server writes such a one; it costs no time, and the other pods count."""
    node.pod(containers=with_requests({"cpu": "3"}))
    pods = [dict(pod) for pod in node.kubernetes.pods()]
    strange = json.loads(json.dumps(pods[0]))
    strange["spec"]["containers"][0]["resources"]["requests"]["cpu"] = quantity
    strange["metadata"].update(name="strange", uid="0c5e")
    body = {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [strange, 7] + pods}
    node.kubernetes.faults.add(Fault("GET /api/v1/pods", Proxy(200, json.dumps(body).encode(), "application/json")))
    outcome = patiently(node, job())
    assert node.requests()["5.pbsserver"]["cpu"] == "1" and "what a pod of this node requests" in outcome.messages()
    assert len(outcome.messages()) < 2000
