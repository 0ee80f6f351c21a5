"""The scheduler: first in, first out, over the hosts in their order, skipping what does not fit.

Source: OpenPBS src/scheduler with its default sched_config (no strict
ordering, no preemption): is_ok_to_run(), resresv_can_fit_nodepart() and
eval_selspec() decide, translate_fail_code() words the comment.
"""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from .host import Host
from .job import Allocation, Job
from .quantities import Size
from .selection import Chunk, ResourceDefinition, ResourceType

_LABELS = ("host", "vnode", "arch")


@dataclass
class WaitingClass:
    """Queued jobs that ask for the same: when one does not fit, none does.

    Real PBS does the same (equivalence classes, src/scheduler/resource_resv.cpp);
    it is what keeps a cycle cheap with thousands of jobs in the queue. All of
    them have the same comment, so it is kept here.
    """

    queue: str
    chunks: list[Chunk]
    place: str
    heap: list[tuple[int, str]] = field(default_factory=list)
    comment: str = ""
    evaluated_in_cycle: int = -1
    # Seconds since the epoch at which the comment became another, and cycles with their
    # moments that were the first to look at some of the jobs.
    comment_changed: int = 0
    first_looks: list[tuple[int, int]] = field(default_factory=list)
    has_new_jobs: bool = False

    def evaluate(self, cycle: int, now: int, comment: str) -> None:
        """A cycle has found that its jobs cannot run."""
        if comment != self.comment:
            self.comment_changed = now
        if self.has_new_jobs:
            self.first_looks.append((cycle, now))
        self.comment, self.evaluated_in_cycle, self.has_new_jobs = comment, cycle, False


class Scheduler:
    """Keeps the queued jobs and says which of them fits where."""

    def __init__(self, hosts: dict[str, Host], resources: dict[str, ResourceDefinition]) -> None:
        self.hosts = hosts
        self.resources = resources
        self.cycle = 0
        self._classes: dict[tuple[str, str, str], WaitingClass] = {}
        self._class_of: dict[str, WaitingClass] = {}

    def add(self, job: Job) -> None:
        """Takes a job in state Q into account from the next cycle on."""
        key = (job.queue, job.request.schedselect, job.request.place)
        waiting = self._classes.get(key)
        if waiting is None:
            waiting = self._classes[key] = WaitingClass(job.queue, job.request.chunks, job.request.place)
        heapq.heappush(waiting.heap, (job.queue_rank, job.id))
        self._class_of[job.id] = waiting
        job.queued_in_cycle = self.cycle
        waiting.has_new_jobs = True

    def remove(self, job: Job) -> None:
        """Forgets a job that no longer waits; its heap entry is dropped when it comes up."""
        waiting = self._class_of.pop(job.id, None)
        if waiting is not None and job.queued_in_cycle <= waiting.evaluated_in_cycle - 1:
            job.comment = waiting.comment

    def comment(self, job: Job) -> str | None:
        """The job's comment: of the last cycle that looked at it, else the one it had."""
        waiting = self._class_of.get(job.id)
        if waiting is not None and job.queued_in_cycle < waiting.evaluated_in_cycle:
            return waiting.comment
        return job.comment

    def commented_at(self, job: Job) -> int:
        """When the job's comment became what it is, in seconds since the epoch; 0 before a cycle has looked at it."""
        waiting = self._class_of.get(job.id)
        if waiting is None or job.queued_in_cycle >= waiting.evaluated_in_cycle:
            return 0
        first = bisect.bisect_right(waiting.first_looks, job.queued_in_cycle, key=lambda look: look[0])
        return max(waiting.comment_changed, waiting.first_looks[first][1] if first < len(waiting.first_looks) else 0)

    def next_cycle(self, now: int) -> "Cycle":
        """Begins a cycle; `now` in seconds since the epoch."""
        self.cycle += 1
        return Cycle(self, now)

    def head(self, waiting: WaitingClass, jobs: dict[str, Job]) -> Job | None:
        """The first job of a class that still waits in it."""
        while waiting.heap:
            _, job_id = waiting.heap[0]
            if self._class_of.get(job_id) is waiting and job_id in jobs:
                return jobs[job_id]
            heapq.heappop(waiting.heap)
        return None

    @property
    def classes(self) -> list[WaitingClass]:
        """All classes; the empty ones are dropped on the way."""
        for key in [key for key, waiting in self._classes.items() if not waiting.heap]:
            del self._classes[key]
        return list(self._classes.values())

    def place(self, chunks: list[Chunk], place: str) -> list[Allocation] | None:
        """Hosts for all chunks, or None. Nothing is assigned yet."""
        rules = place.split(":")
        exclusive = "excl" in rules or "exclhost" in rules
        hosts = [host for host in self.hosts.values() if host.free and not (exclusive and host.slots)]
        if "pack" in rules:
            for host in hosts:
                allocations = self._place_on([host], chunks, scatter=False)
                if allocations is not None:
                    return allocations
            return None
        return self._place_on(hosts, chunks, scatter="scatter" in rules or "vscatter" in rules)

    def _place_on(self, hosts: list[Host], chunks: list[Chunk], scatter: bool) -> list[Allocation] | None:
        planned: dict[str, dict[str, int]] = {}
        allocations: list[Allocation] = []
        for chunk in chunks:
            amounts = self.amounts(chunk)
            for _ in range(chunk.count):
                host = self._first_fit(hosts, chunk, amounts, planned, scatter)
                if host is None:
                    return None
                mine = planned.setdefault(host.name, {})
                for resource, amount in amounts.items():
                    mine[resource] = mine.get(resource, 0) + amount
                allocations.append(Allocation(host.name, amounts, self._text(host, chunk, amounts), on=host.labels["host"]))
        return allocations

    def _first_fit(self, hosts: list[Host], chunk: Chunk, amounts: dict[str, int],
                   planned: dict[str, dict[str, int]], scatter: bool) -> Host | None:
        for host in hosts:
            mine = planned.get(host.name)
            if mine is not None and scatter:
                continue
            if not self._labels_match(host, chunk):
                continue
            if all(amount == 0 or host.available(resource) - (mine or {}).get(resource, 0) >= amount
                   for resource, amount in amounts.items()):
                return host
        return None

    def _labels_match(self, host: Host, chunk: Chunk) -> bool:
        """A string that some host has counts, as where sched_config names it; one that no host has does not."""
        return all(host.labels.get(name) == value for name, value in chunk.resources if name not in host.total and (
            name in _LABELS or any(name in each.labels for each in self.hosts.values())))

    def amounts(self, chunk: Chunk) -> dict[str, int]:
        """What a chunk consumes, as numbers (sizes in KiB), in the chunk's order."""
        amounts: dict[str, int] = {}
        for name, value in chunk.resources:
            definition = self.resources[name]
            if definition.consumable:
                size = definition.type is ResourceType.SIZE
                amounts[name] = Size.parse(value).kilobytes if size else int(value)
        return amounts

    def _text(self, host: Host, chunk: Chunk, amounts: dict[str, int]) -> str:
        parts = [host.name]
        for name, amount in amounts.items():
            parts.append(f"{name}={amount}kb" if self.resources[name].type is ResourceType.SIZE else f"{name}={amount}")
        return ":".join(parts)

    def why_not(self, chunks: list[Chunk], place: str) -> str:
        """The comment of a job that cannot run now, in the scheduler's words."""
        never = self._whole_site(chunks, place, total=True)
        if never is not None:
            now = self._whole_site(chunks, place, total=False)
            if now is not None:
                return f"Can Never Run: {never}"
        now = self._whole_site(chunks, place, total=False)
        if now is not None:
            return f"Not Running: {now}"
        return f"Not Running: {self._one_host(chunks, place)}"

    def _whole_site(self, chunks: list[Chunk], place: str, total: bool) -> str | None:
        """What all hosts together lack, or None (resresv_can_fit_nodepart())."""
        hosts = list(self.hosts.values())
        counted = hosts if total else [host for host in hosts if host.free]
        wording = "total" if total else "free"
        if not counted:
            return f"Not enough {wording} nodes available"
        if "scatter" in place and len(counted) < sum(chunk.count for chunk in chunks):
            return f"Not enough {wording} nodes available"
        wanted: dict[str, int] = {}
        for chunk in chunks:
            for resource, amount in self.amounts(chunk).items():
                wanted[resource] = wanted.get(resource, 0) + amount * chunk.count
        for resource, amount in sorted(wanted.items()):
            everything = sum(self._whole_megabytes(resource, host.total.get(resource, 0)) for host in hosts)
            available = everything if total else sum(
                self._whole_megabytes(resource, host.available(resource)) for host in counted)
            if amount > available:
                return (f"Insufficient amount of resource: {resource} (R: {self._amount(resource, amount)} "
                        f"A: {self._amount(resource, available)} T: {self._amount(resource, everything)})")
        for chunk in chunks:
            for label in _LABELS:
                value = chunk.get(label)
                values = list(dict.fromkeys(host.labels[label] for host in hosts))
                if value is not None and value not in values:
                    return f"Insufficient amount of resource: {label} ({value} != {','.join(values)})"
        return None

    def _one_host(self, chunks: list[Chunk], place: str) -> str:
        """What each single host lacks though all together have enough (eval_selspec())."""
        for chunk in chunks:
            for label in _LABELS:
                value = chunk.get(label)
                if value is None:
                    continue
                matching = [host for host in self.hosts.values() if host.labels[label] == value]
                unfit = next((host for host in matching if not host.free), None)
                if unfit is not None and not any(host.free for host in matching):
                    return f"Node is in an ineligible state: {unfit.state.split(',')[0]}"
        for chunk in chunks:
            for resource, amount in self.amounts(chunk).items():
                if amount and not any(host.free and self._labels_match(host, chunk) and host.available(resource) >= amount
                                      for host in self.hosts.values()):
                    return f"Insufficient amount of resource: {resource} "
        if "excl" in place:
            return "Job is requesting an exclusive node and node is in use"
        return "Insufficient amount of resource: ncpus "

    def _whole_megabytes(self, resource: str, amount: int) -> int:
        """A host's share of a sum: the scheduler rounds memory down to whole MiB (seen on 23.06.06)."""
        return amount // 1024 * 1024 if self.resources[resource].type is ResourceType.SIZE else amount

    def _amount(self, resource: str, amount: int) -> str:
        """An amount as the scheduler prints it: sizes in the largest unit that divides them (res_to_str_re())."""
        if self.resources[resource].type is not ResourceType.SIZE:
            return str(amount)
        if amount == 0:
            return "0kb"
        for unit, kilobytes in (("tb", 1 << 30), ("gb", 1 << 20), ("mb", 1 << 10)):
            if amount % kilobytes == 0:
                return f"{amount // kilobytes}{unit}"
        return f"{amount}kb"


class Cycle:
    """One scheduling cycle: jobs in the order of the queue, classes that do not fit left out."""

    def __init__(self, scheduler: Scheduler, now: int) -> None:
        self._scheduler = scheduler
        self._now = now
        self._heads: list[tuple[int, int, WaitingClass]] = []
        self._number = scheduler.cycle

    def jobs_that_fit(
            self, jobs: dict[str, Job], started_queues: set[str]) -> Iterator[tuple[Job, list[Allocation]]]:
        """Yields (job, allocations); the caller assigns them before it asks for the next."""
        scheduler = self._scheduler
        for order, waiting in enumerate(scheduler.classes):
            self._push(order, waiting, jobs)
        while self._heads:
            _, order, waiting = heapq.heappop(self._heads)
            job = scheduler.head(waiting, jobs)
            if job is None:
                continue
            if waiting.queue not in started_queues:
                waiting.evaluate(self._number, self._now, "Not Running: Queue not started.")
                continue
            allocations = scheduler.place(waiting.chunks, waiting.place)
            if allocations is None:
                waiting.evaluate(self._number, self._now, scheduler.why_not(waiting.chunks, waiting.place))
                continue
            heapq.heappop(waiting.heap)
            yield job, allocations
            self._push(order, waiting, jobs)

    def _push(self, order: int, waiting: WaitingClass, jobs: dict[str, Job]) -> None:
        job = self._scheduler.head(waiting, jobs)
        if job is not None:
            heapq.heappush(self._heads, (job.queue_rank, order, waiting))
