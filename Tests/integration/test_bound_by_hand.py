"""Pods of ours that somebody else has put on a node: PBS does not know of them, and so has no word to say on their end."""

from __future__ import annotations

from integration.site import Site


def uid(pod: dict) -> str:
    return pod["metadata"]["uid"]


def test_a_pod_bound_by_hand_gets_no_job_and_is_left_alone(either_site: Site) -> None:
    site = either_site
    early = site.create("early", nodeName="node1")
    site.connector.start()
    late = site.create("late", nodeName="node2")
    # Something else that goes through all three, so that they have seen both; and once more after a restart.
    site.create("ours")
    site.wait_bound("ours")
    site.connector.restart("pbs-broker")
    site.create("ours-too")
    site.wait_bound("ours-too")
    for pod, node in ((early, "node1"), (late, "node2")):
        name = pod["metadata"]["name"]
        assert not [job for job in site.pbs.jobs.values() if job.pod_uid == uid(pod)], "a job for what already runs"
        assert "deletionTimestamp" not in site.pod(name)["metadata"]
        assert site.node_of(name) == node and site.job_id_of(name) is None


def test_a_waiting_pod_bound_by_hand_releases_its_job_and_is_left_alone(either_site: Site) -> None:
    site = either_site
    site.pbs.set_scheduling(False)
    site.connector.start()
    pod = site.create("taken")
    (job,) = site.wait_jobs(uid(pod), 1)
    site.kubernetes.bind("default", "taken", "node2")
    site.wait_jobs(uid(pod), 0)
    # Its job has ended by PBS's own word: that was for want of a pod, not the pod's end.
    site.pbs.set_scheduling(True)
    site.create("ours")
    site.wait_bound("ours")
    assert "deletionTimestamp" not in site.pod("taken")["metadata"]
    assert [other.id for other in site.pbs.jobs.values() if other.pod_uid == uid(pod)] == [job.id]
