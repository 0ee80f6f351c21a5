"""Jobs that pbs-broker submits by libpbs, on a PBS that has one, beside those that qsub makes of the same pod."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any, Callable

import pytest

from integration.connector import RunningProcess
from integration.site import Site
from integration.site_pbs import SitePBS

# Moments, and what the server has counted or made up for this very job.
OWN = {"ctime", "etime", "mtime", "qtime", "eligible_time", "project", "Job_Name", "hashname", "comment", "queue_rank"}
# What qsub adds of its own: its command line, and where its user could be talked to.
QSUB_ONLY = {"PBS_O_INTERACTIVE_AUTH_METHOD", "PBS_O_INTERACTIVE_ENCRYPT_METHOD"}
# Of the pod, and of the folder that the broker runs in; the wrapped qsub has another.
# The last one has the job's name, which is the pod's.
OF_THE_POD = {"KUBERNETES_POD_UID", "KUBERNETES_POD_NAME", "PBS_O_WORKDIR", "KUBERNETES_JOB_TERMS"}


def installed(site: Site) -> Path:
    """The PBS_EXEC that has the library; skips the test where there is none."""
    exec_dir = site.pbs.real.installed if isinstance(site.pbs, SitePBS) else site.pbs.exec_dir
    if not (exec_dir / "lib" / "libpbs.so").exists():
        pytest.skip(f"there is no {exec_dir}/lib/libpbs.so")
    return Path(exec_dir)


def start_broker(site: Site, *options: str) -> RunningProcess:
    """pbs-broker in the folder by which the jobs of this test are known."""
    wrapper = site.connector.wrappers.get("pbs-broker", ())
    folder = str(site.pbs.directory / "commands") if isinstance(site.pbs, SitePBS) else os.getcwd()
    site.connector.wrappers["pbs-broker"] = [*wrapper, "env", "-C", folder]
    try:
        return site.connector.start_process("pbs-broker", options=options)
    finally:
        site.connector.wrappers["pbs-broker"] = wrapper


def by_libpbs(site: Site) -> RunningProcess:
    broker = start_broker(site, "--pbs-exec", str(installed(site)), "--pbs-backend", "libpbs")
    broker.wait_for_log("talks to PBS server")
    return broker


def children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def attributes(site: Site, uid: str) -> dict[str, Any]:
    """The job of a pod as PBS tells it; Variable_List as one attribute for each variable."""
    (job,) = site.wait_jobs(uid, 1)
    assert isinstance(site.pbs, SitePBS)
    told = dict(site.pbs.real.job(job.id) or {})
    variables = told.pop("Variable_List")
    return {**{f"Variable_List.{name}": value for name, value in variables.items()}, **told}


def test_a_job_is_as_qsub_makes_it(bare_site: Site) -> None:
    site = bare_site
    if not isinstance(site.pbs, SitePBS):
        pytest.skip("what qsub sends, only a real one shows")
    installed(site)
    site.connector.start("kube-watcher", "binder")
    jobs: list[dict[str, Any]] = []
    starts: list[Callable[[], RunningProcess]] = [lambda: start_broker(site, "--pbs-backend", "commands"), lambda: by_libpbs(site)]
    for index, start in enumerate(starts):
        broker = start()
        # More than any host has: the job waits.
        pod = site.create(f"alike-{index}", cpu="1000")
        jobs.append(attributes(site, pod["metadata"]["uid"]))
        broker.stop()
    by_qsub, by_library = ({name: value for name, value in job.items() if name not in OWN} for job in jobs)
    assert by_qsub.pop("Submit_arguments")
    for name in QSUB_ONLY:
        by_qsub.pop(f"Variable_List.{name}", None)
    for job in (by_qsub, by_library):
        for name in OF_THE_POD:
            assert job.pop(f"Variable_List.{name}")
    assert by_library == by_qsub


def test_a_helper_that_is_killed_loses_nothing(site: Site) -> None:
    installed(site)
    site.connector.start("kube-watcher", "binder")
    broker = by_libpbs(site)
    names = [f"survives-{index}" for index in range(4)]
    for index, name in enumerate(names):
        for helper in children(broker.pid):
            os.kill(helper, signal.SIGKILL)
        pod = site.create(name, cpu="100m")
        site.wait_bound(name, 30)
        assert len(site.jobs_of(pod["metadata"]["uid"])) == 1, index
    assert len(site.live_jobs()) == len(names)


def test_a_helper_dies_with_its_broker(site: Site) -> None:
    installed(site)
    site.connector.start("kube-watcher")
    broker = by_libpbs(site)
    (helper,) = children(broker.pid)
    broker.kill()
    site.pbs.wait(lambda _: not Path(f"/proc/{helper}").exists() or "Z" in Path(f"/proc/{helper}/stat").read_text().split()[2], 10)
