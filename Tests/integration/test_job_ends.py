"""When a job ends, its pod does, Ready or not, with PBS's own words."""

from __future__ import annotations

import json
import socket

import pytest

from integration.site import Site


def uid(pod: dict) -> str:
    return pod["metadata"]["uid"]


def bound_job(site: Site, name: str, **options: object):
    pod = site.create(name, **options)
    site.wait_bound(name)
    (job,) = site.jobs_of(uid(pod))
    return pod, job


def deleted_with(site: Site, name: str, words: str) -> None:
    """The pod is being deleted, and says why."""
    site.wait(lambda _: "deletionTimestamp" in (site.pod(name) or {"metadata": {}})["metadata"])
    condition = site.condition(name, "DisruptionTarget")
    assert condition is not None and condition["status"] == "True"
    assert words in condition["message"]
    assert words in site.wait_event(name, "JobEnded")["message"]


def test_a_deleted_job_ends_its_pod_although_it_never_was_ready(bare_site: Site) -> None:
    bare_site.connector.start()
    _, job = bound_job(bare_site, "pending")
    bare_site.pbs.delete(job.id)
    deleted_with(bare_site, "pending", f"terminated by {bare_site.pbs.user}@")
    assert bare_site.pod("pending")["metadata"]["deletionGracePeriodSeconds"] == 30, "the pod's own grace period"


def test_walltime_exceeded_ends_the_pod(bare_site: Site) -> None:
    bare_site.connector.start()
    _, job = bound_job(bare_site, "timed")
    bare_site.pbs.limit_walltime(job.id, 1)
    deleted_with(bare_site, "timed", "exceeded resource walltime")


@pytest.mark.simulated_pbs("how long a server waits for a host is the site's own setting")
def test_a_host_that_pbs_gives_up_ends_its_pods(bare_site: Site) -> None:
    site = bare_site
    site.connector.start()
    _, job = bound_job(site, "lost")
    site.pbs.host_down(job.hosts[0])
    # PBS waits for its host, 310 s by default (node_fail_requeue), and shows R meanwhile: so do we.
    looks = site.pbs.served["listing"]
    site.pbs.wait(lambda pbs: pbs.served["listing"] > looks + 6, 20)
    assert job.live and "deletionTimestamp" not in site.pod("lost")["metadata"]
    site.pbs.host_up(job.hosts[0])
    site.pbs.settings.node_fail_requeue = 0.1
    site.pbs.host_down(job.hosts[0])
    deleted_with(site, "lost", "failed (Exit_status -20: PBS had no word from its host's MoM for too long (node_fail_requeue))")


def test_a_job_that_runs_again_elsewhere_ends_the_pod(bare_site: Site) -> None:
    bare_site.connector.start()
    _, job = bound_job(bare_site, "moved")
    other = next(node for node in bare_site.nodes if node != job.hosts[0])
    bare_site.pbs.rerun(job.id, other)
    # run_count is looked at every 30 s, or when a hook says so.
    hint(bare_site, job.id)
    deleted_with(bare_site, "moved", "was started again")


def test_a_requeued_job_ends_the_pod(bare_site: Site) -> None:
    bare_site.connector.start()
    _, job = bound_job(bare_site, "requeued")
    bare_site.pbs.set_scheduling(False)
    bare_site.pbs.requeue(job.id)
    deleted_with(bare_site, "requeued", "queued again")


def test_a_suspended_job_is_reported_and_the_pod_left_alone(bare_site: Site) -> None:
    bare_site.connector.start()
    _, job = bound_job(bare_site, "suspended")
    bare_site.pbs.suspend(job.id)
    bare_site.wait_event("suspended", "JobSuspended", job.id)
    bare_site.pbs.resume(job.id)
    bound_job(bare_site, "later")
    assert "deletionTimestamp" not in bare_site.pod("suspended")["metadata"]


def test_a_finished_pod_is_not_deleted_when_its_job_is(bare_site: Site) -> None:
    site = bare_site
    site.connector.start()
    pod, job = bound_job(site, "done")
    site.connector["pbs-broker"].kill()
    site.kubernetes.set_pod_phase("default", "done", "Succeeded")
    site.pbs.delete(job.id)
    site.pbs.wait(lambda _: not site.jobs_of(uid(pod)), 10)
    site.connector.start_process("pbs-broker")
    bound_job(site, "later")
    assert "deletionTimestamp" not in site.pod("done")["metadata"]


def test_a_job_that_ends_before_its_pod_was_bound_is_submitted_again(site: Site) -> None:
    site.pbs.set_scheduling(False)
    site.connector.start()
    pod = site.create("again")
    (first,) = site.wait_jobs(uid(pod), 1)
    site.pbs.delete(first.id)
    site.pbs.set_scheduling(True)
    site.wait_bound("again", timeout=20)
    (second,) = site.jobs_of(uid(pod))
    assert second.id != first.id
    site.wait_event("again", "FailedScheduling", f"job {first.id} ended before the pod was bound")


def test_a_job_that_its_host_refuses_is_submitted_again(site: Site) -> None:
    site.pbs.set_scheduling(False)
    site.connector.start()
    pod = site.create("again")
    (first,) = site.wait_jobs(uid(pod), 1)
    site.pbs.refuse_next_run(first.id)
    site.pbs.set_scheduling(True)
    site.wait_bound("again", timeout=20)
    (second,) = site.jobs_of(uid(pod))
    assert second.id != first.id and site.job_id_of("again") == second.id
    site.wait_event("again", "FailedScheduling", "Execution server rejected request")


def test_a_held_job_is_followed_not_fought(site: Site) -> None:
    site.pbs.set_scheduling(False)
    site.connector.start()
    pod = site.create("held")
    (job,) = site.wait_jobs(uid(pod), 1)
    site.pbs.hold(job.id, "o")
    site.pbs.set_scheduling(True)
    site.wait_condition("held", "PodScheduled", "held", timeout=20)
    assert [other.id for other in site.jobs_of(uid(pod))] == [job.id]
    site.pbs.release(job.id, "o")
    site.wait_bound("held")
    assert site.job_id_of("held") == job.id


def test_a_job_moved_to_another_queue_is_followed(site: Site) -> None:
    site.pbs.add_queue("connectortests")
    site.pbs.set_scheduling(False)
    site.connector.start()
    pod = site.create("moved")
    (job,) = site.wait_jobs(uid(pod), 1)
    site.pbs.move(job.id, "connectortests")
    site.pbs.set_scheduling(True)
    site.wait_bound("moved")
    assert site.job_id_of("moved") == job.id


@pytest.mark.parametrize("history", [True, False])
def test_an_end_is_believed_with_and_without_job_history(bare_site: Site, history: bool) -> None:
    bare_site.pbs.set_history(history)
    bare_site.connector.start()
    _, job = bound_job(bare_site, "gone")
    bare_site.pbs.end_job(job.id)
    bare_site.wait(lambda _: "deletionTimestamp" in bare_site.pod("gone")["metadata"])


def hint(site: Site, job_id: str) -> None:
    """What the server hooks send: look at this job now."""
    text = json.dumps({"type": "hint", "job": job_id, "event": "jobobit"}) + "\n"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(site.connector.hints_socket()))
        connection.sendall(f"{len(text)} {text}".encode())
