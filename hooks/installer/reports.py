"""What the execution hosts say of themselves: the resource k8s_host of their vnodes (reports.py in the
host's hook)."""
import hashlib
import json
import re
import time
import urllib.parse
from typing import Dict, Iterable, List, NamedTuple, Optional

from .hooks import HOST_HOOK
from .qmgr import listed, run
from .refusal import Refused

REPORT_RESOURCE = "k8s_host"
# The checks of a host, in the order of the table, and what each is called there.
CHECKS = {"manifests": "static pods", "credential": "credential", "cgroups": "cgroups", "placeholder": "placeholder",
          "clock": "clock", "policies": "policies"}
# A host that has nothing new to tell does so every 600 s; seconds.
OVERDUE = 900
# States of a vnode in which its MoM does not answer.
SILENT_STATES = {"down", "stale", "state-unknown", "unknown"}


class Versions(NamedTuple):
    """What the server sends to its hosts."""
    hook: str
    configuration: str


class HostState(NamedTuple):
    """One execution host, as the server knows it."""
    name: str
    vnode: str
    states: List[str]
    report: Dict[str, str]  # empty where it has not told anything

    @property
    def silent(self) -> bool:
        """Whether its MoM does not answer."""
        return bool(SILENT_STATES.intersection(self.states))


def decode_report(text: str) -> Dict[str, str]:
    """name:value;name:value with percent-encoded values."""
    pairs = [part.partition(":") for part in text.split(";")]
    return {name: urllib.parse.unquote(value) for name, colon, value in pairs if colon}


def hosts_of(vnodes: Dict[str, Dict[str, str]]) -> List[HostState]:
    """The hosts of these vnodes; the natural vnode of a host has its report."""
    hosts: Dict[str, HostState] = {}
    for vnode, attributes in sorted(vnodes.items()):
        name = attributes.get("resources_available.host", vnode)
        report = decode_report(attributes.get("resources_available." + REPORT_RESOURCE, ""))
        if name not in hosts or report and not hosts[name].report:
            states = re.split(r"[,\s]+", attributes.get("state", ""))
            hosts[name] = HostState(name, vnode, states, report)
    return list(hosts.values())


def hosts(qmgr: str) -> List[HostState]:
    """The server's execution hosts; none where it has none."""
    try:
        return hosts_of(listed(qmgr, "node", "@default"))
    except Refused as refused:
        if "No Active Nodes" in str(refused):
            return []
        raise


def configuration_version(text: str) -> str:
    """A digest of the configuration's values, as the host's hook makes it."""
    try:
        values = json.loads(text)
    except ValueError:
        return ""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode("utf-8")).hexdigest()[:12]


def exported(qmgr: str, kind: str) -> str:
    """What the server has of the host's hook: "x-python" or "x-config"."""
    return run(qmgr, "export hook %s application/%s default" % (HOST_HOOK.name, kind))


def versions(qmgr: str) -> Versions:
    """What the hosts should have."""
    found = re.search(r'^HOOK_VERSION: str = "(\w*)"$', exported(qmgr, "x-python"), re.MULTILINE)
    return Versions(found.group(1) if found else "", configuration_version(exported(qmgr, "x-config")))


def is_well(value: str) -> bool:
    """Whether a check found nothing wrong, or the setting turns it off."""
    return value.split(" ")[0] in ("ok", "off")


def is_current(host: HostState, wanted: Versions) -> bool:
    """Whether a host has told that it runs these versions."""
    return (host.report.get("hook"), host.report.get("configuration")) == tuple(wanted)


def host_complaints(host: HostState, wanted: Versions, cgroups_hook: bool, now: float) -> List[str]:
    """What is wrong with a host, a line each. `cgroups_hook` says whether pbs_cgroups is on."""
    if host.silent:
        return ["host %s: MoM does not answer (%s)" % (host.name, ", ".join(host.states))]
    if not host.report:
        return ["host %s: has not told anything yet; where this stays so, its MoM's log says why" % host.name]
    lines = []
    told = host.report.get("time", "")
    age = now - int(told) if told.isdigit() else now
    if age > OVERDUE:
        lines.append("host %s: has told nothing for %d min" % (host.name, age // 60))
    for part, version in zip(("hook", "configuration"), wanted):
        if host.report.get(part) != version:
            lines.append("host %s: runs version %s of the %s instead of %s" % (
                host.name, host.report.get(part) or "unknown", part, version))
    for check, title in CHECKS.items():
        value = host.report.get(check, "not told")
        if not is_well(value) and (check != "policies" or cgroups_hook):
            more = ": it and pbs_cgroups do not know of each other" if check == "policies" else ""
            lines.append("host %s: %s: %s%s" % (host.name, title, value, more))
    return lines


def table(states: Iterable[HostState], wanted: Versions, now: float) -> List[str]:
    """A line for each host."""
    rows = [["host", "state"] + list(CHECKS.values()) + ["hook", "configuration", "told"]]
    for host in states:
        cells = [host.name, ",".join(host.states)]
        for check in CHECKS:
            value = host.report.get(check, "-")
            cells.append(value if is_well(value) or value == "-" else value if check == "policies" else "WRONG")
        for part, version in zip(("hook", "configuration"), wanted):
            told = host.report.get(part, "-")
            cells.append(told if told in ("-", version) else told + " OLD")
        told = host.report.get("time", "")
        cells.append("%d s ago" % max(0, now - int(told)) if told.isdigit() else "never")
        rows.append(cells)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def wait_for_hosts(qmgr: str, wanted: Versions, seconds: float, emptied: bool = False) -> List[HostState]:
    """The hosts, when all whose MoM answers run these versions, or after that many seconds; with `emptied`,
    when they have no reservations any more either."""
    deadline = time.monotonic() + seconds
    while True:
        found = hosts(qmgr)
        if not behind(found, wanted, emptied) or time.monotonic() >= deadline:
            return found
        time.sleep(min(1, max(0.01, deadline - time.monotonic())))


def behind(states: Iterable[HostState], wanted: Versions, emptied: bool) -> List[HostState]:
    """The hosts whose MoM answers and which are not that far yet."""
    return [host for host in states if not host.silent and not (
        is_current(host, wanted) and (not emptied or host.report.get("reservations") == "none"))]


# PBS's default of a queue's kill_delay, and the grace period that pods have by default; seconds.
DEFAULT_KILL_DELAY = 10
DEFAULT_GRACE = 30


def queue_notes(queues: Dict[str, Dict[str, str]]) -> List[str]:
    """Execution queues that give a job's place away before a pod with the default grace period is gone. It is no
    fault: not every queue is for pods."""
    lines = []
    for name, attributes in sorted(queues.items()):
        delay = attributes.get("kill_delay", str(DEFAULT_KILL_DELAY))
        if attributes.get("queue_type") == "Execution" and delay.isdigit() and int(delay) <= DEFAULT_GRACE:
            lines.append("queue %s: kill_delay is %s s: a pod that takes longer to end, by its grace period (%d s by default), "
                         "loses its place before; where pods' jobs go there: qmgr -c \"set queue %s kill_delay = 60\"" % (
                             name, delay, DEFAULT_GRACE, name))
    return lines


def report_of(states: List[HostState], server: Versions, cgroups_hook: bool, now: Optional[float] = None) -> List[str]:
    """Print the table; what is wrong, a line each."""
    moment = time.time() if now is None else now
    print("\n".join(table(states, server, moment)))
    return [line for host in states for line in host_complaints(host, server, cgroups_hook, moment)]
