"""Two kube-watchers, as on two hosts, are active and standby by a Kubernetes Lease."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from integration.peer import Peer
from integration.site import Site

WATCHERS = ("watcher-1", "watcher-2")
BROKERS = ("broker-1", "broker-2")
NAMESPACE = "kube-system"
LEASE = "pbs-connector-kube-watcher"
# The lease's 15 s from the last renewal seen, a try every 2.0 to 2.4 s, and the listing (client-go's timings).
TAKEOVER = 20.0


def start(site: Site) -> None:
    """Two hosts with a watcher and a broker each, and one binder. The first watcher leads."""
    connector = site.connector
    configuration = connector.configuration + f"kube-watcher:\n  lease-namespace: {NAMESPACE}\n"
    (connector.directory / "config.yaml").write_text(configuration)
    for watcher, broker in zip(WATCHERS, BROKERS):
        connector.start_process("kube-watcher", watcher, options=["--leader-elect"])
        connector.start_process("pbs-broker", broker, watcher=watcher)
        if watcher == WATCHERS[0]:
            connector[watcher].wait_for_log("leads, by lease", timeout=TAKEOVER)
    connector.start_process("binder", brokers=BROKERS)
    connector[WATCHERS[1]].wait_for_log("stands by while watcher-1 leads")


def holder(spec: dict[str, Any]) -> str:
    """The name of the process that holds the lease; after it stands which running kernel it is of."""
    name, boot = str(spec["holderIdentity"]).rsplit("_", 1)
    assert Path("/proc/sys/kernel/random/boot_id").read_text().startswith(boot)
    return name


def lease(site: Site) -> dict[str, Any]:
    """The Lease's spec."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{LEASE}"
    kubernetes = site.kubernetes
    answer = kubernetes.request("GET", path) if hasattr(kubernetes, "request") else kubernetes.client.json("GET", path)
    spec: dict[str, Any] = answer["spec"]
    return spec


def check_one_job(site: Site, name: str, broker: str) -> None:
    """The pod is bound, and has one job, which this broker has submitted."""
    pod = site.wait_bound(name, timeout=TAKEOVER)
    (job,) = [job for job in site.pbs.jobs.values() if job.pod_uid == pod["metadata"]["uid"]]
    assert job.live
    assert site.job_id_of(name) == job.id
    site.connector[broker].wait_for_log(f"associating job {job.id} to pod default/{name}")


def test_one_leads_and_the_other_takes_over_when_it_is_killed(either_site: Site) -> None:
    site = either_site
    start(site)
    site.create("first")
    check_one_job(site, "first", "broker-1")
    before = lease(site)
    assert holder(before) == "watcher-1"
    assert before["leaseDurationSeconds"] == 15
    # The standby takes connections, and gives nothing to own.
    with Peer(site.connector.socket("watcher-2")) as peer:
        peer.hello("pbs-broker", "test")
        assert [message["type"] for message in peer.until("ping")] == ["hello", "ping"]
        assert peer.until("ping")[-1]["ownsUntil"] == 0
    assert not [line for line in site.connector["broker-2"].lines if "associating" in line]

    site.connector["watcher-1"].kill()
    site.create("second")
    site.connector["watcher-2"].wait_for_log("leads, by lease", timeout=TAKEOVER)
    check_one_job(site, "second", "broker-2")
    check_one_job(site, "first", "broker-1")
    after = lease(site)
    assert holder(after) == "watcher-2"
    assert after["leaseTransitions"] == before["leaseTransitions"] + 1

    site.connector.start_process("kube-watcher", "watcher-1", options=["--leader-elect"])
    site.connector["watcher-1"].wait_for_log("stands by while watcher-2 leads")


def test_a_leader_that_was_stopped_leads_no_more_when_woken(site: Site) -> None:
    start(site)
    site.create("first")
    check_one_job(site, "first", "broker-1")
    site.connector["watcher-1"].signal(signal.SIGSTOP)
    site.connector["watcher-2"].wait_for_log("leads, by lease", timeout=TAKEOVER)
    site.create("second")
    check_one_job(site, "second", "broker-2")

    site.connector["watcher-1"].signal(signal.SIGCONT)
    site.connector["watcher-1"].wait_for_log("no longer leads")
    site.connector["watcher-1"].wait_for_log("stands by while watcher-2 leads")
    # Its subscribers are sent away, and own nothing there any more.
    site.connector["broker-1"].wait_for_log("watcher-1.sock: connected")
    site.create("third")
    check_one_job(site, "third", "broker-2")
    assert holder(lease(site)) == "watcher-2"
    assert len(site.live_jobs()) == 3

