"""A real PBS behind the methods of PBSSimulator, as far as the integration tests use them.

What is changed is put back by close(): jobs that a test left are deleted, then queues,
settings of hosts and of the server are as they were. Changes that others on the same PBS
would feel are made in a lab (PBS_CONNECTOR_LAB) or where PBS_CONNECTOR_CHANGE_SERVER=yes;
elsewhere the test is skipped at that point.
"""

from __future__ import annotations

import getpass
import os
import re
import subprocess
import time
import uuid
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Callable, Iterable, Iterator

import pytest

from integration.site_job import SiteJob, parse_jobs
from real.lab import Lab
from real.pbs import LAB_POLL_SECONDS, Host, PBSError, RealPBS, lab_program
from real.wrapped_commands import WrappedCommands, WrappedFaults

CHANGE_SERVER = "PBS_CONNECTOR_CHANGE_SERVER"
# Exit statuses of qstat and qdel: the job is unknown, or finished (PBSE_UNKJOBID, PBSE_HISTJOBID, modulo 256).
ENDED = (0, 15001 % 256, 15139 % 256)
# PBSE_PERM
NOT_PERMITTED = 15007 % 256
# Real jobs need a second or two to start and to end: how many times longer tests wait for them.
PATIENCE = 4.0
# Jobs that qstat is asked about one by one.
FEW = 4
# States of a host on which no job starts.
UNUSABLE = {"down", "offline", "state-unknown"}
# Seconds for PBS to end the jobs of a test, and to hear from its hosts.
CLEAN_SECONDS = 60.0


class SitePBS:
    """The jobs of one test on a real PBS: those submitted by this object or by the commands in `exec_dir`.

    Looks and actions of its own are not counted in `served`, and no fault strikes them.
    """

    def __init__(self, directory: Path) -> None:
        """`directory` is made; the submitter must be able to reach it."""
        directory.mkdir()
        self.directory = directory
        self._real = RealPBS(directory)
        # Who does what is asked for here without naming a user, and whose jobs stand for pods.
        self.user, self.submitter = getpass.getuser(), self._real.submitter
        # The broker is started by these words, as the submitter: qselect -u and MoM go by who it is.
        self.as_submitter = self._real.as_submitter()
        self._commands = WrappedCommands(directory / "commands", self._real.installed)
        self._ours = {str(directory), str(directory / "commands")}
        # Jobs of the submitter that are not of this test; and this test's, as last seen.
        self._foreign: set[str] = set()
        self._ended: dict[str, SiteJob] = {}
        self._live: dict[str, SiteJob] = {}
        self._undo = ExitStack()
        self._stopped = False
        self._down: set[str] = set()
        self._has_history = "True" in self._real.run("qmgr", "-c", "list server job_history_enable")
        self._foreign.update(self._ids_of_user())
        # The hosts that jobs may run on.
        self.host_names = sorted(filter(self.is_up, self.hosts()))

    def provide(self, ncpus: int, hosts: int) -> None:
        """The usable hosts are so many at least and have so many free cpus together; changed if need be, else skipped.

        A lab bears as many commands as the tests like.
        """
        if lab_program() is not None:
            lab = Lab(self._real)
            self._undo.callback(lab.limit_time_wait, lab.limit_time_wait(0))
        if len(self.host_names) < hosts:
            pytest.skip(f"this PBS has fewer than {hosts} usable hosts")
        free = {name: host.ncpus - host.assigned_ncpus for name, host in self.hosts().items() if name in self.host_names}
        if sum(free.values()) < ncpus:
            for name in self.host_names:
                self.set_ncpus(name, -(-ncpus // len(self.host_names)))

    def require_no_other_connector(self) -> None:
        """Skips where the submitter's jobs already stand for pods: the broker under test would take them for orphans."""
        others = self.jobs_of_other_pods()
        deadline = time.monotonic() + (CLEAN_SECONDS if lab_program() is not None else 0)
        while others and time.monotonic() < deadline:
            # Those of a test before may be on their way out.
            time.sleep(LAB_POLL_SECONDS)
            others = self.jobs_of_other_pods()
        if others:
            pytest.skip(f"jobs of {self.submitter} stand for pods of another connector on this PBS, such as {others[0]}")

    # Looking

    @property
    def exec_dir(self) -> Path:
        return self._commands.exec_dir

    @property
    def real(self) -> RealPBS:
        """The PBS itself, without what is counted and disturbed here."""
        return self._real

    @property
    def faults(self) -> WrappedFaults:
        return self._commands.faults

    @property
    def served(self) -> Counter[str]:
        return self._commands.served

    def hosts(self) -> dict[str, Host]:
        return self._real.hosts()

    def is_up(self, host: str) -> bool:
        """Whether jobs may run there."""
        return not UNUSABLE & set(self.hosts()[host].state.split(","))

    @property
    def jobs(self) -> dict[str, SiteJob]:
        """The jobs of this test by id, those of the history included."""
        ids = [job_id for job_id in self._ids_of_user() if job_id not in self._foreign and job_id not in self._ended]
        for job in self._stat(ids):
            if job.variable("PBS_O_WORKDIR") not in self._ours:
                self._foreign.add(job.id)
            elif not job.live:
                self._ended[job.id] = job
            else:
                self._live[job.id] = job
        self._live = {job_id: self._live[job_id] for job_id in ids if job_id in self._live and job_id not in self._ended}
        return {**self._ended, **self._live}

    def job(self, job_id: str) -> SiteJob:
        """KeyError where the server does not know it."""
        jobs = {job.id: job for job in self._stat([job_id])}
        return jobs[job_id]

    def jobs_of_other_pods(self) -> list[str]:
        """Live jobs of the submitter that another connector has submitted: ours would delete them as orphans."""
        ours = self.jobs
        return [job.id for job in self._stat(self._ids_of_user(history=False))
                if job.pod_uid is not None and job.id not in ours and job.live]

    def _ids_of_user(self, history: bool = True) -> list[str]:
        select = ("qselect", "-u", self.submitter)
        return (self._with_history(*select) if history else self._real.run(*select)).split()

    def _stat(self, ids: Iterable[str]) -> list[SiteJob]:
        """Jobs by qstat's text form: that of JSON has the first job only (OpenPBS main branch).

        qstat connects once for each id, and each connection uses up a reserved port: of many
        jobs those that have not ended are picked out of everybody's, which is one connection.
        """
        wanted, found = set(ids), {}
        if len(wanted) > FEW:
            found = {job.id: job for job in parse_jobs(self._real.run("qstat", "-f", "-w")) if job.id in wanted}
        rest = sorted(wanted - found.keys())
        if rest:
            found |= {job.id: job for job in parse_jobs(self._with_history("qstat", "-f", "-w", *rest))}
        return list(found.values())

    def _with_history(self, command: str, *arguments: str) -> str:
        """A command with -x. Without a history PBS would answer nothing to that, and exit with 0."""
        return self._real.run(command, *(["-x"] if self._has_history else []), *arguments, allowed=ENDED)

    def wait(self, predicate: Callable[["SitePBS"], object], timeout: float = 10.0, what: str = "") -> None:
        """Asks until the predicate holds. A real PBS needs its time: `timeout` counts `PATIENCE` times."""
        try:
            self._real.wait(lambda _: predicate(self), timeout * PATIENCE)
        except TimeoutError as error:
            raise TimeoutError(f"{what or 'the condition'}: {error}") from None

    def wait_for_state(self, job_id: str, state: str, substate: int | None = None, timeout: float = 10.0) -> SiteJob:
        def reached(_: SitePBS) -> bool:
            job = self.job(job_id)
            return job.state == state and substate in (None, job.substate)

        self.wait(reached, timeout, f"job {job_id} in state {state}{substate or ''}")
        return self.job(job_id)

    # Jobs

    def submit(self, name: str = "native", select: str = "1:ncpus=1:mem=64mb", variables: dict[str, str] | None = None,
               user: str | None = None) -> SiteJob:
        """The submitter's job, or that of another user, who must be the tests' own outside a lab."""
        with self._as(user):
            job = self.job(self._real.submit(name=name, select=select, variables=variables, user=user))
        if user not in (None, self.submitter):
            self._undo.callback(self._real.run, "qdel", job.id, allowed=ENDED)
        return job

    def delete(self, job_id: str, user: str | None = None) -> None:
        with self._as(user):
            self._real.run("qdel", job_id, user=user)

    @contextmanager
    def _as(self, user: str | None) -> Iterator[None]:
        """Skips where commands cannot be given as this user."""
        try:
            yield
        except PermissionError as error:
            pytest.skip(str(error))

    def end_job(self, job_id: str) -> None:
        """The job's program ends, by a signal."""
        self._real.run("qsig", "-s", "SIGKILL", job_id)

    def limit_walltime(self, job_id: str, seconds: float) -> None:
        """The running job's walltime becomes so many seconds."""
        self._as_operator("qalter", "-l", f"walltime={int(seconds)}", job_id)

    def hold(self, job_id: str, kinds: str = "u") -> None:
        self._as_operator("qhold", "-h", kinds, job_id)

    def release(self, job_id: str, kinds: str = "u") -> None:
        self._as_operator("qrls", "-h", kinds, job_id)

    def suspend(self, job_id: str) -> None:
        self._as_operator("qsig", "-s", "suspend", job_id)

    def resume(self, job_id: str) -> None:
        self._as_operator("qsig", "-s", "resume", job_id)

    def move(self, job_id: str, queue: str) -> None:
        self._real.run("qmove", queue, job_id)

    def alter(self, job_id: str, resources: dict[str, str] | None = None, **attributes: str) -> None:
        """qalter by an operator: -l, and Job_Name and Priority."""
        options = [part for name, value in (resources or {}).items() for part in ("-l", f"{name}={value}")]
        letters = {"Job_Name": "-N", "Priority": "-p"}
        self._as_operator("qalter", *options, *(part for name, value in attributes.items() for part in (letters[name], value)), job_id)

    def requeue(self, job_id: str) -> None:
        """qrerun, which a job that is not rerunable has to be made fit for."""
        self._as_operator("qalter", "-r", "y", job_id)
        self._as_operator("qrerun", job_id)

    def rerun(self, job_id: str, host: str) -> None:
        """The job runs again, on `host`: where it ran is offline meanwhile."""
        self._change_server()
        for before in self.job(job_id).hosts:
            self._real.run("pbsnodes", "-o", before)
            self._undo.callback(self._real.run, "pbsnodes", "-r", before)
        self.requeue(job_id)
        self.wait(lambda _: self.job(job_id).hosts == [host], what=f"job {job_id} on {host}")

    def refuse_next_run(self, job_id: str) -> None:
        """The host refuses the job's next start: back to Q with the comment, then it ends."""
        lab = self._in_lab()
        # A name of its own: a host may still be deleting the hook of an earlier test.
        hook = f"connectortests{uuid.uuid4().hex[:8]}"
        self._undo.callback(self._qmgr, f"delete hook {hook}")
        lab.refuse(job_id, hook, self._real.directory)

    def forget_all(self) -> None:
        """Every job of the test ends and leaves no history: its id is unknown."""
        for job_id in list(self.jobs):
            self._real.run("qdel", "-W", "force", "-x", job_id)
            self._ended.pop(job_id, None)

    def empty_listing(self, count: int = 1) -> None:
        """The next `count` listings are empty though the jobs exist, for the program under test."""
        self.faults.silent("listing", count)

    def _as_operator(self, command: str, *arguments: str) -> None:
        try:
            self._real.run(command, *arguments)
        except PBSError as error:
            if error.status == NOT_PERMITTED:
                pytest.skip("this needs an operator of PBS")
            raise

    # Hosts, queues, the server

    def set_scheduling(self, on: bool) -> None:
        """The server attribute scheduling."""
        self._change_server()
        self._undo.callback(self._qmgr, "set server scheduling = True")
        self._qmgr(f"set server scheduling = {on}")

    def add_queue(self, name: str) -> None:
        """A further execution queue."""
        self._change_server()
        self._qmgr(f"create queue {name} queue_type = Execution, enabled = True, started = True")
        self._undo.callback(self._qmgr, f"delete queue {name}")

    def reserve(self, begins_in: float, seconds: float) -> str:
        """A reservation of one cpu by who submits the pods' jobs; returns its id."""
        begin, end = (time.localtime(time.time() + after) for after in (begins_in, begins_in + seconds))
        made = self._as_submitter("pbs_rsub", "-R", time.strftime("%Y%m%d%H%M.%S", begin), "-E",
                                  time.strftime("%Y%m%d%H%M.%S", end), "-l", "select=1:ncpus=1:mem=64mb")
        reservation = made.split()[0]
        self._undo.callback(self._as_submitter, "pbs_rdel", reservation)
        return reservation

    def _as_submitter(self, command: str, *arguments: str) -> str:
        line = [*self.as_submitter, str(self._real.installed / "bin" / command), *arguments]
        return subprocess.run(line, cwd="/", capture_output=True, text=True, check=True, timeout=60).stdout

    def let_submitter_operate(self) -> None:
        """The submitter is an operator of PBS."""
        self._change_server()
        entry = f"{self.submitter}@*"
        operators = re.search(r"operators = (.*)", self._real.run("qmgr", "-c", "list server operators"))
        others = set(operators[1].split(",")) - {entry} if operators else set()
        # The last one is not taken off the list: a server that is started again has it again.
        off = f"set server operators -= {entry}" if others else "unset server operators"
        if operators and entry in operators[1].split(","):
            # Left behind by a run that was killed; PBS takes no entry twice.
            self._qmgr(off)
        self._undo.callback(self._qmgr, off)
        self._qmgr(f"set server operators += {entry}")

    def let_submitter_set_hosts(self) -> None:
        """The submitter is an operator and finds the resource k8s_capacity, which stays; all else of the hosts is put back."""
        self._in_lab()
        self.let_submitter_operate()
        if "k8s_capacity" not in self._real.run("qmgr", "-c", "list resource"):
            self._qmgr("create resource k8s_capacity type=string, flag=rh")
        for name, before in self.hosts().items():
            values = self.available(name)
            self._undo.callback(self._qmgr, f"set node {name} resources_available.mem = {values['mem']}")
            self._undo.callback(self._qmgr, f"set node {name} resources_available.ncpus = {before.ncpus}")
            self._undo.callback(self._qmgr, f"unset node {name} resources_available.k8s_capacity")

    def available(self, host: str) -> dict[str, str]:
        """resources_available of a host."""
        lines = self._real.run("pbsnodes", "-v", host).splitlines()
        pairs = [line.strip().split(" = ", 1) for line in lines if line.startswith("     resources_available.")]
        return {name.removeprefix("resources_available."): value for name, value in pairs}

    def set_available(self, name: str, **resources: str) -> None:
        """As the simulator's."""
        for resource, value in resources.items():
            place = f"node {name} resources_available.{resource}"
            self._qmgr(f"set {place} = {value}" if value else f"unset {place}")

    def set_ncpus(self, host: str, ncpus: int) -> None:
        """The host has so many cpus for PBS from now on."""
        self._change_server()
        before = self.hosts()[host]
        # Where it is what the host itself has told, that is in force again.
        self._undo.callback(self._qmgr, f"unset node {host} resources_available.ncpus" if before.ncpus == before.pcpus
                            else f"set node {host} resources_available.ncpus = {before.ncpus}")
        self._qmgr(f"set node {host} resources_available.ncpus = {ncpus}")

    def set_history(self, on: bool) -> None:
        """The server attribute job_history_enable; without it all history is lost."""
        self._in_lab()
        self._undo.callback(self._qmgr, f"set server job_history_enable = {self._has_history}")
        self._qmgr(f"set server job_history_enable = {on}")
        self._has_history = on

    def stop(self) -> None:
        """The server ends; jobs that run go on."""
        lab = self._in_lab()
        self._stopped = True
        lab.stop_server()

    def start(self) -> None:
        """The server starts; returns when its hosts have reported.

        A host that reports starts no cycle of the scheduler: jobs that waited meanwhile would stay until the next
        one, for up to scheduler_iteration (600 s) where nothing else happens. So an administrator asks for one here.
        """
        self._in_lab().start_server()
        self._stopped = False
        self.wait(lambda _: all("down" not in host.state and "unknown" not in host.state
                                for name, host in self.hosts().items() if name not in self._down), 60, "hosts that report")
        self._qmgr("set server scheduling = True")

    def host_down(self, name: str) -> None:
        """The host stops answering, and PBS has noticed."""
        lab = self._in_lab()
        self._down.add(name)
        lab.kill_mom(name)
        self.wait(lambda _: "down" in self.hosts()[name].state)

    def host_up(self, name: str) -> None:
        """The host answers again. Its MoM is a new one, which knows no jobs."""
        self._in_lab().start_mom(name)
        self._down.discard(name)

    def _qmgr(self, directive: str) -> None:
        self._real.run("qmgr", "-c", directive)

    @staticmethod
    def _change_server() -> None:
        if lab_program() is None and os.environ.get(CHANGE_SERVER) != "yes":
            pytest.skip(f"changes settings of the PBS server: only in a lab, or with {CHANGE_SERVER}=yes")

    def _in_lab(self) -> Lab:
        if lab_program() is None:
            pytest.skip("harms others on this PBS: only in a lab (PBS_CONNECTOR_LAB)")
        return Lab(self._real)

    # The end

    def close(self) -> None:
        """Deletes what the test has left, and puts back what it has changed."""
        with self._undo:
            if self._stopped:
                self.start()
            for name in list(self._down):
                self.host_up(name)
            for job in self.jobs.values():
                if job.live:
                    self._real.run("qdel", job.id, allowed=ENDED)
            self._real.wait(lambda _: not any(job.live for job in self.jobs.values()), CLEAN_SECONDS)
        self._real.wait(lambda _: all(map(self.is_up, self.host_names)), CLEAN_SECONDS)
