"""Pods that wait before the scheduler starts: how fast all are bound, and what it costs."""

from __future__ import annotations

from integration.connector import PROGRAMS

from .processes import Meter
from .results import Result, Results
from .site import BenchSite, now, pids, wait_no_jobs

SECONDS = 600


def measure(site: BenchSite, results: Results, count: int) -> None:
    results.title(f"{count} pods that waited when the scheduler was started")
    plain, plain_api = plain_bindings(site, results, count)
    theirs = kube_scheduler(site, results, count, plain)
    ours(site, results, count, plain, plain_api, theirs)


def plain_bindings(site: BenchSite, results: Results, count: int) -> tuple[Result, Result]:
    """Binding posts by the compiled client, and nothing else: what the API server takes."""
    site.client.create("plain", count, "nobody")
    meter = Meter({"kube-apiserver": site.api_server})
    answers = site.client.bind("plain", count)
    cpu = meter.seconds()["kube-apiserver"]
    rate = count / (max(answer.ended for answer in answers) - min(answer.sent for answer in answers))
    site.client.delete("plain", count)
    plain = results.add("plain Binding posts, 32 in flight", rate, "pods/s", "higher")
    return plain, results.add("kube-apiserver's CPU, plain posts", 1000 * cpu / count, "ms a pod", "lower")


def kube_scheduler(site: BenchSite, results: Results, count: int, plain: Result) -> tuple[Result, Result, Result, Result] | None:
    site.client.create("theirs", count, "default-scheduler")
    watch = site.client.watch("theirs", count, SECONDS)
    started = now()
    with site.kube_scheduler() as pid:
        if pid is None:
            print("  no kube-scheduler here (Tests/real/build-kubernetes kube-scheduler)")
            site.client.delete("theirs", count)
            return None
        meter = Meter({"kube-scheduler": pid, "kube-apiserver": site.api_server})
        moments = watch.moments().values()
        cpu = meter.seconds()
    site.client.delete("theirs", count)
    return (results.add("kube-scheduler, from its start", count / (max(moments) - started), "pods/s", "higher", plain),
            results.add("kube-scheduler, first to last binding", count / (max(moments) - min(moments)), "pods/s", "higher", plain),
            results.add("kube-scheduler's CPU", 1000 * cpu["kube-scheduler"] / count, "ms a pod", "lower"),
            results.add("kube-apiserver's CPU, kube-scheduler", 1000 * cpu["kube-apiserver"] / count, "ms a pod", "lower"))


def ours(site: BenchSite, results: Results, count: int, plain: Result, plain_api: Result,
         theirs: tuple[Result, Result, Result, Result] | None) -> None:
    site.client.create("ours", count, "pbs")
    watch = site.client.watch("ours", count, SECONDS)
    with site.pbs() as pbs, site.connector(pbs, start=False) as connector:
        started = now()
        connector.start()
        meter = Meter({**pids(connector), "kube-apiserver": site.api_server})
        moments = watch.moments().values()
        cpu = meter.seconds()
        submissions = len(pbs.jobs)
        site.client.delete("ours", count)
        wait_no_jobs(pbs)
    from_start, from_first, their_cpu, their_api = theirs or (None, None, None, plain_api)
    results.add("the connector, from its start", count / (max(moments) - started), "pods/s", "higher", from_start or plain)
    results.add("the connector, first to last binding", count / (max(moments) - min(moments)), "pods/s", "higher", from_first or plain)
    results.add("the connector, first to last, beside plain posts", count / (max(moments) - min(moments)), "pods/s", "higher", plain)
    results.add("the connector's CPU, commands included", 1000 * sum(cpu[program] for program in PROGRAMS) / count, "ms a pod",
                "lower", their_cpu)
    for program in PROGRAMS:
        results.add(f"{program}'s CPU", 1000 * cpu[program] / count, "ms a pod", "lower")
    results.add("kube-apiserver's CPU, the connector", 1000 * cpu["kube-apiserver"] / count, "ms a pod", "lower", their_api)
    results.add("jobs submitted for each pod", submissions / count, "jobs", "lower")
