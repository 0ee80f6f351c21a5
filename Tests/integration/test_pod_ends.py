"""When a pod ends, its job does; and not before."""

from __future__ import annotations

import pytest

from integration.site import Site
from simulators.pbs import PBSSimulator


def uid(pod: dict) -> str:
    return pod["metadata"]["uid"]


def test_a_finished_pod_ends_its_job_and_stays(either_site: Site) -> None:
    site = either_site
    site.connector.start()
    for name, phase in (("good", "Succeeded"), ("bad", "Failed")):
        pod = site.create(name)
        site.wait_bound(name)
        site.kubernetes.set_pod_phase("default", name, phase)
        site.wait_jobs(uid(pod), 0)
        left = site.pod(name)
        assert left is not None and left["status"]["phase"] == phase
        assert "deletionTimestamp" not in left["metadata"]


def test_a_terminating_pod_keeps_its_job_until_it_is_gone(bare_site: Site) -> None:
    site = bare_site
    site.connector.start()
    pod = site.create("leaving")
    site.wait_bound("leaving")
    (job,) = site.jobs_of(uid(pod))
    site.kubernetes.delete_pod("default", "leaving", grace_period_seconds=1)
    # Something else that goes through all three, so that they have seen the deletion.
    site.create("later")
    site.wait_bound("later")
    assert site.jobs_of(uid(pod)) == [job]
    site.kubernetes.remove_pod("default", "leaving")
    site.wait_jobs(uid(pod), 0)


def test_a_pod_deleted_while_its_job_queues_takes_the_job_with_it(either_site: Site) -> None:
    site = either_site
    site.connector.start()
    pod = site.create("queued", cpu="100000")
    site.wait_jobs(uid(pod), 1)
    site.kubernetes.delete_pod("default", "queued", grace_period_seconds=0)
    site.wait_jobs(uid(pod), 0)


@pytest.mark.simulated_pbs("how long a host needs to report cannot be chosen")
def test_a_pod_deleted_as_its_job_starts_is_not_bound(site: Site) -> None:
    site.pbs.settings.start_delay = 1.0
    site.connector.start()
    pod = site.create("brief")
    site.pbs.wait(lambda _: any(job.substate == 41 for job in site.jobs_of(uid(pod))), 10)
    site.kubernetes.delete_pod("default", "brief", grace_period_seconds=0)
    site.wait_jobs(uid(pod), 0)
    assert not [entry for entry in site.kubernetes.record if entry.kind == "bound"]


def test_a_pod_created_again_under_its_name_inherits_nothing(site: Site) -> None:
    site.connector.start()
    first = site.create("twin")
    site.wait_bound("twin")
    (old,) = site.jobs_of(uid(first))
    site.kubernetes.delete_pod("default", "twin", grace_period_seconds=0)
    second = site.create("twin")
    site.wait_bound("twin")
    (new,) = site.wait_jobs(uid(second), 1)
    assert new.id != old.id
    assert site.job_id_of("twin") == new.id
    site.wait_jobs(uid(first), 0)


def test_a_pod_stuck_on_a_dead_host_releases_its_job(bare_site: Site) -> None:
    site = bare_site
    site.connector.start()
    pod = site.create("stuck")
    node = site.wait_bound("stuck")["spec"]["nodeName"]
    site.kubernetes.delete_pod("default", "stuck", grace_period_seconds=1)
    site.kubernetes.set_node_ready(node, False)
    site.wait_jobs(uid(pod), 0, timeout=20)
    site.wait_event("stuck", "JobReleased")
    assert site.pod("stuck") is not None


def test_a_pod_stuck_on_a_host_that_only_pbs_calls_down_releases_its_job(bare_site: Site) -> None:
    site = bare_site
    site.connector.start()
    pod = site.create("stuck")
    site.pbs.host_down(site.wait_bound("stuck")["spec"]["nodeName"])
    site.kubernetes.delete_pod("default", "stuck", grace_period_seconds=1)
    site.wait_jobs(uid(pod), 0, timeout=20)
    site.wait_event("stuck", "JobReleased")
    assert site.pod("stuck") is not None


def test_a_pod_stuck_while_pbs_starts_keeps_its_job(bare_site: Site) -> None:
    """Until a host has reported to a server that has just started, PBS calls it down."""
    site = bare_site
    if isinstance(site.pbs, PBSSimulator):
        site.pbs.settings.report_delay = 5
    site.connector.start()
    pod = site.create("stuck")
    site.wait_bound("stuck")
    site.pbs.stop()
    site.connector["pbs-broker"].wait_for_log("PBS does not answer")
    site.kubernetes.delete_pod("default", "stuck", grace_period_seconds=1)
    site.pbs.start()
    looks = site.pbs.served.get("pbsnodes", 0)
    site.pbs.wait(lambda pbs: pbs.served.get("pbsnodes", 0) > looks + 1, 60)
    looks = site.pbs.served["listing"]
    site.pbs.wait(lambda pbs: pbs.served["listing"] > looks + 3, 60)
    assert len(site.jobs_of(uid(pod))) == 1


def test_a_pod_stuck_on_a_healthy_host_keeps_its_job(bare_site: Site) -> None:
    site = bare_site
    site.connector.start()
    slow = site.create("slow")
    site.wait_bound("slow")
    site.kubernetes.delete_pod("default", "slow", grace_period_seconds=1)
    # As long as the patience of the test above, and a whole other pod's life, later:
    stuck = site.create("stuck")
    node = site.wait_bound("stuck")["spec"]["nodeName"]
    other = site.node_of("slow")
    site.kubernetes.delete_pod("default", "stuck", grace_period_seconds=1)
    if node != other:
        site.kubernetes.set_node_ready(node, False)
        site.wait_jobs(uid(stuck), 0, timeout=20)
    assert len(site.jobs_of(uid(slow))) == 1
