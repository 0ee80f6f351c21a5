"""A steady stream of pods: how long each waits for the connector."""

from __future__ import annotations

import re
from contextlib import nullcontext

from . import hints
from .results import Results
from .site import BenchSite, percentile, wait_no_jobs

RATE = 50
POD_NAME = re.compile(r"KUBERNETES_POD_NAME=stream-(\d+)")


def measure(site: BenchSite, results: Results, seconds: int) -> None:
    """`seconds`: how long pods are created, RATE a second; without PBS's hooks, and with what they tell the broker."""
    for with_hooks in (False, True):
        _stream(site, results, seconds, with_hooks)


def _stream(site: BenchSite, results: Results, seconds: int, with_hooks: bool) -> None:
    how = "with hooks" if with_hooks else "without hooks"
    results.title(f"{RATE} pods a second for {seconds} s, {how}")
    count = RATE * seconds
    with site.pbs() as pbs, site.connector(pbs) as connector:
        with hints.sent(pbs, connector.hints_socket()) if with_hooks else nullcontext():
            watch = site.client.watch("stream", count, seconds + 120)
            answers = site.client.create("stream", count, "pbs", rate=RATE)
            bound = watch.moments()
        with pbs.lock:
            record = list(pbs.record)
            number = {job.id: int(POD_NAME.findall(job.variables)[0]) for job in pbs.jobs.values()}
        submitted = {number[entry.job_id]: entry.monotonic for entry in record if entry.kind == "queued"}
        running = {number[entry.job_id]: entry.monotonic for entry in record if entry.kind == "running"}
        created = {answer.number: answer.ended for answer in answers}
        site.client.delete("stream", count)
        wait_no_jobs(pbs)
    for name, begin, end in (("pod created to job submitted", created, submitted), ("job runs to pod seen bound", running, bound),
                             ("pod created to pod seen bound", created, bound)):
        # A pod may be seen bound before its creator has the answer: that is no time at all.
        waits = [1000 * max(0.0, end[i] - begin[i]) for i in range(count)]
        for share in (0.5, 0.99):
            results.add(f"{name}, {how}, p{100 * share:.0f}", percentile(waits, share), "ms", "lower")
