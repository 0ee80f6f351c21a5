"""What a pod says by annotations is what its job is submitted with, as far as its namespace's policy goes."""

from __future__ import annotations

import grp
import pwd
import subprocess
import time
from typing import Any

import pytest

from integration.backend import said
from integration.site import Pod, Site, pod_manifest
from integration.site_job import SiteJob, parse_jobs
from integration.site_pbs import SitePBS
from simulators.pbs import PBSSimulator

PREFIX = "pbs-connector/"
ALL = "  annotations: all\n"


def start(site: Site, policy: str = ALL) -> None:
    """Starts the connector with these keys of pbs-broker."""
    (site.connector.directory / "config.yaml").write_text(site.connector.configuration + policy)
    site.connector.start()


def create(site: Site, name: str, options: dict[str, str], **spec: Any) -> Pod:
    manifest = pod_manifest(name, **spec)
    manifest["metadata"]["annotations"] = {PREFIX + key: value for key, value in options.items()}
    return site.kubernetes.create_pod(manifest)


def job_of(site: Site, pod: Pod) -> dict[str, str]:
    """The attributes of the pod's one job, as qstat shows them."""
    (job,) = site.wait_jobs(str(pod["metadata"]["uid"]), 1)
    if isinstance(job, SiteJob):
        return job.attributes
    qstat = [f"{site.pbs.exec_dir}/bin/qstat", "-f", "-w", job.id]
    assert isinstance(site.pbs, PBSSimulator)
    text = subprocess.run(qstat, env=site.pbs.environment, capture_output=True, text=True, check=True, timeout=30).stdout
    (shown,) = parse_jobs(text)
    return shown.attributes


def test_queue_walltime_and_all_the_rest_reach_the_job(bare_site: Site) -> None:
    bare_site.pbs.add_queue("gpu")
    submitter = pwd.getpwnam(bare_site.pbs.submitter)
    group = grp.getgrgid(submitter.pw_gid).gr_name
    start(bare_site)
    pod = create(bare_site, "redis", {
        "queue": "gpu", "walltime": "1h30m", "project": "climate", "account": "dep-4711", "group": group, "priority": "-5",
        "place": "pack:excl", "select": "mpiprocs=2", "resources": "software=matlab", "job-name": "train.1"})
    bare_site.wait_bound("redis")
    job = job_of(bare_site, pod)
    expected = {"queue": "gpu", "Resource_List.walltime": "01:30:00", "project": "climate", "Account_Name": "dep-4711",
                "group_list": group, "Priority": "-5", "Resource_List.place": "pack:excl",
                "Resource_List.select": "1:ncpus=1:mem=64mb:mpiprocs=2", "Resource_List.software": "matlab", "Job_Name": "train.1"}
    assert {name: job.get(name) for name in expected} == expected
    assert bare_site.events_of("redis", "UnknownAnnotation") == []


def test_held_and_later_jobs_wait_and_say_so(bare_site: Site) -> None:
    start(bare_site)
    held = create(bare_site, "held", {"hold": "true"})
    # A time in the hosts' own zone, which is that of this process.
    tomorrow = time.time() + 86400
    later = create(bare_site, "later", {"begin-time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(tomorrow))})
    assert job_of(bare_site, held)["job_state"] == "H"
    bare_site.wait_condition("held", "PodScheduled", "held (u)")
    job = job_of(bare_site, later)
    assert job["job_state"] == "W"
    assert job["Execution_Time"] == time.ctime(int(tomorrow))
    assert bare_site.node_of("held") is None and bare_site.node_of("later") is None


def test_a_pod_that_depends_on_another_waits_for_its_job_and_its_end(bare_site: Site) -> None:
    start(bare_site)
    waiting = create(bare_site, "any", {"depend": "afterany:pod/first"})
    well = create(bare_site, "well", {"depend": "afterok:pod/first"})
    create(bare_site, "ill", {"depend": "afternotok:pod/first"})
    bare_site.wait_condition("any", "PodScheduled", "waits for pod first, which does not exist")
    bare_site.wait_condition("well", "PodScheduled", "waits for pod first, which does not exist")
    first = create(bare_site, "first", {})
    bare_site.wait_bound("first")
    (job,) = bare_site.jobs_of(str(first["metadata"]["uid"]))
    depend = job_of(bare_site, waiting)["depend"]
    assert depend.startswith("afterany:") and job.id in depend
    bare_site.wait_condition("well", "PodScheduled", "waits for pod first to succeed (afterok)")
    assert bare_site.jobs_of(str(well["metadata"]["uid"])) == []
    bare_site.kubernetes.set_pod_phase("default", "first", "Succeeded")
    if isinstance(bare_site.pbs, SitePBS):
        # The simulated PBS shows dependencies, and keeps nothing back for them.
        assert bare_site.node_of("any") is None
    bare_site.wait_bound("any")
    bare_site.wait_bound("well")
    assert "depend" not in job_of(bare_site, well)
    bare_site.wait_condition("ill", "PodScheduled", "pod first has succeeded, and it is to run afternotok")


def test_a_reservation_is_its_queue(bare_site: Site) -> None:
    pbs = bare_site.pbs
    if isinstance(pbs, SitePBS):
        reservation = pbs.reserve(begins_in=60, seconds=600)
    else:
        # The simulated PBS has no reservations; what jobs see of one is its queue.
        reservation = "R9.pbsserver"
        pbs.add_queue("R9")
    start(bare_site)
    pod = create(bare_site, "redis", {"reservation": reservation})
    assert job_of(bare_site, pod)["queue"] == reservation.split(".")[0]


@pytest.mark.parametrize("options", [{"queue": "nowhere"}, {"reservation": "R999999"}])
def test_what_pbs_says_against_a_pods_own_queue_is_told_and_stops_nobody_else(bare_site: Site, options: dict[str, str]) -> None:
    start(bare_site)
    create(bare_site, "lost", options)
    bare_site.wait_condition("lost", "PodScheduled", f"PBS refuses the job: {said('qsub: Unknown queue')}")
    create(bare_site, "redis", {})
    bare_site.wait_bound("redis")
    create(bare_site, "again", options)
    bare_site.wait_condition("again", "PodScheduled", f"PBS refuses the job: {said('qsub: Unknown queue')}")


def test_a_pod_that_asks_for_something_else_after_a_refusal_is_tried_again(bare_site: Site) -> None:
    start(bare_site)
    create(bare_site, "redis", {"queue": "nowhere"})
    bare_site.wait_condition("redis", "PodScheduled", f"PBS refuses the job: {said('qsub: Unknown queue')}")
    bare_site.kubernetes.request("PATCH", "/api/v1/namespaces/default/pods/redis", {"metadata": {"annotations": {
        PREFIX + "queue": None}}}, "application/merge-patch+json")
    bare_site.wait_bound("redis")


def test_what_is_not_allowed_is_refused_by_its_key(bare_site: Site) -> None:
    start(bare_site, policy="")
    create(bare_site, "redis", {"queue": "workq", "walltime": "-W block=true"})
    bare_site.wait_condition("redis", "PodScheduled", "annotation pbs-connector/queue is not allowed here (pbs-broker.annotations)")
    bare_site.wait_condition("redis", "PodScheduled", 'annotation pbs-connector/walltime: "-W block=true" is not a walltime')
    assert bare_site.live_jobs() == []


def test_a_misspelt_annotation_is_told_and_does_no_harm(bare_site: Site) -> None:
    start(bare_site)
    create(bare_site, "redis", {"qeue": "workq"})
    bare_site.wait_bound("redis")
    event = bare_site.wait_event("redis", "UnknownAnnotation", "pbs-connector/qeue")
    assert event["type"] == "Warning"


def test_a_namespace_has_its_own_policy_or_is_left_out(bare_site: Site) -> None:
    start(bare_site, policy="""  namespaces:
    team-*: {project: teams, default-walltime: 2h}
    default: left-out
""")
    create(bare_site, "redis", {})
    bare_site.kubernetes.request("POST", "/api/v1/namespaces", {"metadata": {"name": "team-a"}})
    pod = bare_site.kubernetes.create_pod(pod_manifest("redis", namespace="team-a"))
    job = job_of(bare_site, pod)
    assert (job["project"], job["Resource_List.walltime"]) == ("teams", "02:00:00")
    bare_site.wait_condition("redis", "PodScheduled", 'namespace "default" is left out (pbs-broker.namespaces)')
    assert bare_site.node_of("redis") is None
