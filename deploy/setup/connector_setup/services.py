"""The services of systemd: the three processes, and the timers that renew tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Iterable

from .commands import Site

PROCESSES = ("kube-watcher", "pbs-broker", "binder")
RUNS_SYSTEMD = Path("/run/systemd/system")


def enable(site: Site, systemctl: str, units: Iterable[str]) -> None:
    """Enable and start units that are not yet, without waiting until they are ready: that may take until PBS answers."""
    for unit in units:
        states = [site.look([systemctl, question, unit]).output.strip() for question in ("is-enabled", "is-active")]
        if states[0] == "enabled" and states[1] in ("active", "activating"):
            site.tell("%s is enabled and %s" % (unit, states[1]))
            continue
        site.tell("%s is %s and %s" % (unit, *(state or "unknown" for state in states)))
        site.do([systemctl, "enable", unit])
        site.do([systemctl, "start", "--no-block", unit])


def timers(accounts: Iterable[str]) -> list[str]:
    return ["pbs-connector-renewal@%s.timer" % name for name in accounts]
