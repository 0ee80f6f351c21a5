"""A job that waits follows its pod; what PBS's side changes of it is followed."""

from __future__ import annotations

from typing import Any

import pytest

from hooks.timing import awaited
from integration.site import Pod, Site
from integration.test_options import PREFIX, create, job_of, start
from integration.test_proof_of_submission import TOKEN, ProvenSite, proven
from simulators.pbs import PBSSimulator

__all__ = ["proven"]
MERGE = "application/merge-patch+json"


def edit(site: Site, name: str, **options: str | None) -> None:
    """Someone changes annotations of a pod; None takes one away."""
    annotations = {PREFIX + key.replace("_", "-"): value for key, value in options.items()}
    path, patch = f"/api/v1/namespaces/default/pods/{name}", {"metadata": {"annotations": annotations}}
    client = getattr(site.kubernetes, "client", None)
    if client is None:
        site.kubernetes.request("PATCH", path, patch, MERGE)
    else:
        client.json("PATCH", path, patch, MERGE)


def waiting(site: Site, name: str, options: dict[str, str], **spec: Any) -> tuple[Pod, str]:
    """A pod whose job waits, and the job's id."""
    site.pbs.set_scheduling(False)
    start(site)
    pod = create(site, name, options, **spec)
    (job,) = site.wait_jobs(str(pod["metadata"]["uid"]), 1)
    return pod, job.id


def wait_job(site: Site, pod: Pod, **expected: str | None) -> None:
    """Until the pod's job has these attributes ("Resource_List__walltime"), None for none."""
    wanted = {name.replace("__", "."): value for name, value in expected.items()}

    different: dict[str, Any] = {}

    def found() -> bool:
        job = job_of(site, pod)
        different.clear()
        different.update({name: job.get(name) for name, value in wanted.items() if job.get(name) != value})
        return not different

    try:
        awaited(found, 30 * site.patience)
    except AssertionError:
        assert different == {}, wanted


def moves(site: Site) -> int:
    """How often PBS was asked to move a job."""
    return sum(site.pbs.served.get(call, 0) for call in ("qmove", "pbs_movejob"))


def test_annotations_of_a_waiting_pod_are_followed(either_site: Site) -> None:
    site = either_site
    site.pbs.add_queue("gpu")
    pod, job = waiting(site, "redis", {"walltime": "1h", "project": "climate"})
    edit(site, "redis", walltime="2h", priority="5", account="dep-4711", job_name="train", place="scatter")
    wait_job(site, pod, Resource_List__walltime="02:00:00", Priority="5", Account_Name="dep-4711", Job_Name="train",
             Resource_List__place="scatter")
    edit(site, "redis", queue="gpu", hold="true")
    wait_job(site, pod, queue="gpu", Hold_Types="u", job_state="H")
    edit(site, "redis", hold=None, walltime=None, account=None, project=None, place=None)
    wait_job(site, pod, Hold_Types="n", job_state="Q", Resource_List__place="free", Resource_List__walltime=None, Account_Name=None,
             project="_pbs_project_default")
    assert [found.id for found in site.jobs_of(str(pod["metadata"]["uid"]))] == [job]
    site.pbs.set_scheduling(True)
    site.wait_bound("redis")
    assert site.job_id_of("redis") == job


def test_a_queue_that_is_taken_back_is_a_job_of_its_own(bare_site: Site) -> None:
    """PBS moves a job to a queue by its name, and which is the default one nobody has said."""
    bare_site.pbs.add_queue("gpu")
    pod, job = waiting(bare_site, "redis", {"queue": "gpu"})
    edit(bare_site, "redis", queue=None)
    bare_site.pbs.wait(lambda _: [found.id for found in bare_site.jobs_of(str(pod["metadata"]["uid"]))] not in ([], [job]), 20)
    wait_job(bare_site, pod, queue="workq")


def test_what_pbs_refuses_leaves_the_job_as_it_is(bare_site: Site) -> None:
    pod, job = waiting(bare_site, "redis", {"walltime": "1h"})
    edit(bare_site, "redis", queue="nowhere", walltime="2h")
    bare_site.wait_condition("redis", "PodScheduled", f"job {job}: stays as it is, since PBS refuses to change it")
    bare_site.wait_condition("redis", "PodScheduled", "Unknown queue")
    # Each part for itself.
    wait_job(bare_site, pod, Resource_List__walltime="02:00:00", queue="workq")
    asked = moves(bare_site)
    edit(bare_site, "redis", queue=None)
    bare_site.pbs.set_scheduling(True)
    bare_site.wait_bound("redis")
    assert bare_site.job_id_of("redis") == job
    assert moves(bare_site) == asked, "not tried again"


def test_what_the_site_does_not_allow_leaves_the_job_as_it_is(bare_site: Site) -> None:
    _, job = waiting(bare_site, "redis", {"walltime": "1h"})
    edit(bare_site, "redis", walltime="yesterday")
    bare_site.wait_condition("redis", "PodScheduled", f"job {job}: stays as it was submitted: annotation pbs-connector/walltime")
    bare_site.pbs.set_scheduling(True)
    bare_site.wait_bound("redis")
    assert bare_site.job_id_of("redis") == job


def test_what_pbss_side_changes_is_followed(bare_site: Site) -> None:
    site = bare_site
    site.pbs.add_queue("gpu")
    pod, job = waiting(site, "redis", {"walltime": "1h"})
    site.pbs.alter(job, {"walltime": "03:00:00"}, Job_Name="renamed", Priority="7")
    site.pbs.move(job, "gpu")
    site.pbs.hold(job, "u")
    changed = {"Resource_List__walltime": "03:00:00", "Job_Name": "renamed", "Priority": "7", "queue": "gpu", "Hold_Types": "u"}
    wait_job(site, pod, **changed)
    site.wait_condition("redis", "PodScheduled", "held (u)")
    # Neither another change of the pod nor a broker that begins anew takes any of it back.
    edit(site, "redis", account="dep-4711")
    wait_job(site, pod, Account_Name="dep-4711", **changed)
    site.connector.restart("pbs-broker")
    edit(site, "redis", account="dep-4712")
    wait_job(site, pod, Account_Name="dep-4712", **changed)
    # What the pod asks for after that is asked for.
    edit(site, "redis", walltime="30m")
    wait_job(site, pod, **{**changed, "Resource_List__walltime": "00:30:00"})
    assert [found.id for found in site.jobs_of(str(pod["metadata"]["uid"]))] == [job]


def test_a_pod_that_was_edited_while_no_broker_ran(bare_site: Site) -> None:
    site = bare_site
    pod, job = waiting(site, "redis", {"walltime": "1h", "priority": "3"})
    site.connector["pbs-broker"].stop()
    edit(site, "redis", walltime="2h", priority=None, account="dep-4711")
    site.connector.start_process("pbs-broker")
    wait_job(site, pod, Resource_List__walltime="02:00:00", Priority="0", Account_Name="dep-4711")
    assert [found.id for found in site.jobs_of(str(pod["metadata"]["uid"]))] == [job]


@pytest.mark.simulated_pbs("there is no other server to move a job to")
def test_a_job_that_was_moved_to_another_server_is_an_end(bare_site: Site, pbs: PBSSimulator) -> None:
    pod, job = waiting(bare_site, "redis", {})
    pbs.move_away(job)
    pbs.wait(lambda _: any(entry.kind == "deleted" and entry.job_id == job and "there" in (entry.why or "")
                           for entry in pbs.record), 15, "the job deleted there")
    (new,) = bare_site.wait_jobs(str(pod["metadata"]["uid"]), 1)
    assert new.id != job
    pbs.set_scheduling(True)
    bare_site.wait_bound("redis")


def test_with_proof_the_brokers_changes_are_signed(proven: ProvenSite) -> None:
    site = proven.site
    site.pbs.add_queue("gpu")
    pod, job = waiting(site, "redis", {"walltime": "1h"})
    edit(site, "redis", walltime="26h", priority="5", job_name="train", queue="gpu")
    wait_job(site, pod, Resource_List__walltime="26:00:00", Priority="5", Job_Name="train", queue="gpu")
    edit(site, "redis", walltime=None, hold="true")
    wait_job(site, pod, Resource_List__walltime=None, Hold_Types="u")
    assert proven.hook.proof_of(job) == {"k8s_pod": f"{site.cluster}/{pod['metadata']['uid']}/default/redis"}
    assert not any(TOKEN.search(line) for line in proven.broker.lines)
