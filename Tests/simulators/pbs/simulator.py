"""The PBS simulator as tests use it."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

from .calls import Call
from .faults import Faults
from .installation import install_commands, install_library
from .invocation import account
from .job import Job
from .listener import Listener
from .record import RecordEntry
from .selection import ResourceDefinition, ResourceType
from .server import PBSServer, Queue, Settings, Submission

_SAVED = "jobs.pickle"
# How the connector is to talk to PBS in a run of the tests: "libpbs" or "commands".
BACKEND = "PBS_CONNECTOR_BACKEND"


class PBSSimulator:
    """A PBS server with hosts, and its commands in DIRECTORY/bin (PBS_EXEC=DIRECTORY).

    `hosts` maps a name to its resources, e.g. {"node1": dict(ncpus=2,
    mem="24684096kb")}; further numbers are consumable resources. Seconds:
    `start_delay` from substate 41 to 42, `end_delay` in state E, `kill_delay`
    from qdel to the end of the processes, `sched_interval` at least between
    two scheduling cycles, `scheduler_iteration` at most, `node_fail_requeue` until the jobs of a host that
    is down are requeued (rerunable) or ended, `report_delay` from a start of
    the server to the reports of its hosts. `history`: finished jobs can be
    asked for with -x. `libpbs`: the stand-in for the library is there, as
    lib/libpbs.so; by default where PBS_CONNECTOR_BACKEND=libpbs. `user` is the manager, and the owner of jobs made with
    submit(). `clock` gives seconds since the epoch for what is printed.

    All methods may be called from any thread. Look at jobs and the record
    with `lock` held where several values must fit together.
    """

    def __init__(self, directory: str | os.PathLike[str], hosts: dict[str, dict[str, int | str]], user: str = "root",
                 start_delay: float = 0.0, history: bool = True, scheduler: bool = True,
                 server_name: str = "pbsserver", sched_interval: float = 0.0, scheduler_iteration: float = 600.0, end_delay: float = 0.02,
                 kill_delay: float = 0.0, node_fail_requeue: float = 310.0, report_delay: float = 0.0, first_id: int = 1, seed: int = 0,
                 clock: Callable[[], float] | None = None, libpbs: bool | None = None) -> None:
        self.directory = Path(directory)
        settings = Settings(
            server_name=server_name, manager=user, start_delay=start_delay, end_delay=end_delay, kill_delay=kill_delay,
            sched_interval=sched_interval, scheduler_iteration=scheduler_iteration, node_fail_requeue=node_fail_requeue, report_delay=report_delay, history=history, scheduler=scheduler,
            first_id=first_id)
        if clock is not None:
            settings.clock = clock
        self.settings = settings
        self._has_library = os.environ.get(BACKEND) == "libpbs" if libpbs is None else libpbs
        self.server = PBSServer(hosts, settings)
        self.faults = Faults(seed)
        self._listener = Listener(self.server, self.faults, self.directory / "socket")
        self.lock = self.server.lock

    # Life

    @property
    def exec_dir(self) -> Path:
        """What PBS_EXEC is to be set to."""
        return self.directory

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment with the commands first in PATH and no other PBS in it."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PBS_")}
        environment["PBS_EXEC"] = str(self.exec_dir)
        environment["PATH"] = f"{self.exec_dir / 'bin'}:{environment.get('PATH', '/usr/bin:/bin')}"
        return environment

    def start(self) -> None:
        """Serves commands; jobs of an earlier run in this directory are there again."""
        install_commands(self.directory, self.settings.server_name)
        if self._has_library:
            install_library(self.directory)
        with self.lock:
            saved = self.directory / _SAVED
            if saved.exists() and not self.server.jobs:
                self._load(saved)
            for job in self.server.jobs.values():
                # As on OpenPBS 23.06.06: a restarted server has no comment of a running job, nor one at its end.
                if job.state == "R":
                    job.comment = None
            self.server.resume_timers()
            if self.settings.report_delay > 0:
                self.server.await_hosts()
        self._listener.start()

    def stop(self) -> None:
        """Stops serving: commands then find no server. The jobs stay, and are saved in the directory."""
        self._listener.stop()
        with self.lock:
            self.server.timers.clear()
            self._save(self.directory / _SAVED)
        if self._listener.defects:
            raise AssertionError("defects of the PBS simulator:\n" + "\n".join(self._listener.defects))

    def __enter__(self) -> "PBSSimulator":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _save(self, path: Path) -> None:
        state = (self.server.jobs, self.server.next_sequence, self.server.queues, self.server.record)
        path.write_bytes(pickle.dumps(state))

    def _load(self, path: Path) -> None:
        jobs, self.server.next_sequence, self.server.queues, record = pickle.loads(path.read_bytes())
        self.server.record[:0] = record
        for job in jobs.values():
            self.server.adopt(job)

    # Looking

    @property
    def jobs(self) -> dict[str, Job]:
        """All jobs by id, those of the history included."""
        return self.server.jobs

    @property
    def record(self) -> list[RecordEntry]:
        """What happened, in order; entries are only ever added."""
        return self.server.record

    @property
    def served(self) -> dict[str, int]:
        """How many calls of each command have been carried out; qstat -u counts as "listing"."""
        return self._listener.served

    def calls(self, since: float = 0.0) -> list[Call]:
        """The calls from this moment on (time.monotonic()), those too that a fault kept from being carried out."""
        with self.lock:
            return [call for call in self._listener.calls if call.monotonic >= since]

    def connections(self, since: float = 0.0) -> int:
        """How often commands connected to the server from this moment on, as the real ones would have."""
        return sum(call.connections for call in self.calls(since))

    @property
    def user(self) -> str:
        """Who does what is asked for here without naming a user."""
        return self.settings.manager

    @property
    def submitter(self) -> str:
        """Whose jobs the commands submit: who runs them."""
        return account(os.getuid())[0]

    @property
    def host_names(self) -> list[str]:
        return sorted(self.server.hosts)

    def job(self, job_id: str) -> Job:
        """A job by its id, with or without the server's name."""
        with self.lock:
            return self.server.find(job_id)

    def wait(self, predicate: Callable[["PBSSimulator"], object], timeout: float = 10.0, what: str = "") -> None:
        """Waits until the predicate holds; it is looked at whenever something changes."""
        with self.lock:
            if not self.server.changed.wait_for(lambda: predicate(self), timeout):
                jobs = ", ".join(f"{job.id} {job.name} {job.state}{job.substate}" for job in
                                 list(self.jobs.values())[-20:]) or "none"
                last = "; ".join(f"{entry.kind} {entry.job_id}" for entry in self.record[-10:]) or "nothing"
                raise TimeoutError(f"{what or 'the condition'} did not come true within {timeout:g} s; "
                                   f"jobs: {jobs}; last events: {last}")

    def wait_for_state(self, job_id: str, state: str, substate: int | None = None, timeout: float = 10.0) -> Job:
        """Waits until a job is in a state (and substate) and returns it."""
        full = self.server.full_id(job_id)
        self.wait(lambda p: full in p.jobs and p.jobs[full].state == state and
                  (substate is None or p.jobs[full].substate == substate), timeout,
                  f"job {full} in state {state}{'' if substate is None else substate}")
        return self.jobs[full]

    # The site's settings

    def add_resource(self, name: str, read_only: bool = False) -> None:
        """qmgr -c "create resource NAME type=string", with flag r where users may not set it."""
        with self.lock:
            self.server.resources[name] = ResourceDefinition(ResourceType.STRING, read_only=read_only)

    def hook_submissions(self, hook: Callable[[Submission], None] | None) -> None:
        """Run this for each submission (event queuejob); None: no hook. It may change it, or raise PBSError."""
        with self.lock:
            self.server.queuejob = hook

    def hook_changes(self, modify: Callable[[Job, str, dict[str, str], dict[str, str]], None] | None,
                     move: Callable[[Job, str], None] | None) -> None:
        """Run these for the events modifyjob and movejob; see PBSServer.modifyjob."""
        with self.lock:
            self.server.modifyjob, self.server.movejob = modify, move

    # Making things happen to jobs

    def submit(self, name: str = "native", select: str = "1:ncpus=1", walltime: str | None = None,
               place: str | None = None, queue: str | None = None, program: tuple[str, ...] = ("/bin/sleep", "infinity"),
               variables: dict[str, str] | None = None, user: str | None = None, rerunable: bool = True,
               held: bool = False, project: str | None = None, resources: dict[str, str] | None = None) -> Job:
        """A job as a person would submit it (a native one, unless `variables` says otherwise)."""
        resources = {"select": select, **(resources or {})}
        if walltime is not None:
            resources["walltime"] = walltime
        if place is not None:
            resources["place"] = place
        owner = user or self.settings.manager
        _, group, home = account(os.getuid())
        text = ",".join(["PBS_O_HOME=/", "PBS_O_WORKDIR=/"] + [f"{k}={v}" for k, v in (variables or {}).items()])
        with self.lock:
            return self.server.submit(Submission(
                name=name, resources=resources, variables=text, user=owner, uid=os.getuid(), group=group, home=home,
                queue=queue, executable=program[0], arguments=list(program[1:]), rerunable=rerunable, held=held,
                project=project))

    def end_job(self, job_id: str, exit_status: int = 0, why: str = "ended by the test") -> None:
        """The job's program ends."""
        with self.lock:
            self.server.end(self.server.find(job_id), exit_status, why)

    def limit_walltime(self, job_id: str, seconds: float) -> None:
        """The running job's walltime ends in so many seconds, as after qalter."""
        with self.lock:
            job = self.server.find(job_id)
            self.server.timers.after(seconds, lambda: self.server.walltime_exceeded(job, job.timer_generation))

    def rerun(self, job_id: str, host: str | None = None) -> None:
        """The job runs again, with run_count + 1 and no Q in between; on `host` if given."""
        with self.lock:
            job = self.server.find(job_id)
            self.server.rerun(job, None if host is None else self.server.allocations_at(job, host))

    def requeue(self, job_id: str) -> None:
        """The job goes back to state Q, at its old place in the queue."""
        with self.lock:
            self.server.requeue(self.server.find(job_id))

    def suspend(self, job_id: str) -> None:
        """The job is stopped and gives its resources back (state S)."""
        with self.lock:
            self.server.suspend(self.server.find(job_id))

    def resume(self, job_id: str) -> None:
        """The job goes on as soon as its hosts have room."""
        with self.lock:
            self.server.resume(self.server.find(job_id))

    def hold(self, job_id: str, kinds: str = "s") -> None:
        """An administrator holds the job."""
        with self.lock:
            self.server.hold(job_id, self.settings.manager, kinds)

    def release(self, job_id: str, kinds: str = "s") -> None:
        """An administrator releases the job."""
        with self.lock:
            self.server.release(job_id, self.settings.manager, kinds)

    def delete(self, job_id: str, user: str | None = None, force: bool = False) -> None:
        """qdel by somebody."""
        with self.lock:
            self.server.delete(job_id, user or self.settings.manager, self.settings.server_name, force)

    def move(self, job_id: str, queue: str) -> None:
        """qmove by an administrator."""
        with self.lock:
            self.server.move(job_id, self.settings.manager, queue)

    def move_away(self, job_id: str, server: str = "elsewhere") -> None:
        """qmove to another server, by an administrator."""
        with self.lock:
            self.server.move_away(self.server.find(job_id), server)

    def alter(self, job_id: str, resources: dict[str, str] | None = None, **attributes: str) -> None:
        """qalter by an administrator."""
        with self.lock:
            self.server.alter(job_id, self.settings.manager, resources or {}, attributes)

    def estimate(self, job_id: str, start: int, comment: str) -> None:
        """The scheduler expects the job to start then, and says why it waits."""
        with self.lock:
            job = self.server.find(job_id)
            job.estimated_start, job.comment, job.mtime = start, comment, self.server.now()

    def refuse_next_run(self, job_id: str, comment: str = "Not Running: PBS Error: Execution server rejected request",
                        ends: bool = True) -> None:
        """The host refuses the job's next start: back to Q with the comment, then it ends (or, ends=False, waits)."""
        with self.lock:
            self.server.refuse_next_run(self.server.find(job_id), comment, ends)

    # Making things happen to hosts, queues and the server

    def host_down(self, name: str) -> None:
        """The host stops answering."""
        with self.lock:
            self.server.host_down(self.server.hosts[name])

    def host_up(self, name: str) -> None:
        """The host answers again."""
        with self.lock:
            self.server.host_up(self.server.hosts[name])

    def set_offline(self, name: str, offline: bool, comment: str | None = None) -> None:
        """An operator takes the host out of service, or gives it back; None leaves its comment."""
        with self.lock:
            self.server.set_host(name, self.settings.manager, offline, comment)

    def set_available(self, name: str, **resources: str) -> None:
        """qmgr -c "set node NAME resources_available.RESOURCE = VALUE", by an operator; "" unsets one."""
        with self.lock:
            self.server.set_vnode(name, self.settings.manager, resources)

    def let_submitter_set_hosts(self) -> None:
        """The resource k8s_capacity is there; the submitter manages this PBS anyway."""
        self.add_resource("k8s_capacity", read_only=True)

    def available(self, host: str) -> dict[str, str]:
        """resources_available of a host."""
        with self.lock:
            known = self.server.hosts[host]
            return {**known.labels, **{name: str(amount) for name, amount in known.total.items()}, "mem": known.memory_text}

    def set_ncpus(self, name: str, ncpus: int) -> None:
        """The host has so many cpus from now on; jobs that run there stay."""
        with self.lock:
            self.server.hosts[name].total["ncpus"] = ncpus
            self.server.plan_cycle()

    def add_queue(self, name: str, enabled: bool = True, started: bool = True) -> None:
        """A further execution queue; the first one is workq."""
        with self.lock:
            self.server.queues[name] = Queue(name, enabled, started)

    def set_scheduling(self, on: bool) -> None:
        """The server attribute scheduling."""
        with self.lock:
            self.settings.scheduler = on
            self.server.plan_cycle()

    def set_history(self, on: bool) -> None:
        """The server attribute job_history_enable."""
        with self.lock:
            self.settings.history = on

    def forget_all(self, restart_sequence: bool = True) -> None:
        """The server starts with an empty database: every id is unknown, and numbers begin again."""
        with self.lock:
            self.server.forget_all(restart_sequence)

    def empty_listing(self, count: int = 1) -> None:
        """The next `count` listings (qselect, qstat without ids) are empty though the jobs exist."""
        with self.lock:
            self._listener.empty_listings += count

    def end_connections(self) -> None:
        """The server closes the connections that libraries keep, as after a long silence; new ones are welcome."""
        with self.lock:
            self.server.timers.after(0.0, self._listener.end_kept_connections)

    def pause(self) -> None:
        """The server hangs, as under SIGSTOP: commands connect and wait, and no time passes for jobs."""
        with self.lock:
            self._listener.paused = True

    def resume_server(self) -> None:
        """The server goes on; what was due meanwhile happens now."""
        with self.lock:
            self._listener.paused = False
            self.server.changed.notify_all()
        self._listener.wake()
