"""The pod begins to end as soon as its job does, and not when the job has ended."""
from pathlib import Path
from typing import Any, Dict, List

import pytest

from hooks.cgroup_tree import PodCgroup
from hooks.execution_host import ExecutionHost, native_job
from hooks.kubernetes_node import Node
from hooks.test_placeholder import Placeholder, placeholders  # noqa: F401
from hooks.timing import elapsed


def condition(node: Node) -> Dict[str, Any]:
    """The pod's DisruptionTarget condition."""
    pod = node.kubernetes.request("GET", "/api/v1/namespaces/default/pods/redis")
    (found,) = [each for each in pod["status"]["conditions"] if each["type"] == "DisruptionTarget"]
    return found


def test_qdel(node: Node) -> None:
    pod = node.pod()
    assert node.run("EXECJOB_PRETERM", node.job_of(pod)).rejected is None
    assert node.deletes() == [200]
    assert condition(node)["message"] == "job 6.pbsserver is being ended by PBS: it is deleted, by qdel or for another job"
    node.run("EXECJOB_END", node.job_of(pod))
    assert node.deletes() == [200], "it is being deleted already"
    assert condition(node)["message"] == "job 6.pbsserver is being ended by PBS: it is deleted, by qdel or for another job"


@pytest.mark.parametrize("used, reason", [("00:10:00", "walltime exceeded"), ("00:09:59", "terminated")])
def test_the_placeholder_says_so(node: Node, tmp_path: Path, placeholders: List[Placeholder],  # noqa: F811
                                 used: str, reason: str) -> None:
    """PBS has no event of its own for an exceeded walltime, or for a requeue."""
    placeholder = Placeholder(tmp_path)
    placeholders.append(placeholder)
    job = node.job_of(node.pod(), Resource_List="walltime=00:10:00", resources_used="walltime=" + used)
    node.attach(job, placeholder.process.pid)
    assert node.deletes() == [200]
    assert condition(node)["message"] == "job 6.pbsserver is being ended by PBS: " + reason


def test_another_process_that_is_attached_ends_nothing(node: Node) -> None:
    job = node.job_of(node.pod())
    for pid in (1, 2 ** 22 + 1):
        assert node.attach(job, pid).rejected is None
    assert node.deletes() == []


def test_a_frozen_pod_is_thawed_so_that_it_can_end(node: Node) -> None:
    pod = node.pod()
    cgroup = PodCgroup(node.cgroups, 2, pod["metadata"]["uid"])
    cgroup.set_frozen(True)
    node.run("EXECJOB_PRETERM", node.job_of(pod))
    assert not cgroup.frozen and node.deletes() == [200]


def test_a_native_job_keeps_its_reservation_until_it_has_ended(host: ExecutionHost) -> None:
    host.run("EXECJOB_BEGIN", native_job())
    host.run("EXECJOB_PRETERM", native_job())
    assert list(host.requests()) == ["5.pbsserver"]


def test_a_stranger_stays(node: Node) -> None:
    pod = node.pod(annotations={"pbs-connector/job-id": "7.pbsserver"})
    outcome = node.run("EXECJOB_PRETERM", node.job_of(pod))
    assert node.deletes() == [] and "and stays" in outcome.messages()


def test_an_api_that_hangs_is_left_to_the_end_of_the_job(node: Node) -> None:
    """MoM waits for this event before it signals the job."""
    pod = node.pod()
    node.configure(api_timeout=20)
    node.kubernetes.pause()
    seconds, outcome = elapsed(lambda: node.run("EXECJOB_PRETERM", node.job_of(pod)))
    node.kubernetes.resume()
    assert seconds < 10 and outcome.rejected is None and "left to the binder" in outcome.messages()
    node.run("EXECJOB_END", node.job_of(pod))
    assert node.deletes() == [200]
