"""A native job that has a host for itself reserves all that is free there in Kubernetes."""
from typing import Any

import pytest

from hooks.execution_host import ExecutionHost, native_job, pods_job
from hooks.kubernetes_node import Node
from hooks.test_room import with_requests


def job(place: str, id: str = "5.pbsserver", exec_vnode: str = "(node1:ncpus=1:mem=1gb)", **attributes: Any) -> Any:
    """A native job that asks for one CPU, placed like this."""
    return native_job(id, exec_vnode=exec_vnode, exec_host2="node1:15002/0",
                      Resource_List="ncpus=1,mem=1gb,place=%s" % place, **attributes)


@pytest.mark.parametrize("place", ["excl", "exclhost", "scatter:excl", "pack:exclhost", "free:excl:group=switch"])
def test_all_that_is_free_is_reserved(node: Node, place: str) -> None:
    node.pod(containers=with_requests({"cpu": "500m", "memory": "1Gi"}))
    outcome = node.run("EXECJOB_BEGIN", job(place))
    assert node.requests() == {"5.pbsserver": {"cpu": "3500m", "memory": "%dKi" % (7 * 2 ** 20)}}
    assert "all that is free there: the host is the job's own" in outcome.messages()


@pytest.mark.parametrize("place", ["free", "shared", "scatter:shared", "pack", "free:group=excl", ""])
def test_others_reserve_what_they_hold(node: Node, place: str) -> None:
    node.run("EXECJOB_BEGIN", job(place))
    assert node.requests() == {"5.pbsserver": {"cpu": "1", "memory": "1048576Ki"}}


def test_devices_are_reserved_too_with_their_limits(node: Node) -> None:
    node.kubernetes.request("PATCH", "/api/v1/nodes/node1/status", {"status": {"allocatable": {"nvidia.com/gpu": "2"}}},
                            "application/strategic-merge-patch+json")
    node.run("EXECJOB_BEGIN", job("exclhost"))
    assert node.requests()["5.pbsserver"]["nvidia.com/gpu"] == "2"
    (pod,) = node.pods().values()
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "2"}


def test_without_a_cpu_of_its_own(node: Node) -> None:
    node.run("EXECJOB_BEGIN", job("exclhost", exec_vnode="(node1:ncpus=0)"))
    assert node.requests()["5.pbsserver"]["cpu"] == "4"


def test_what_comes_free_is_reserved_later_and_nothing_else_changes(node: Node) -> None:
    node.pod(containers=with_requests({"cpu": "3"}))
    node.run("EXECJOB_BEGIN", job("excl"))
    assert node.requests()["5.pbsserver"]["cpu"] == "1"
    before = node.pods()
    node.periodic(job("excl"))
    assert node.pods() == before, "a static pod is restarted by each change"
    node.kubernetes.remove_pod("default", "redis")
    node.periodic(job("excl"))
    assert node.requests()["5.pbsserver"]["cpu"] == "4"
    node.run("EXECJOB_END", job("excl"))
    assert node.files() == []


def test_a_host_of_several_vnodes(node: Node) -> None:
    """excl is for the job's vnodes, exclhost for the host."""
    node.run("EXECJOB_BEGIN", job("excl", exec_vnode="(node1[0]:ncpus=1:mem=1gb)"))
    assert node.requests()["5.pbsserver"]["cpu"] == "1"
    node.run("EXECJOB_END", job("excl"))
    node.run("EXECJOB_BEGIN", job("exclhost", exec_vnode="(node1[0]:ncpus=1:mem=1gb)"))
    assert node.requests()["5.pbsserver"]["cpu"] == "4"


def test_where_the_api_is_not_asked_it_is_what_the_job_holds(host: ExecutionHost) -> None:
    host.run("EXECJOB_BEGIN", job("exclhost"))
    assert host.requests() == {"5.pbsserver": {"cpu": "1", "memory": "1048576Ki"}}


def test_after_a_start_of_mom(node: Node) -> None:
    """The files of MoM tell the placement too."""
    node.record(job("scatter:exclhost"))
    node.startup()
    assert node.requests()["5.pbsserver"]["cpu"] == "4"


def test_a_pods_job_reserves_nothing_however_it_is_placed(node: Node) -> None:
    node.run("EXECJOB_BEGIN", pods_job(Resource_List="place=exclhost"))
    assert node.files() == []
