"""The PBS server: hosts, queues, jobs, and what happens to them.

Each method is one request or one event, and says what OpenPBS does at that
point. Nothing here knows about commands or sockets. The caller holds `lock`.
"""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from . import errors
from .errors import error
from .host import Host
from .job import Allocation, Job, Substate
from .quantities import format_duration
from .record import RecordEntry
from .scheduler import Scheduler
from .selection import STANDARD_RESOURCES, ResourceDefinition, ResourceType, complete_request
from .timers import Timers

PBS_VERSION = "23.06.06"

# Exit statuses of jobs (OpenPBS src/include/job.h and the recordings).
EXIT_TERMINATED = 271  # 256 + SIGTERM: qdel of a running job
EXIT_KILLED = 265  # 256 + SIGKILL: qdel -W force
EXIT_WALLTIME = -29  # JOB_EXEC_KILL_WALLTIME
EXIT_HOST_LOST = -20  # JOB_EXEC_RERUN_MS_FAIL

# A job that failed to start so often is held (check_failed_attempts(), PBS_MAX_HOPCOUNT twice).
MAXIMUM_RUN_ATTEMPTS = 20

_EXCEEDED = {-24: "ncpus (burst)", -25: "ncpus (sum)", -26: "vmem", -27: "mem", -28: "cput", EXIT_WALLTIME: "walltime"}

_SIGNALS = frozenset(
    "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM CHLD CONT STOP TSTP TTIN TTOU".split())


@dataclass
class Settings:
    """What a test can choose. Times are seconds."""

    server_name: str = "pbsserver"
    manager: str = "root"
    root_manages: bool = True  # The server attribute acl_roots names root.
    start_delay: float = 0.0
    end_delay: float = 0.02
    kill_delay: float = 0.0
    sched_interval: float = 0.0
    scheduler_iteration: float = 600.0
    node_fail_requeue: float = 310.0
    report_delay: float = 0.0
    history: bool = True
    scheduler: bool = True
    first_id: int = 1
    clock: Callable[[], float] = time.time


@dataclass
class Queue:
    """A queue; a stopped one accepts jobs and runs none, a disabled one accepts none."""

    name: str
    enabled: bool = True
    started: bool = True


# Attributes that qsub sends where no option says otherwise (set_opt_defaults()); a job of the library may lack them.
QSUB_DEFAULTS = {"Checkpoint": "u", "Join_Path": "n", "Keep_Files": "n", "Mail_Points": "a"}


@dataclass
class Submission:
    """A job as qsub hands it over, options already read and checked."""

    name: str
    resources: dict[str, str]
    variables: str
    user: str
    uid: int
    group: str
    home: str
    output_path: str | None = None
    error_path: str | None = None
    # PBS_O_WORKDIR, where the job's output goes unless it is told otherwise.
    working_directory: str | None = "/"
    queue: str | None = None
    executable: str | None = None
    arguments: list[str] = field(default_factory=list)
    script: str | None = None
    # None: nothing is said of it.
    rerunable: bool | None = True
    held: bool = False
    holds: str | None = ""
    priority: int | None = 0
    project: str | None = None
    execution_time: int | None = None
    attributes: dict[str, str] = field(default_factory=lambda: dict(QSUB_DEFAULTS))
    submit_arguments: list[str] = field(default_factory=list)


class PBSServer:
    """The state and its rules."""

    def __init__(self, hosts: dict[str, dict[str, int | str]], settings: Settings) -> None:
        self.settings = settings
        self.name = settings.server_name
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.timers = Timers()
        self.resources: dict[str, ResourceDefinition] = dict(STANDARD_RESOURCES)
        for resources in hosts.values():
            for name, value in resources.items():
                if name not in self.resources:
                    kind = ResourceType.LONG if isinstance(value, int) else ResourceType.STRING
                    self.resources[name] = ResourceDefinition(kind, in_chunk=True, consumable=isinstance(value, int))
        self.hosts = {name: Host.make(name, resources, self.now()) for name, resources in hosts.items()}
        self.queues: dict[str, Queue] = {"workq": Queue("workq")}
        self.default_queue = "workq"
        self.scheduler = Scheduler(self.hosts, self.resources)
        self.jobs: dict[str, Job] = {}
        self.by_state: dict[str, dict[str, Job]] = {state: {} for state in "QRHWESFTM"}
        self.record: list[RecordEntry] = []
        # A hook for the event queuejob: may change a submission, or refuse it by raising PBSError.
        self.queuejob: Callable[[Submission], None] | None = None
        # The same for modifyjob, with the requestor and the resources and attributes that are to change, and for movejob.
        self.modifyjob: Callable[[Job, str, dict[str, str], dict[str, str]], None] | None = None
        self.movejob: Callable[[Job, str], None] | None = None
        self.next_sequence = settings.first_id
        self._last_rank = 0
        self._cycle_planned = False
        self._last_cycle = 0.0
        # Jobs whose next start their host refuses: comment, and whether that ends them.
        self._refusals: dict[str, tuple[str, bool]] = {}
        self._resuming: dict[str, Job] = {}
        self._sessions = itertools.count(10000)

    # Time and the record

    def now(self) -> int:
        """Seconds since the epoch."""
        return int(self.settings.clock())

    def _note(self, kind: str, job: Job, exit_status: int | None = None, why: str = "") -> None:
        host = job.allocations[0].host if job.allocations else None
        self.record.append(RecordEntry(kind, job.id, job.pod_uid, host, time.monotonic(), self.settings.clock(),
                                       exit_status, why))
        self.changed.notify_all()

    def _set_state(self, job: Job, state: str, substate: int) -> None:
        if state != job.state or job.id not in self.by_state[state]:
            self.by_state[job.state].pop(job.id, None)
            self.by_state[state][job.id] = job
        job.state, job.substate = state, substate
        job.mtime = self.now()
        self.changed.notify_all()

    # Looking up

    def full_id(self, job_id: str) -> str:
        """ "5" or "5.pbsserver" or "5.pbsserver@pbsserver" as "5.pbsserver"."""
        number = job_id.split("@", 1)[0]
        return number if "." in number else f"{number}.{self.name}"

    def find(self, job_id: str) -> Job:
        """The job, in the history or not; raises "Unknown Job Id"."""
        job = self.jobs.get(self.full_id(job_id))
        if job is None:
            raise error(errors.UNKNOWN_JOB_ID)
        return job

    def live_job(self, job_id: str, user: str, force: bool = False) -> Job:
        """A job that a request may work on (chk_job_request()): not finished, not exiting, this user's."""
        job = self.find(job_id)
        if not job.live:
            raise error(errors.JOB_FINISHED)
        self._authorize(job, user)
        if job.state == "E" and not force:
            raise error(errors.BAD_STATE)
        return job

    def is_manager(self, user: str) -> bool:
        """Whether the user is PBS manager here."""
        return user == self.settings.manager or (user == "root" and self.settings.root_manages)

    def _authorize(self, job: Job, user: str) -> None:
        if user != job.owner and not self.is_manager(user):
            raise error(errors.NO_PERMISSION)

    def _require_manager(self, user: str) -> None:
        if not self.is_manager(user):
            raise error(errors.NO_PERMISSION)

    def comment(self, job: Job) -> str | None:
        """The job's comment, the scheduler's latest word included."""
        return self.scheduler.comment(job) if job.state == "Q" else job.comment

    def changed_at(self, job: Job) -> int:
        """The attribute mtime: a new comment of the scheduler counts, one that is the same does not."""
        return max(job.mtime, self.scheduler.commented_at(job)) if job.state == "Q" else job.mtime

    def in_states(self, states: Iterable[str]) -> list[Job]:
        """The jobs in these states in the order of the queue."""
        jobs = [job for state in states for job in self.by_state.get(state, {}).values()]
        jobs.sort(key=lambda job: job.queue_rank)
        return jobs

    # Submitting

    def submit(self, submission: Submission) -> Job:
        """Accepts a job or raises the refusal."""
        queue = self.queues.get(submission.queue or self.default_queue)
        if queue is None:
            raise error(errors.UNKNOWN_QUEUE)
        if not queue.enabled:
            raise error(errors.QUEUE_NOT_ENABLED)
        asked = set(submission.resources)
        # Hooks see a request before the server does (req_quejob()).
        if self.queuejob is not None:
            self.queuejob(submission)
        for name in asked & set(submission.resources):
            if name in self.resources and self.resources[name].read_only:
                raise error(errors.READ_ONLY_ATTRIBUTE, f" Resource_List.{name}")
        # Taken before the request is looked at: a refused one has cost a number as well.
        sequence = self.next_sequence
        self.next_sequence += 1
        request = complete_request(submission.resources, self.resources)
        now = self.now()
        job_id = f"{sequence}.{self.name}"
        folder = submission.working_directory
        default = submission.name if folder is None else f"{folder.rstrip('/')}/{submission.name}"
        variables = [submission.variables, f"PBS_O_QUEUE={queue.name}"]
        if ",PBS_O_HOST=" not in f",{submission.variables}":
            variables.append(f"PBS_O_HOST={self.name}")
        job = Job(
            id=job_id, sequence=sequence, name=submission.name, owner=submission.user, owner_host=self.name,
            uid=submission.uid, group=submission.group, home=submission.home, queue=queue.name, server=self.name,
            request=request,
            variables=",".join(filter(None, variables)),
            output_path=submission.output_path or f"{self.name}:{default}.o{sequence}",
            error_path=submission.error_path or f"{self.name}:{default}.e{sequence}",
            submit_arguments=submission.submit_arguments, queue_rank=self._next_rank(), ctime=now, qtime=now, mtime=now,
            rerunable=submission.rerunable is not False, says_rerunable=submission.rerunable is not None,
            priority=submission.priority,
            project=submission.project or "_pbs_project_default", executable=submission.executable,
            arguments=submission.arguments, script=submission.script, attributes=submission.attributes,
            holds=submission.holds or ("u" if submission.held else ""), says_holds=submission.holds is not None, execution_time=submission.execution_time)
        job.runs_for = _sleep_seconds(job)
        self.jobs[job_id] = job
        self._note("queued", job)
        self._evaluate(job)
        return job

    def _next_rank(self) -> int:
        self._last_rank = max(self._last_rank + 1, int(self.settings.clock() * 1_000_000))
        return self._last_rank

    def _evaluate(self, job: Job) -> None:
        """The state of a job that does not run (svr_evaljobstate())."""
        if job.state == "Q" and job.id in self.by_state["Q"]:
            self.scheduler.remove(job)
        if job.holds:
            job.etime = None
            self._set_state(job, "H", Substate.HELD)
        elif job.execution_time is not None and job.execution_time > self.settings.clock():
            job.etime = None
            self._set_state(job, "W", Substate.WAITING)
            generation = self._new_generation(job)
            self.timers.after(job.execution_time - self.settings.clock(), lambda: self._execution_time(job, generation))
        else:
            job.etime = job.etime or self.now()
            self._set_state(job, "Q", Substate.QUEUED)
            self.scheduler.add(job)
            self.plan_cycle()

    def _execution_time(self, job: Job, generation: int) -> None:
        if job.timer_generation == generation and job.state == "W":
            self._evaluate(job)

    def _new_generation(self, job: Job) -> int:
        """Makes all timers of the job that are under way void."""
        job.timer_generation += 1
        return job.timer_generation

    # Scheduling and running

    def plan_cycle(self) -> None:
        """A scheduling cycle as soon as sched_interval allows; several events share one."""
        if self._cycle_planned or not self.settings.scheduler:
            return
        self._cycle_planned = True
        wait = self._last_cycle + self.settings.sched_interval - time.monotonic()
        self.timers.after(max(0.0, wait), self._planned_cycle)

    def _planned_cycle(self) -> None:
        self._cycle_planned = False
        if self.settings.scheduler:
            self.schedule()

    def schedule(self) -> None:
        """One scheduling cycle: suspended jobs that may go on, then the queue in its order."""
        self._last_cycle = time.monotonic()
        for job in list(self._resuming.values()):
            self._resume_where_it_was(job)
        started = {queue.name for queue in self.queues.values() if queue.started}
        for job, allocations in self.scheduler.next_cycle(self.now()).jobs_that_fit(self.jobs, started):
            self._run(job, allocations)

    def _run(self, job: Job, allocations: list[Allocation]) -> None:
        """Sends a job to its host: state R, substate 41, until the host reports."""
        if job.state == "Q":
            self.scheduler.remove(job)
        refusal = self._refusals.pop(job.id, None)
        job.allocations = [replace(allocation) for allocation in allocations]
        self._hold_resources(job)
        job.run_count += 1
        job.stime = self.now()
        job.exit_status = job.session_id = None
        job.used_walltime, job.running_at = 0, None
        job.comment = self._run_comment(job)
        self._set_state(job, "R", Substate.PRERUN)
        self._note("started", job)
        generation = self._new_generation(job)
        if refusal is not None:
            self.timers.after(self.settings.start_delay, lambda: self._refuse(job, generation, *refusal))
        elif self.settings.start_delay > 0:
            self.timers.after(self.settings.start_delay, lambda: self._host_reported(job, generation))
        else:
            self._host_reported(job, generation)

    def _run_comment(self, job: Job) -> str:
        when = time.strftime("%a %b %d at %H:%M", time.localtime(self.settings.clock()))
        return f"Job run at {when} on {job.exec_vnode}"

    def _hold_resources(self, job: Job) -> None:
        exclusive = "excl" in job.request.place
        for allocation in job.allocations:
            host = self.hosts[allocation.host]
            host.assign(allocation.amounts, 1)
            allocation.index = host.take_slot(job.id)
            host.last_used = self.now()
            host.exclusive = host.exclusive or exclusive
        job.holds_resources = True

    def _release_resources(self, job: Job) -> None:
        if not job.holds_resources:
            return
        job.holds_resources = False
        for allocation in job.allocations:
            host = self.hosts[allocation.host]
            host.assign(allocation.amounts, -1)
            host.free_slots(job.id)
            host.last_used = self.now()
            if "excl" in job.request.place:
                host.exclusive = False
        self.plan_cycle()

    def _host_reported(self, job: Job, generation: int) -> None:
        """The first report of the execution host: session id, substate 42."""
        if job.timer_generation != generation or job.state != "R":
            return
        if any(self.hosts[name].down for name in job.hosts):
            return
        job.session_id = next(self._sessions)
        job.running_at = time.monotonic()
        self._set_state(job, "R", Substate.RUNNING)
        self._note("running", job)
        self._arm_end_timers(job, generation)

    def _arm_end_timers(self, job: Job, generation: int) -> None:
        """The program's own end, and the walltime limit."""
        elapsed = self.elapsed(job)
        if job.runs_for is not None:
            self.timers.after(job.runs_for - elapsed, lambda: self._program_ended(job, generation))
        if job.request.walltime is not None:
            self.timers.after(job.request.walltime - elapsed, lambda: self.walltime_exceeded(job, generation))

    def elapsed(self, job: Job) -> float:
        """Seconds the job has run, without the time it was suspended."""
        if job.running_at is None:
            return 0.0
        until = job.suspended_at if job.suspended_at is not None else time.monotonic()
        return until - job.running_at

    def _program_ended(self, job: Job, generation: int) -> None:
        if job.timer_generation == generation and job.state == "R":
            self.end(job, 0, "program ended")

    def walltime_exceeded(self, job: Job, generation: int) -> None:
        if job.timer_generation == generation and job.state == "R":
            self.end(job, EXIT_WALLTIME, "exceeded resource walltime")

    def refuse_next_run(self, job: Job, comment: str, ends: bool) -> None:
        """The execution host will refuse the job's next start; then it ends or waits again."""
        self._refusals[job.id] = (comment, ends)

    def _refuse(self, job: Job, generation: int, comment: str, ends: bool) -> None:
        """The host rejects the job (post_sendmom()): back to the queue with a comment, then aborted if it ends."""
        if job.timer_generation != generation or job.state != "R":
            return
        self._note("run refused", job, why=comment)
        self._release_resources(job)
        job.allocations = []
        job.stime = None
        job.comment = comment
        if job.run_count > MAXIMUM_RUN_ATTEMPTS:
            job.holds = _holds(set(job.holds) | {"s"})
            job.comment = "job held, too many failed attempts to run"
        generation = self._new_generation(job)
        if not ends:
            self._set_state(job, "Q", Substate.QUEUED)
            self._evaluate(job)
            return
        # Not given to the scheduler: the server aborts it before another cycle looks.
        self._set_state(job, "Q", Substate.QUEUED)
        self.timers.after(self.settings.end_delay, lambda: self._abort_refused(job, generation, comment))

    def _abort_refused(self, job: Job, generation: int, comment: str) -> None:
        if job.timer_generation == generation and job.state == "Q":
            job.exit_status = -1
            self._note("ended", job, -1, comment)
            self._finish(job)

    # Ending

    def end(self, job: Job, exit_status: int, why: str) -> None:
        """The job's processes have ended: state E, and F after end_delay."""
        if job.state not in ("R", "S"):
            raise error(errors.BAD_STATE)
        self._resuming.pop(job.id, None)
        job.used_walltime = int(self.elapsed(job))
        job.exit_status = exit_status
        generation = self._new_generation(job)
        self._set_state(job, "E", Substate.STAGEOUT)
        self._note("ended", job, exit_status, why)
        self.timers.after(self.settings.end_delay, lambda: self._exited(job, generation))

    def _exited(self, job: Job, generation: int) -> None:
        if job.timer_generation != generation or job.state != "E":
            return
        job.obittime = self.now()
        job.attributes["Stageout_status"] = "1"
        self._finish(job)

    def _finish(self, job: Job) -> None:
        """To the history (svr_setjob_histinfo()), or away where there is none."""
        if job.state == "Q":
            self.scheduler.remove(job)
        self._new_generation(job)
        self._refusals.pop(job.id, None)
        self._release_resources(job)
        job.history_timestamp = self.now()
        if job.deleted_by is not None:
            substate = Substate.TERMINATED
            if job.comment and "terminated" not in job.comment:
                job.comment += " and terminated"
        elif job.exit_status:
            substate = Substate.FAILED
            exceeded = _EXCEEDED.get(job.exit_status)
            if job.comment:
                job.comment += f" and exceeded resource {exceeded}" if exceeded else " and failed"
        else:
            substate = Substate.FINISHED
            if job.comment:
                job.comment += " and finished"
        self._set_state(job, "F", substate)
        if not self.settings.history or job.delete_history:
            self._purge(job)

    def _purge(self, job: Job) -> None:
        self.by_state[job.state].pop(job.id, None)
        self.jobs.pop(job.id, None)
        self.changed.notify_all()

    def delete(self, job_id: str, user: str, client_host: str, force: bool = False, history: bool = False) -> None:
        """qdel (req_deletejob()): a waiting job is gone at once, a running one when its host says so."""
        job = self.find(job_id)
        if not job.live and history:
            self._authorize(job, user)
            if job.state == "M":
                # Sent on to where it is (issue_delete()).
                self._note("deleted", job, why=f"there, by {user}@{client_host}")
            self._purge(job)
            return
        job = self.live_job(job_id, user, force)
        job.delete_history = job.delete_history or history
        by = f"{user}@{client_host}"
        if job.state in ("Q", "H", "W"):
            if job.state == "Q":
                self.scheduler.remove(job)
            job.deleted_by = by
            self._note("deleted", job, why=by)
            self._finish(job)
            return
        if force and not self.is_manager(user) and self._host_is_down(job):
            # As seen on 23.06.06: the server lets go of a job whose host it cannot ask.
            job.deleted_by = by
            self._note("deleted", job, why=by)
            self._note("ended", job, None, "forced delete, execution host is down")
            self._finish(job)
            return
        if force and self.is_manager(user):
            job.deleted_by = by
            job.exit_status = EXIT_KILLED
            job.obittime = self.now()
            self._note("deleted", job, why=by)
            if job.state != "E":
                self._note("ended", job, EXIT_KILLED, "forced delete")
            self._finish(job)
            return
        self._require_host(job)
        if job.deleted_by is None:
            job.comment = f"{job.comment} and terminated by {by}" if job.comment else None
        job.deleted_by = by
        self._note("deleted", job, why=by)
        generation = self._new_generation(job)
        self.timers.after(self.settings.kill_delay, lambda: self._terminated(job, generation, by))
        job.mtime = self.now()

    def _terminated(self, job: Job, generation: int, by: str) -> None:
        if job.timer_generation == generation and job.state in ("R", "S"):
            self.end(job, EXIT_TERMINATED, f"terminated by {by}")

    def _require_host(self, job: Job) -> None:
        """A request that the first execution host has to carry out fails while that is down."""
        if self._host_is_down(job):
            raise error(errors.NO_REPLY_FROM_HOST)

    def _host_is_down(self, job: Job) -> bool:
        return bool(job.hosts) and self.hosts[job.hosts[0]].down

    # Rerun, requeue, run by hand

    def rerun(self, job: Job, allocations: list[Allocation] | None) -> None:
        """Starts a running job again, with run_count + 1 and no Q in between."""
        if job.state not in ("R", "S"):
            raise error(errors.BAD_STATE)
        self._note("rerun", job)
        job.obittime = self.now()
        self._back_to_queue(job)
        if allocations is None:
            allocations = self.scheduler.place(job.request.chunks, job.request.place)
        if allocations is None:
            self._set_state(job, "Q", Substate.QUEUED)
            self._evaluate(job)
        else:
            self._run(job, allocations)

    def requeue(self, job: Job) -> None:
        """Puts a running job back into the queue, at its old place in the order."""
        if job.state not in ("R", "S"):
            raise error(errors.BAD_STATE)
        self._note("requeued", job)
        self._back_to_queue(job)
        self._set_state(job, "Q", Substate.QUEUED)
        self._evaluate(job)

    def _back_to_queue(self, job: Job) -> None:
        self._new_generation(job)
        self._resuming.pop(job.id, None)
        self._release_resources(job)
        job.allocations = []
        job.session_id = job.stime = job.running_at = job.suspended_at = job.exit_status = None

    def rerun_request(self, job_id: str, user: str, force: bool) -> None:
        """qrerun (req_rerunjob())."""
        job = self.live_job(job_id, user)
        self._require_manager(user)
        if not job.rerunable and not force:
            raise error(errors.NOT_RERUNNABLE)
        if job.state != "R":
            raise error(errors.BAD_STATE)
        if not force:
            self._require_host(job)
        self.rerun(job, None)

    def run_request(self, job_id: str, user: str, where: str | None) -> None:
        """qrun: runs a waiting job now, at the named hosts or where it fits (req_runjob())."""
        job = self.live_job(job_id, user)
        self._require_manager(user)
        if where is not None and where not in ("", "-"):
            allocations = self.allocations_at(job, where)
        else:
            allocations = None
        if job.state not in ("Q", "W"):
            raise error(errors.BAD_STATE)
        if allocations is None:
            allocations = self.scheduler.place(job.request.chunks, job.request.place)
            if allocations is None:
                reason = self.scheduler.why_not(job.request.chunks, job.request.place)
                raise errors.PBSError(errors.EXECUTION_SERVER_REJECTED, reason.split(": ", 1)[1])
        self._run(job, allocations)

    def allocations_at(self, job: Job, where: str) -> list[Allocation]:
        """The job's chunks on hosts named by hand; nothing checks whether they have room, as in PBS."""
        names = [part.strip("()").split(":", 1)[0] for part in where.split("+")]
        for name in names:
            if name not in self.hosts:
                raise error(errors.UNKNOWN_NODE)
        allocations: list[Allocation] = []
        chunks = [chunk for chunk in job.request.chunks for _ in range(chunk.count)]
        for chunk, name in zip(chunks, itertools.cycle(names)):
            amounts = self.scheduler.amounts(chunk)
            text = ":".join([name] + [f"{key}={value}" for key, value in chunk.resources if key in amounts])
            allocations.append(Allocation(name, amounts, text, on=self.hosts[name].labels["host"]))
        return allocations

    # Hold, release, suspend, resume, move

    def hold(self, job_id: str, user: str, kinds: str) -> None:
        """qhold: sets holds; a running job keeps running (req_holdjob())."""
        job = self.live_job(job_id, user)
        wanted = set(kinds or "u") - {"n"}
        if wanted & {"s", "o"}:
            self._require_manager(user)
        before = job.holds
        job.holds, job.says_holds = _holds(set(job.holds) | wanted), True
        if job.state == "Q":
            self.scheduler.remove(job)
        job.comment = f"Job held by {user} on {time.ctime(self.settings.clock())}"
        self._note("held", job, why=f"{user}: {job.holds}")
        job.mtime = self.now()
        if job.holds != before and job.state in ("Q", "W"):
            job.etime = None
            self._new_generation(job)
            self._set_state(job, "H", Substate.HELD)
        elif job.state == "Q":
            self.scheduler.add(job)

    def release(self, job_id: str, user: str, kinds: str) -> None:
        """qrls: takes holds away (req_releasejob())."""
        job = self.live_job(job_id, user)
        wanted = set(kinds or "u") - {"n"}
        if wanted & {"s", "o"}:
            self._require_manager(user)
        before = job.holds
        job.holds = _holds(set(job.holds) - wanted)
        if job.holds == before:
            return
        job.comment = None
        job.mtime = self.now()
        self._note("released", job)
        if job.state == "H" and not job.holds:
            self._evaluate(job)

    def signal(self, job_id: str, user: str, name: str) -> None:
        """qsig (req_signaljob()): suspend and resume are the manager's."""
        job = self.live_job(job_id, user)
        if name in ("suspend", "resume", "admin-suspend", "admin-resume"):
            self._require_manager(user)
        if job.state not in ("R", "S"):
            raise error(errors.BAD_STATE)
        if name in ("resume", "admin-resume"):
            if (name == "admin-resume") != (job.attributes.get("admin-suspended") == "True"):
                raise error(errors.WRONG_RESUME)
            self.resume(job)
        elif name in ("suspend", "admin-suspend"):
            self._require_host(job)
            if job.state == "S":
                raise error(errors.BAD_STATE)
            self.suspend(job)
        else:
            self._require_host(job)
            bare = name[3:] if name.startswith("SIG") else name
            if bare not in _SIGNALS and not (bare.isdigit() and int(bare) < 65):
                raise error(errors.UNKNOWN_SIGNAL)
            if bare in ("KILL", "TERM", "9", "15"):
                number = 9 if bare in ("KILL", "9") else 15
                self.end(job, 256 + number, f"signal {name}")

    def suspend(self, job: Job) -> None:
        """Stops a running job and gives its resources back; exec_vnode stays."""
        if job.state != "R":
            raise error(errors.BAD_STATE)
        self._new_generation(job)
        job.suspended_at = time.monotonic()
        self._set_state(job, "S", Substate.SUSPENDED)
        self._note("suspended", job)
        self._release_resources(job)

    def resume(self, job: Job) -> None:
        """Lets a suspended job go on as soon as its hosts have room again: the scheduler resumes it."""
        if job.state != "S":
            raise error(errors.BAD_STATE)
        self._set_state(job, "S", Substate.SCHEDULER_SUSPENDED)
        self._resuming[job.id] = job
        self._resume_where_it_was(job)

    def _resume_where_it_was(self, job: Job) -> None:
        needed: dict[str, dict[str, int]] = {}
        for allocation in job.allocations:
            for resource, amount in allocation.amounts.items():
                mine = needed.setdefault(allocation.host, {})
                mine[resource] = mine.get(resource, 0) + amount
        for name, amounts in needed.items():
            host = self.hosts[name]
            if host.down or any(amount > host.available(resource) for resource, amount in amounts.items() if amount):
                return
        self._resuming.pop(job.id, None)
        self._hold_resources(job)
        if job.running_at is not None and job.suspended_at is not None:
            job.running_at += time.monotonic() - job.suspended_at
        job.suspended_at = None
        job.comment = self._run_comment(job)
        self._set_state(job, "R", Substate.RUNNING)
        self._note("resumed", job)
        self._arm_end_timers(job, self._new_generation(job))

    def move(self, job_id: str, user: str, destination: str) -> None:
        """qmove: to another queue of this server (req_movejob())."""
        job = self.live_job(job_id, user)
        if self.movejob is not None:
            self.movejob(job, user)
        if job.state not in ("Q", "H", "W"):
            raise error(errors.BAD_STATE)
        queue = self.queues.get(destination.split("@", 1)[0])
        if queue is None:
            raise error(errors.UNKNOWN_QUEUE)
        if not queue.enabled:
            raise error(errors.QUEUE_NOT_ENABLED)
        if job.state == "Q":
            self.scheduler.remove(job)
        job.queue = queue.name
        job.queue_rank = self._next_rank()
        job.qtime = job.mtime = self.now()
        self._note("moved", job, why=queue.name)
        if job.state == "Q":
            self.scheduler.add(job)
            self.plan_cycle()

    def move_away(self, job: Job, server: str) -> None:
        """qmove to another server (net_move()): what is left here is history, in state M."""
        if job.state == "Q":
            self.scheduler.remove(job)
        self._new_generation(job)
        job.history_timestamp = job.mtime = self.now()
        job.comment = f"Job has been moved to \"{job.queue}@{server}\""
        self._note("moved", job, why=f"{job.queue}@{server}")
        self._set_state(job, "M", Substate.FINISHED)

    def alter(self, job_id: str, user: str, resources: dict[str, str], attributes: dict[str, str]) -> None:
        """qalter: of a running job only the limits that no host holds (req_modifyjob()). An empty value takes one away."""
        job = self.live_job(job_id, user)
        if self.modifyjob is not None:
            self.modifyjob(job, user, resources, attributes)
        running = job.state in ("R", "S")
        for name in resources:
            definition = self.resources.get(name)
            if definition is None:
                raise error(errors.UNKNOWN_RESOURCE, f" Resource_List.{name}")
            if running and (definition.in_chunk or name in ("select", "place")):
                raise error(errors.MODIFY_WHILE_RUNNING, f" Resource_List.{name}")
        if resources:
            if "select" not in resources and any(self.resources[name].in_chunk for name in resources):
                raise error(errors.INVALID_JOB_RESOURCE, f": {next(iter(resources))}")
            # What the server has summed up itself is summed up anew.
            kept = {name: value for name, value in job.request.listed.items()
                    if name in self.resources and not self.resources[name].in_chunk}
            asked = {name: value for name, value in {**kept, **resources}.items() if value}
            if job.state == "Q":
                self.scheduler.remove(job)
            job.request = complete_request(asked, self.resources)
            if job.state == "Q":
                self.scheduler.add(job)
                self.plan_cycle()
            elif job.state == "R" and job.substate == Substate.RUNNING:
                self._arm_end_timers(job, self._new_generation(job))
        for name, value in attributes.items():
            self._alter_attribute(job, name, value)
        job.mtime = self.now()

    def _alter_attribute(self, job: Job, name: str, value: str) -> None:
        if name == "Job_Name":
            job.name = value
        elif name == "Priority":
            job.priority = int(value)
        elif name == "project":
            job.project = value
        elif name == "Rerunable":
            job.rerunable, job.says_rerunable = value == "y", True
        elif name == "comment":
            job.comment = value
        elif name == "Execution_Time":
            job.execution_time = int(value)
            if job.state in ("Q", "H", "W"):
                self._evaluate(job)
        elif name == "Output_Path":
            job.output_path = value
        elif name == "Error_Path":
            job.error_path = value
        elif name == "Hold_Types":
            job.holds, job.says_holds = _holds(set(value) - {"n"}), True
            if job.state in ("Q", "H", "W"):
                self._evaluate(job)
        elif value:
            job.attributes[name] = value
        else:
            job.attributes.pop(name, None)

    # Hosts

    def set_host(self, name: str, user: str, offline: bool | None, comment: str | None) -> None:
        """mgr_node_set() of a host: all vnodes of its MoM, by an operator; None leaves what is there."""
        vnodes = [host for host in self.hosts.values() if host.labels["host"] == name]
        if not vnodes:
            raise error(errors.UNKNOWN_NODE)
        self._require_manager(user)
        for host in vnodes:
            if offline is not None:
                host.offline = offline
                host.state_changed = self.now()
            if comment is not None:
                host.comment, host.comment_is_default = comment, False
        self.changed.notify_all()
        self.plan_cycle()

    def set_vnode(self, name: str, user: str, resources: dict[str, str]) -> None:
        """mgr_node_set() of one vnode's resources_available, by an operator: all or nothing."""
        self._require_manager(user)
        if name not in self.hosts:
            raise error(errors.UNKNOWN_NODE)
        for resource, value in resources.items():
            definition = self.resources.get(resource)
            if definition is None:
                raise error(errors.UNKNOWN_RESOURCE, f" resources_available.{resource}")
            if definition.type is ResourceType.LONG and not re.fullmatch(r"[-+]?\d+", value):
                raise error(errors.BAD_ATTRIBUTE_VALUE, f" resources_available.{resource}")
        for resource, value in resources.items():
            self.hosts[name].set_available(resource, value, self.resources[resource].type)
        self.changed.notify_all()
        self.plan_cycle()

    def host_down(self, host: Host) -> None:
        """The host stops answering: its jobs show R until node_fail_requeue is over."""
        if host.down:
            return
        host.down = True
        host.state_changed = self.now()
        if not host.comment:
            # set_all_state(): an operator's comment stays.
            host.comment, host.comment_is_default = "node down: communication closed", True
        for job in self._jobs_on(host):
            self._await_loss(job)
        self.changed.notify_all()

    def _await_loss(self, job: Job) -> None:
        generation = self._new_generation(job)
        self.timers.after(self.settings.node_fail_requeue, lambda: self._host_lost(job, generation))

    def _host_lost(self, job: Job, generation: int) -> None:
        """The host stayed away (node_down_requeue()): a rerunable job waits again, another is over."""
        if job.timer_generation != generation or job.state not in ("R", "S"):
            return
        if job.rerunable:
            self.requeue(job)
        else:
            self.end(job, EXIT_HOST_LOST, "execution host is down")

    def host_up(self, host: Host) -> None:
        """The host answers again; jobs that it still has go on. As in PBS, that starts no scheduling cycle."""
        if not host.down:
            return
        host.down = False
        host.state_changed = self.now()
        if host.comment_is_default:
            host.comment, host.comment_is_default = "", False
        for job in self._jobs_on(host):
            self._await(job)
        self.changed.notify_all()

    def _await(self, job: Job) -> None:
        """Awaits anew what is under way for a job: its host's report, its end, the end of its exit."""
        generation = self._new_generation(job)
        if job.state == "E":
            self.timers.after(self.settings.end_delay, lambda: self._exited(job, generation))
        elif job.state in ("R", "S") and job.deleted_by is not None:
            by = job.deleted_by
            self.timers.after(self.settings.kill_delay, lambda: self._terminated(job, generation, by))
        elif job.state == "R" and job.substate == Substate.PRERUN:
            self.timers.after(self.settings.start_delay, lambda: self._host_reported(job, generation))
        elif job.state == "R":
            self._arm_end_timers(job, generation)
        elif job.state == "W":
            self._evaluate(job)

    def _jobs_on(self, host: Host) -> list[Job]:
        return [job for state in "RS" for job in self.by_state[state].values() if job.hosts[:1] == [host.name]]

    # The whole server

    def forget_all(self, restart_sequence: bool) -> None:
        """As after a start with an empty database: no job is known, and nothing is held on the hosts."""
        for job in list(self.jobs.values()):
            if job.live:
                self._note("forgotten", job)
            if job.state == "Q":
                self.scheduler.remove(job)
            self._new_generation(job)
            self._release_resources(job)
        self.jobs.clear()
        self._resuming.clear()
        self._refusals.clear()
        for jobs in self.by_state.values():
            jobs.clear()
        if restart_sequence:
            self.next_sequence = self.settings.first_id
        self.changed.notify_all()

    def adopt(self, job: Job) -> None:
        """Takes over a job that an earlier run of the simulator saved, with what it holds on the hosts."""
        self.jobs[job.id] = job
        self.by_state[job.state][job.id] = job
        self._last_rank = max(self._last_rank, job.queue_rank)
        if job.state == "Q":
            self.scheduler.add(job)
        if job.holds_resources:
            for allocation in job.allocations:
                host = self.hosts[allocation.host]
                host.assign(allocation.amounts, 1)
                host.hold_slot(job.id, allocation.index)

    def resume_timers(self) -> None:
        """After a start with kept jobs: what was under way is awaited again."""
        self.timers.clear()
        self._cycle_planned = False
        for job in list(self.jobs.values()):
            if any(self.hosts[name].down for name in job.hosts[:1]) and job.state in ("R", "S"):
                self._await_loss(job)
            else:
                self._await(job)
        self.plan_cycle()
        self._await_iteration()

    def _await_iteration(self) -> None:
        """A scheduling cycle each `scheduler_iteration`, whatever happens between."""
        self.timers.after(self.settings.scheduler_iteration, self._iteration)

    def _iteration(self) -> None:
        self.plan_cycle()
        self._await_iteration()

    def await_hosts(self) -> None:
        """After a start each host is unknown, and counts as down, until it has reported (2 to 5 s on 23.06.06)."""
        for host in self.hosts.values():
            host.unknown = True
        self.timers.after(self.settings.report_delay, self._hosts_reported)

    def _hosts_reported(self) -> None:
        """Starts no scheduling cycle: nothing in PBS's node_manager.c asks for one when a host reports."""
        for host in self.hosts.values():
            host.unknown = False
        self.changed.notify_all()

    def state_count(self, jobs: Iterable[Job] | None = None) -> str:
        """The attribute state_count; suspended jobs count as running, as in PBS."""
        count = {state: len(jobs_there) for state, jobs_there in self.by_state.items()}
        if jobs is not None:
            count = dict.fromkeys(self.by_state, 0)
            for job in jobs:
                count[job.state] += 1
        return (f"Transit:{count['T']} Queued:{count['Q']} Held:{count['H']} Waiting:{count['W']} "
                f"Running:{count['R'] + count['S']} Exiting:{count['E']} Begun:0 ")

    def used_walltime(self, job: Job) -> str:
        """resources_used.walltime."""
        return format_duration(job.used_walltime if job.state in ("E", "F") else int(self.elapsed(job)))


def _holds(kinds: set[str]) -> str:
    """The kinds of hold in the order PBS prints them."""
    return "".join(kind for kind in "uosp" if kind in kinds)


def _sleep_seconds(job: Job) -> float | None:
    """How long the job's program runs by itself; None: until it is ended from outside."""
    words = [job.executable, *job.arguments] if job.executable else (job.script or "").split()[-2:]
    if len(words) == 2 and words[0] and words[0].rsplit("/", 1)[-1] == "sleep":
        try:
            return float(words[1]) if words[1] != "infinity" else None
        except ValueError:
            return None
    if job.executable and job.executable.rsplit("/", 1)[-1] == "true":
        return 0.0
    return None
