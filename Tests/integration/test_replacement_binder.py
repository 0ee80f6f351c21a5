"""A binder in another language, written from docs/protocol.md alone, stands in for ours."""

from __future__ import annotations

import os
import signal
import sys

from integration.connector import REPOSITORY, RunningProcess
from integration.provisioner import Provisioner
from integration.site import Site

PROGRAM = REPOSITORY / "Tests" / "examples" / "replacement_binder.py"


def start_replacement(site: Site) -> RunningProcess:
    """Start it where our binder would be."""
    arguments = [sys.executable, str(PROGRAM), "--broker", str(site.connector.socket("pbs-broker")),
                 "--kubeconfig", str(site.connector.kubeconfigs["binder"]), "--instance", "replacement"]
    process = RunningProcess("replacement", arguments, os.environ)
    site.connector.processes["replacement"] = process
    return process


def test_a_binder_written_from_the_protocol_binds_reports_and_evicts(either_site: Site) -> None:
    site = either_site
    replacement = start_replacement(site)  # any order
    site.connector.start("kube-watcher", "pbs-broker")

    pod = site.create("runs")
    node = site.wait_bound("runs")["spec"]["nodeName"]
    (job,) = site.jobs_of(pod["metadata"]["uid"])
    assert node == job.hosts[0]
    assert site.job_id_of("runs") == job.id
    site.wait_event("runs", "Scheduled", job.id)

    site.create("waits", cpu="100000")
    condition = site.wait_condition("waits", "PodScheduled", "Insufficient amount of")
    assert condition["status"] == "False"
    site.wait_event("waits", "FailedScheduling", "Insufficient amount of")

    site.pbs.delete(job.id)
    words = site.wait_event("runs", "JobEnded")["message"]
    assert f"terminated by {site.pbs.user}@" in words

    site.connector.restart("pbs-broker")
    site.create("later")
    site.wait_bound("later")
    assert replacement.is_running
    assert replacement.stop() == 0


def test_a_binder_written_from_the_protocol_gives_claims_their_node(either_site: Site) -> None:
    site = either_site
    serving = Provisioner(site.kubernetes, "late-by-replacement")
    try:
        for name in ("data", "logs"):
            serving.claim(name)
        start_replacement(site)
        site.connector.start("kube-watcher", "pbs-broker")
        site.create("stores", volumes=[{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in ("data", "logs")])
        node = site.wait_bound("stores", 30)["spec"]["nodeName"]
        assert sorted(serving.made) == [("data", node), ("logs", node)]
    finally:
        serving.close()


def test_our_binder_and_the_replacement_share_the_pods(site: Site) -> None:
    start_replacement(site)
    site.connector.start()
    site.connector["pbs-broker"].wait_for_log("binder replacement has connected")
    site.connector["pbs-broker"].wait_for_log("binder binder has connected")
    names = [f"pod-{number}" for number in range(15)]
    for name in names:
        site.create(name)
    by = [site.wait_event(name, "Scheduled")["reportingInstance"] for name in names]
    # Each owns a pod with equal chance: that one of the two gets none happens once in 16,000 runs.
    assert set(by) == {"binder", "replacement"}
    bound = [entry.name for entry in site.kubernetes.record if entry.kind == "bound"]
    assert sorted(bound) == sorted(names)


def test_when_one_binder_dies_the_other_takes_its_share(site: Site) -> None:
    start_replacement(site)
    site.connector.start()
    site.connector["pbs-broker"].wait_for_log("binder replacement has connected")
    site.connector["pbs-broker"].wait_for_log("binder binder has connected")
    # Stopped, it gets its share of what is to be bound and does nothing about it.
    site.connector["binder"].signal(signal.SIGSTOP)
    names = [f"pod-{number}" for number in range(15)]
    uids = [site.create(name)["metadata"]["uid"] for name in names]
    for job in [job for uid in uids for job in site.wait_jobs(uid, 1)]:
        site.connector["pbs-broker"].wait_for_log(f"job {job.id} runs", timeout=10 * site.patience)
    site.connector["binder"].kill()
    assert {site.wait_event(name, "Scheduled")["reportingInstance"] for name in names} == {"replacement"}
