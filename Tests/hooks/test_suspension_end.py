"""suspend: end, and what happens to the pods of suspended jobs that have devices."""
import signal
from typing import Any, Dict, List

import pytest

from hooks.cgroup_tree import PodCgroup
from hooks.execution_host import POD_UID, ExecutionHost, pods_job
from hooks.kubernetes_node import Node
from hooks.test_suspension import Session, session  # noqa: F401

GPU = [{"name": "c", "image": "x", "resources": {"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}}]
PLAIN = [{"name": "c", "image": "x", "resources": {"requests": {"cpu": "1"}}}]
WITH_GPU = "(node1:ncpus=1:ngpus=1)"


def message(node: Node) -> str:
    """The message of the pod's DisruptionTarget condition."""
    pod = node.kubernetes.request("GET", "/api/v1/namespaces/default/pods/redis")
    return next(each["message"] for each in pod["status"]["conditions"] if each["type"] == "DisruptionTarget")


@pytest.mark.parametrize("spec, attributes", [
    (dict(containers=GPU), {}),
    (dict(containers=PLAIN), dict(exec_vnode=WITH_GPU)),
    (dict(containers=PLAIN, initContainers=[dict(GPU[0], name="i")]), {}),
    (dict(containers=PLAIN, resourceClaims=[{"name": "gpu"}]), {}),
])
def test_a_pod_with_devices_is_ended(node: Node, spec: Dict[str, Any], attributes: Dict[str, str]) -> None:
    pod = node.pod(**spec)
    cgroup = PodCgroup(node.cgroups, 2, pod["metadata"]["uid"])
    node.run("EXECJOB_POSTSUSPEND", node.job_of(pod, substate="43", **attributes))
    assert node.deletes() == [200] and not cgroup.frozen
    assert message(node).startswith("job 6.pbsserver has been suspended by PBS, which ends its pod: its devices")


def test_one_without_devices_is_frozen(node: Node) -> None:
    pod = node.pod(containers=PLAIN)
    cgroup = PodCgroup(node.cgroups, 2, pod["metadata"]["uid"])
    node.run("EXECJOB_POSTSUSPEND", node.job_of(pod, substate="43"))
    assert cgroup.frozen and node.deletes() == []


@pytest.mark.parametrize("suspend, devices, containers, frozen, deletes", [
    ("end", "freeze", PLAIN, False, [200]), ("end", "freeze", GPU, True, []), ("freeze", "ignore", GPU, False, []),
    ("ignore", "end", PLAIN, False, []), ("ignore", "end", GPU, False, [200]), ("end", "end", PLAIN, False, [200])])
def test_each_setting(node: Node, suspend: str, devices: str, containers: List[Any], frozen: bool, deletes: List[int]) -> None:
    node.configure(suspend=suspend, suspend_devices=devices)
    pod = node.pod(containers=containers)
    cgroup = PodCgroup(node.cgroups, 2, pod["metadata"]["uid"])
    node.run("EXECJOB_POSTSUSPEND", node.job_of(pod, substate="43"))
    assert (cgroup.frozen, node.deletes()) == (frozen, deletes)
    node.run("EXECJOB_PRERESUME", node.job_of(pod, substate="43"))
    assert not cgroup.frozen


def test_what_was_missed_is_made_up_for(node: Node, session: Session) -> None:  # noqa: F811
    """The API was away at the suspension; a job that goes on by now is left alone."""
    pod = node.pod(containers=GPU)
    job = node.job_of(pod, substate="43", session_id=session.id)
    PodCgroup(node.cgroups, 2, pod["metadata"]["uid"])
    node.periodic(job)
    assert node.deletes() == [], "its process goes on"
    session.signal(signal.SIGSTOP)
    node.periodic(job)
    node.periodic(job)
    assert node.deletes() == [200], "once"


def test_a_stranger_is_not_ended(node: Node) -> None:
    pod = node.pod(containers=GPU, annotations={"pbs-connector/job-id": "7.pbsserver"})
    node.run("EXECJOB_POSTSUSPEND", node.job_of(pod, substate="43"))
    assert node.deletes() == []


def test_where_the_api_is_never_asked_the_job_tells(host: ExecutionHost) -> None:
    """Nobody could delete the pod from here: it is left running to the binder, and not frozen."""
    cgroup = PodCgroup(host.cgroups, 2, POD_UID)
    host.run("EXECJOB_POSTSUSPEND", pods_job(substate="43", exec_vnode=WITH_GPU))
    assert not cgroup.frozen
    host.run("EXECJOB_POSTSUSPEND", pods_job(substate="43"))
    assert cgroup.frozen
