"""What happens while pbs-broker is down is told to nobody: it is found at the next start, and acted upon as ever."""

from __future__ import annotations

import pytest

from integration.connector import PROGRAMS
from integration.site import Site


def uid(pod: dict) -> str:
    return pod["metadata"]["uid"]


def is_being_deleted(site: Site, name: str) -> bool:
    pod = site.pod(name)
    return pod is not None and "deletionTimestamp" in pod["metadata"]


@pytest.mark.parametrize("down", [("pbs-broker",), PROGRAMS], ids=["pbs-broker", "all three"])
def test_what_ended_while_the_broker_was_down_is_acted_upon(bare_site: Site, down: tuple[str, ...]) -> None:
    site = bare_site
    site.connector.start()
    names = ("pod-gone", "pod-finished", "pod-created-again", "job-ended", "job-elsewhere")
    pods = {name: site.create(name) for name in names}
    for name in names:
        site.wait_bound(name)
    jobs = {name: site.jobs_of(uid(pods[name]))[0] for name in names}
    site.pbs.set_scheduling(False)
    waiting = site.create("job-started")
    (started,) = site.wait_jobs(uid(waiting), 1)

    for process in down:
        site.connector[process].kill()
    site.kubernetes.remove_pod("default", "pod-gone")
    site.kubernetes.set_pod_phase("default", "pod-finished", "Succeeded")
    site.kubernetes.remove_pod("default", "pod-created-again")
    again = site.create("pod-created-again")
    site.pbs.delete(jobs["job-ended"].id)
    site.pbs.set_scheduling(True)
    site.pbs.wait_for_state(started.id, "R")
    started = site.pbs.job(started.id)
    host = jobs["job-elsewhere"].hosts[0]
    site.pbs.rerun(jobs["job-elsewhere"].id, "node2" if host == "node1" else "node1")
    site.connector.start(*down)

    site.wait_jobs(uid(pods["pod-gone"]), 0)
    site.wait_jobs(uid(pods["pod-finished"]), 0)
    site.wait_jobs(uid(pods["pod-created-again"]), 0)
    for name, words in (("job-ended", "terminated by root@"), ("job-elsewhere", "was started again")):
        site.kubernetes.wait(lambda _: is_being_deleted(site, name), 15)
        assert words in site.wait_condition(name, "DisruptionTarget", words)["message"]
    assert site.wait_bound("job-started")["spec"]["nodeName"] == started.hosts[0]
    assert site.job_id_of("job-started") == started.id
    site.wait_bound("pod-created-again")
    (new,) = site.jobs_of(uid(again))
    assert new.id != jobs["pod-created-again"].id
    assert site.job_id_of("pod-created-again") == new.id
    for name in ("pod-finished", "pod-created-again", "job-started"):
        assert not is_being_deleted(site, name)
    # What remains: those two, and the job of the pod that is still Terminating.
    assert {job.id for job in site.live_jobs()} == {new.id, started.id, jobs["job-elsewhere"].id}
