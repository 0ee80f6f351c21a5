"""What is known may be old: nothing is ended on a word that others may have overtaken. Found by the chaos test."""

from __future__ import annotations

import signal

from integration.site import Site


def test_no_job_is_an_orphan_while_kube_watcher_is_stopped(site: Site) -> None:
    site.connector.start()
    site.create("first")
    site.wait_bound("first")
    site.connector["kube-watcher"].signal(signal.SIGSTOP)
    # Longer than kube-watcher's word counts (4 s), and than a job may be without its pod (1 s here).
    looks = site.pbs.served["listing"]
    site.pbs.wait(lambda pbs: pbs.served["listing"] > looks + 75, 60)
    job = site.pbs.submit("untold", variables=site.job_variables("22222222-0000-0000-0000-000000000000", "untold"))
    looks = site.pbs.served["listing"]
    site.pbs.wait(lambda pbs: pbs.served["listing"] > looks + 30, 60)
    assert site.pbs.job(job.id).live
    site.connector["kube-watcher"].signal(signal.SIGCONT)
    site.pbs.wait(lambda _: not site.pbs.job(job.id).live, 15)
