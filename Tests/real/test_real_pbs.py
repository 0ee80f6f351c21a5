"""RealPBS does what its interface says, against the real PBS."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from .pbs import UNKNOWN_JOB, PBSError, RealPBS, lab_program

pytestmark = pytest.mark.real_pbs

needs_lab = pytest.mark.skipif(lab_program() is None, reason="commands of several users: only in a lab (PBS_CONNECTOR_LAB)")
# PBSE_PERM
NOT_PERMITTED = 15007 % 256


def test_hosts_have_processors_and_memory(pbs: RealPBS) -> None:
    hosts = pbs.hosts()
    assert hosts
    for name, host in hosts.items():
        assert host.name == name
        assert host.ncpus >= 1
        assert host.mem.endswith("kb") and int(host.mem[:-2]) > 0
        assert host.state


def test_a_job_runs_and_is_deleted(pbs: RealPBS) -> None:
    uid = str(uuid.uuid4())
    job_id = pbs.submit(name="running", variables={"KUBERNETES_POD_UID": uid})
    job = pbs.wait_for_state(job_id, "R", substate=42)
    assert job["Job_Name"] == "running"
    assert job["exec_vnode"].strip("()").split(":")[0] in pbs.hosts()
    assert list(pbs.jobs_of_pod(uid)) == [job_id]
    pbs.delete_job(job_id)
    ended = pbs.wait_for_state(job_id, "F")
    assert ended["substate"] == 91
    assert "and terminated by" in ended["comment"]
    # 256 + SIGTERM (15); or 0 where pbs_mom looks for the processes before it is told how they
    # ended ("task 00000001 force exited" in its log), which OpenPBS 23.06.06 does as well.
    assert ended["Exit_status"] in (271, 0)
    assert pbs.jobs_of_pod(uid) == {}
    assert list(pbs.jobs_of_pod(uid, history=True)) == [job_id]


def test_a_held_job_waits_until_it_is_released(pbs: RealPBS) -> None:
    job_id = pbs.submit("-h")
    assert pbs.wait_for_state(job_id, "H")["Hold_Types"] == "u"
    pbs.release(job_id)
    assert pbs.wait_for_state(job_id, "R")["Hold_Types"] == "n"


def test_a_waiting_job_can_be_held(pbs: RealPBS) -> None:
    job_id = pbs.submit(select="1:ncpus=100000")
    waiting = pbs.wait_for_state(job_id, "Q")
    assert waiting.get("exec_vnode") is None
    pbs.hold(job_id)
    assert pbs.wait_for_state(job_id, "H")["Hold_Types"] == "u"


def test_a_running_job_is_suspended_and_resumed(pbs: RealPBS) -> None:
    job_id = pbs.submit()
    running = pbs.wait_for_state(job_id, "R", substate=42)
    pbs.suspend(job_id)
    assert pbs.wait_for_state(job_id, "S")["exec_vnode"] == running["exec_vnode"]
    pbs.resume(job_id)
    pbs.wait_for_state(job_id, "R", substate=42)


def test_an_unknown_job_is_none_and_its_deletion_fails_in_pbs_own_words(pbs: RealPBS) -> None:
    assert pbs.job("99999999") is None
    with pytest.raises(PBSError, match="Unknown Job Id") as refusal:
        pbs.delete_job("99999999")
    assert refusal.value.status == UNKNOWN_JOB


def test_a_wait_that_fails_says_what_the_jobs_do(pbs: RealPBS) -> None:
    job_id = pbs.submit("-h")
    with pytest.raises(TimeoutError, match=f"{job_id} H"):
        pbs.wait_for_state(job_id, "R", timeout=0.5)


def test_closing_deletes_what_was_submitted(pbs: RealPBS, tmp_path: Path) -> None:
    with RealPBS(tmp_path) as other:
        job_id = other.submit("-h")
        assert job_id in pbs.jobs()
    pbs.wait(lambda site: job_id not in site.jobs())


@needs_lab
def test_in_a_lab_jobs_are_an_ordinary_users(pbs: RealPBS) -> None:
    """Those of the commands that a broker gets as well. MoM takes no notice of root's processes."""
    assert pbs.submitter != "root"
    submitted = pbs.submit("-h")
    by_command = pbs.run("qsub", "-f", "-h", "-o", "/dev/null", "-e", "/dev/null", "--", "/bin/true", user=pbs.submitter).strip()
    for job_id in (submitted, by_command):
        job = pbs.job(job_id)
        assert job is not None and job["Job_Owner"].partition("@")[0] == pbs.submitter
        pbs.delete_job(job_id)


@needs_lab
def test_a_user_may_not_delete_the_job_of_another(pbs: RealPBS) -> None:
    job_id = pbs.submit("-h", user="alice")
    with pytest.raises(PBSError, match=f"qdel: Unauthorized Request  {job_id}") as refusal:
        pbs.run("qdel", job_id, user=pbs.submitter)
    assert refusal.value.status == NOT_PERMITTED
    pbs.delete_job(job_id)
