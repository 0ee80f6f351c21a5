"""Judges a run by the simulators' records alone; nothing that the connector says of itself counts.

Each rule is one function and one sentence of what must always hold. What it
returns is what was violated, in words that name the pod, the job and the moment.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from simulators.kubernetes import Entry
from simulators.pbs import RecordEntry

from .history import JobHistory, PodHistory, jobs_of, pods_of

# Seconds that two jobs of one pod may live at once, while brokers and PBS work.
TWO_JOBS_SECONDS = 10.0
# Seconds after the end of a job's run, by others than the connector, in which a binding that was on its way may still
# arrive: Kubernetes cannot make a Binding depend on what PBS knows. Its pod is then deleted like any other
# whose job has ended.
BINDING_ON_ITS_WAY_SECONDS = 10.0
# When so many bound pods' jobs, all of them, are lost by PBS at once, that is a mass disappearance (pbs-broker's
# vanish-least); pods that were bound so many seconds before, at least, are known to every broker that works.
MASS_LEAST = 10
KNOWN_SECONDS = 1.0
# Seconds for which a host may be taken for down after it has returned: pbs-broker looks at the hosts every 15 s.
HOST_SEEN_SECONDS = 16.0
# A deletionTimestamp has whole seconds.
TIMESTAMP_SECONDS = 1.0


@dataclass(frozen=True)
class Evidence:
    """What there is to judge by.

    `outages` are the intervals (start, end) in which no broker could act, or
    PBS did not answer. `live_jobs` maps the jobs that PBS still has at the end
    to their pods' UIDs. `pod_users` are the connector's users of the API,
    `job_user` its user of PBS. `end` is the moment at which all had settled.
    `hosts_away` has for each host the intervals in which it was NotReady or
    down. `patience` is pbs-broker's terminating-patience, `doubt` the seconds
    for which it must doubt a mass disappearance. `pod_record_late` is by how
    many seconds what the record says of a pod may be late.
    """

    pod_record: Sequence[Entry]
    job_record: Sequence[RecordEntry]
    live_jobs: dict[str, str]
    end: float
    outages: Sequence[tuple[float, float]] = ()
    pod_users: Collection[str] = ("binder", "kube-watcher")
    job_user: str = "root"
    hosts_away: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    patience: float = math.inf
    doubt: float = 0.0
    pod_record_late: float = 0.0


@dataclass(frozen=True)
class Violation:
    """`moment` is in seconds of time.monotonic()."""

    rule: str
    moment: float
    words: str


class Judge:
    """The lives of all pods and jobs of a run, and the rules that they must have kept."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.pods = pods_of(evidence.pod_record)
        self.jobs = jobs_of(evidence.job_record)
        self.jobs_of_pod: dict[str, list[JobHistory]] = {}
        for job in self.jobs.values():
            self.jobs_of_pod.setdefault(job.uid, []).append(job)

    def violations(self) -> list[Violation]:
        """All violations in the order of time."""
        found: list[Violation] = []
        for pod in self.pods.values():
            for rule in (self._bound_at_all, self._bound_where_the_job_runs, self._bound_by_the_first_job,
                         self._deleted_only_after_the_job, self._deleted_after_doubt, self._ended_with_the_job):
                found += rule(pod)
        for uid in self.jobs_of_pod:
            found += self._one_live_job(uid)
        for job in self.jobs.values():
            found += self._released_after_the_pod(job)
        found += self._no_job_left()
        return sorted(found, key=lambda violation: violation.moment)

    # Pods

    def _bound_at_all(self, pod: PodHistory) -> Iterator[Violation]:
        """Every pod that is still wanted at the end was bound."""
        if not pod.is_bound and not pod.is_over:
            yield Violation("pod not bound", self.evidence.end, f"pod {pod.name} still waits")

    def _bound_where_the_job_runs(self, pod: PodHistory) -> Iterator[Violation]:
        """A pod is bound to its own job's host while the job runs there: the run that the binding names."""
        if not pod.is_bound:
            return
        job = self._job(pod)
        if job is None:
            yield Violation("bound without its job", pod.bound, f"pod {pod.name} was bound to {pod.node}, job {pod.job}")
            return
        if not self._runs_there(job, pod):
            runs = ", ".join(f"{run.host} {run.since - pod.bound:+.3f} to {run.until - pod.bound:+.3f} s" for run in job.runs)
            yield Violation("bound where the job does not run", pod.bound,
                            f"pod {pod.name} was bound to {pod.node}; job {job.id} ran on: {runs or 'none'}")

    def _runs_there(self, job: JobHistory, pod: PodHistory) -> bool:
        # A job that the connector itself has deleted must not lead to a binding, however late.
        if job.deleted_by(self.evidence.job_user, pod.bound) is not None:
            return False
        run = job.run_numbered(pod.run)
        return (run is not None and run.host == pod.node
                and run.since <= pod.bound <= run.until + BINDING_ON_ITS_WAY_SECONDS)

    def _bound_by_the_first_job(self, pod: PodHistory) -> Iterator[Violation]:
        """Nothing is bound by a second job while an older one has been running all the time."""
        job = self._job(pod)
        if job is None or not job.runs:
            return
        for other in self.jobs_of_pod.get(pod.uid, []):
            run = other.run_at(pod.bound)
            if other.queued < job.queued and run is not None and run.since < job.runs[-1].since:
                yield Violation("bound by the second job", pod.bound,
                                f"pod {pod.name} was bound by job {job.id} while job {other.id} ran on {run.host}")

    def _deleted_only_after_the_job(self, pod: PodHistory) -> Iterator[Violation]:
        """The connector deletes no pod whose job runs on, and none that has finished."""
        for moment, user in pod.deletions:
            if user not in self.evidence.pod_users:
                continue
            if pod.finished <= moment:
                yield Violation("finished pod deleted", moment, f"pod {pod.name} was deleted by {user}")
            elif not self._run_is_over(pod, moment):
                yield Violation("pod deleted without its job's end", moment,
                                f"pod {pod.name} on {pod.node or 'no node'} was deleted by {user}, job {pod.job}")

    def _deleted_after_doubt(self, pod: PodHistory) -> Iterator[Violation]:
        """Where PBS has lost all jobs at once, and many of their pods are still there, the connector deletes these only
        after a while."""
        job = self._job(pod)
        if job is None or math.isinf(job.lost):
            return
        run = job.run_numbered(pod.run)
        if run is not None and run.until < job.lost:
            # It was to be deleted before: its job had been requeued, say.
            return
        for moment, user in pod.deletions:
            if (user in self.evidence.pod_users and job.lost <= moment < job.lost + self.evidence.doubt
                    and self._lost_and_there(job.lost, moment) >= MASS_LEAST):
                yield Violation("mass disappearance believed", moment,
                                f"pod {pod.name} was deleted by {user} {moment - job.lost:.1f} s after PBS had lost job {job.id}")

    def _lost_and_there(self, lost: float, moment: float) -> int:
        """How many pods, all known to be bound when PBS lost their jobs at the moment `lost`, were there at `moment`,
        but for those that the connector itself had deleted since."""
        count = 0
        for pod in self.pods.values():
            job = self._job(pod)
            # All jobs that are lost together are lost within a moment, one after the other.
            if (job is not None and abs(job.lost - lost) < KNOWN_SECONDS and pod.bound + KNOWN_SECONDS < job.lost
                    and pod.finished > moment
                    and not self._deleted_by_others(pod, moment)):
                count += 1
        return count

    def _deleted_by_others(self, pod: PodHistory, moment: float) -> bool:
        """Whether somebody else than the connector was the first to delete it, before `moment`."""
        first = min(pod.deletions, default=(math.inf, ""))
        return first[0] < moment and first[1] not in self.evidence.pod_users

    def _job(self, pod: PodHistory) -> JobHistory | None:
        """The job that the pod's binding named, if that is the pod's own."""
        return self.jobs.get((pod.job or "", pod.uid))

    def _run_is_over(self, pod: PodHistory, moment: float) -> bool:
        """Whether the run that the pod was bound for had ended by then."""
        job = self._job(pod)
        run = job.run_numbered(pod.run) if job is not None else None
        return run is not None and run.until <= moment

    def _ended_with_the_job(self, pod: PodHistory) -> Iterator[Violation]:
        """A bound pod that has not finished has its job running at the end."""
        if not pod.is_bound or pod.is_over:
            return
        if self.evidence.live_jobs.get(pod.job or "") != pod.uid or self._run_is_over(pod, self.evidence.end):
            yield Violation("pod outlived its job", self.evidence.end, f"pod {pod.name} is on {pod.node}, job {pod.job}")

    # Jobs

    def _one_live_job(self, uid: str) -> Iterator[Violation]:
        """Two jobs of one pod live at once for seconds at most, time without a broker or PBS not counted."""
        for first, second, seconds in self.doubles(uid):
            if seconds > TWO_JOBS_SECONDS:
                yield Violation("two live jobs", second.queued, f"jobs {first.id} and {second.id} of pod {self._name(uid)}"
                                                                f" lived both for {seconds:.1f} s")

    def doubles(self, uid: str) -> Iterator[tuple[JobHistory, JobHistory, float]]:
        """The jobs of a pod that lived at the same time, by pairs, and for how many seconds without outages."""
        jobs = sorted(self.jobs_of_pod[uid], key=lambda job: job.queued)
        for index, first in enumerate(jobs):
            for second in jobs[index + 1:]:
                start, end = second.queued, min(first.ended, second.ended, self.evidence.end)
                if end > start:
                    yield first, second, end - start - self._outage(start, end, first, second)

    def _outage(self, start: float, end: float, *jobs: JobHistory) -> float:
        """Seconds between two moments in which no broker or no PBS was there, or a host of the jobs was away: PBS
        deletes no job on a host that is down."""
        hosts = {run.host for job in jobs for run in job.runs}
        away = [interval for host in hosts for interval in self.evidence.hosts_away.get(host, ())]
        return sum(max(0.0, min(end, until) - max(start, since)) for since, until in merged([*self.evidence.outages, *away]))

    def _released_after_the_pod(self, job: JobHistory) -> Iterator[Violation]:
        """The connector deletes a job only when the pod bound by it is gone or has finished, or is stuck on a host that
        is away."""
        pod = self.pods.get(job.uid)
        if pod is None or not pod.is_bound or pod.job != job.id:
            return
        deleted = job.deleted_by(self.evidence.job_user)
        if deleted is None or deleted >= pod.end - self.evidence.pod_record_late:
            return
        # A job that was over for its pod (requeued, say) holds nothing for it.
        if pod.bound <= deleted and not self._run_is_over(pod, deleted) and not self._is_stuck(pod, deleted):
            yield Violation("job released early", deleted,
                            f"job {job.id} was deleted while pod {pod.name} was on {pod.node}")

    def _is_stuck(self, pod: PodHistory, moment: float) -> bool:
        """Whether it was still Terminating, long after its grace period, on a host that is or has just been away."""
        return (moment >= pod.overdue + self.evidence.patience - TIMESTAMP_SECONDS
                and any(since <= moment <= until + HOST_SEEN_SECONDS
                        for since, until in self.evidence.hosts_away.get(pod.node, ())))

    def _no_job_left(self) -> Iterator[Violation]:
        """At the end PBS has the jobs of bound pods that have not finished, one each, and no others."""
        for job_id, uid in self.evidence.live_jobs.items():
            pod = self.pods.get(uid)
            if pod is None or pod.is_over or pod.job != job_id:
                yield Violation("job left", self.evidence.end, f"job {job_id} of pod {self._name(uid)}")

    def _name(self, uid: str) -> str:
        pod = self.pods.get(uid)
        return f"{pod.name} ({uid})" if pod else f"with UID {uid}"


def merged(intervals: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same time without overlaps, in order."""
    result: list[tuple[float, float]] = []
    for start, end in sorted(intervals):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result
