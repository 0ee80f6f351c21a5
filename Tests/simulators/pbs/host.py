"""An execution host: what it has, what jobs hold of it, and its state."""

from __future__ import annotations

from dataclasses import dataclass, field

from .quantities import Size
from .selection import ResourceType


@dataclass
class Host:
    """A vnode: an execution host, or a part of the one that its label "host" names.

    `total` and `assigned` are numbers by resource (mem in KiB); `labels` are
    resources that are not consumed (arch, host, vnode). `slots` are the slot
    numbers taken on it, by job id (exec_host shows them). `physical_cpus` are those
    that MoM found, whatever resources_available.ncpus is set to.
    """

    name: str
    total: dict[str, int]
    labels: dict[str, str]
    memory_text: str
    state_changed: int
    last_used: int
    physical_cpus: int
    down: bool = False
    # Since the server's start the host has not reported.
    unknown: bool = False
    offline: bool = False
    # What an operator has written about it.
    comment: str = ""
    # The comment is the server's own, about a host that is down.
    comment_is_default: bool = False
    assigned: dict[str, int] = field(default_factory=dict)
    slots: dict[str, set[int]] = field(default_factory=dict)
    exclusive: bool = False
    # All slots that are taken, and a number below which none is free.
    _taken: set[int] = field(default_factory=set)
    _lowest_free: int = 0

    @staticmethod
    def make(name: str, resources: dict[str, int | str], now: int) -> "Host":
        """A host from e.g. {"ncpus": 2, "mem": "24684096kb", "ngpus": 1}; further numbers are consumable."""
        total: dict[str, int] = {}
        labels = {"arch": "linux", "host": name, "vnode": name}
        for resource, value in resources.items():
            if resource == "mem":
                total["mem"] = Size.parse(str(value)).kilobytes
            elif isinstance(value, int):
                total[resource] = value
            else:
                labels[resource] = value
        total.setdefault("ncpus", 1)
        return Host(name, total, labels, f"{total.get('mem', 0)}kb", now, now, total["ncpus"])

    def set_available(self, resource: str, value: str, kind: ResourceType) -> None:
        """resources_available.RESOURCE as an operator sets it; an empty value unsets it."""
        if not value:
            self.total.pop(resource, None)
            self.labels.pop(resource, None)
        elif kind is ResourceType.SIZE:
            self.total[resource] = Size.parse(value).kilobytes
            if resource == "mem":
                self.memory_text = value
        elif kind is ResourceType.LONG:
            self.total[resource] = int(value)
        else:
            self.labels[resource] = value

    def available(self, resource: str) -> int:
        """What is left of a resource; a host that has none of it has 0."""
        return self.total.get(resource, 0) - self.assigned.get(resource, 0)

    @property
    def free(self) -> bool:
        """Whether the scheduler considers the host at all: state "free"."""
        return not (self.down or self.unknown or self.offline or self.exclusive or self.busy)

    @property
    def busy(self) -> bool:
        """Whether all its cpus are held by jobs: state "job-busy"."""
        return self.total["ncpus"] > 0 and self.available("ncpus") <= 0

    @property
    def state(self) -> str:
        """The state as pbsnodes shows it, several joined with commas."""
        states = [name for name, on in (
            ("offline", self.offline), ("state-unknown", self.unknown), ("down", self.down or self.unknown),
            ("job-exclusive", self.exclusive), ("job-busy", self.busy and not self.exclusive),
        ) if on]
        return ",".join(states) or "free"

    def take_slot(self, job_id: str) -> int:
        """The lowest slot number that no job has, taken for this one."""
        slot = self._lowest_free
        while slot in self._taken:
            slot += 1
        self.hold_slot(job_id, slot)
        self._lowest_free = slot + 1
        return slot

    def hold_slot(self, job_id: str, slot: int) -> None:
        """This slot is the job's."""
        self.slots.setdefault(job_id, set()).add(slot)
        self._taken.add(slot)

    def free_slots(self, job_id: str) -> None:
        """The job's slots are free again."""
        for slot in self.slots.pop(job_id, ()):
            self._taken.discard(slot)
            self._lowest_free = min(self._lowest_free, slot)

    def assign(self, amounts: dict[str, int], sign: int) -> None:
        """Adds (sign 1) or takes away (sign -1) what a job holds."""
        for resource, amount in amounts.items():
            self.assigned[resource] = self.assigned.get(resource, 0) + sign * amount
