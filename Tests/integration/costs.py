"""What the connector costs PBS and the API in a while: counted by the simulators, not by the connector.

    with counted(site) as costs:
        time.sleep(20)
    assert costs.connections.total() <= 40
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Iterator

from integration.site import Site
from simulators.kubernetes import KubernetesSimulator
from simulators.pbs import PBSSimulator

# Requests of the API that change something, in the words of RBAC.
WRITING = frozenset({"create", "update", "patch", "delete"})


@dataclass
class Costs:
    """Counted from `begin` (time.monotonic()) to the end of `counted`; empty before that."""

    begin: float
    seconds: float = 0.0
    # PBS: calls and connections to the server by command, and how often each job was named by command.
    commands: Counter[str] = field(default_factory=Counter)
    connections: Counter[str] = field(default_factory=Counter)
    named: dict[str, Counter[str]] = field(default_factory=dict)
    # The API: requests by verb and resource ("patch", "pods/status"); what a test does itself is not among them.
    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    # By pod: patches of its status, and Events about it, those that are new and those that count up an older one.
    status_patches: Counter[str] = field(default_factory=Counter)
    new_events: Counter[str] = field(default_factory=Counter)
    repeated_events: Counter[str] = field(default_factory=Counter)

    @property
    def writes(self) -> Counter[str]:
        """Requests that change something, by resource. Leases count too."""
        found: Counter[str] = Counter()
        for (verb, resource), count in self.requests.items():
            if verb in WRITING:
                found[resource] += count
        return found

    @property
    def told(self) -> int:
        """All that users are told: patches of status and Events, new or repeated."""
        return sum(kind.total() for kind in (self.status_patches, self.new_events, self.repeated_events))

    def __str__(self) -> str:
        """For the message of a test that fails."""
        requests = {f"{verb} {resource}": count for (verb, resource), count in sorted(self.requests.items())}
        return (f"in {self.seconds:.1f} s: commands {dict(self.commands)}, connections {dict(self.connections)}, "
                f"requests {requests}, {self.status_patches.total()} status patches, "
                f"{self.new_events.total()} new and {self.repeated_events.total()} repeated Events")


@contextmanager
def counted(site: Site) -> Iterator[Costs]:
    """Counts what happens inside the block; a site with both simulators only."""
    assert isinstance(site.pbs, PBSSimulator) and isinstance(site.kubernetes, KubernetesSimulator)
    costs = Costs(time.monotonic())
    yield costs
    begin = costs.begin
    costs.seconds = time.monotonic() - begin
    for call in site.pbs.calls(begin):
        costs.commands[call.program] += 1
        costs.connections[call.program] += call.connections
        costs.named.setdefault(call.program, Counter()).update(call.job_ids)
    for request in list(site.kubernetes.requests.entries):
        if request.monotonic < begin:
            continue
        resource = f"{request.resource}/{request.subresource}" if request.subresource else request.resource
        costs.requests[request.verb, resource] += 1
        if (request.verb, resource) == ("patch", "pods/status"):
            costs.status_patches[request.name] += 1
    for entry in list(site.kubernetes.record):
        if entry.kind == "event" and entry.monotonic >= begin:
            kind = costs.new_events if entry.details["count"] <= 1 else costs.repeated_events
            kind[entry.name] += 1
