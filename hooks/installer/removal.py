"""Taking the hooks away without leaving anything of theirs on the hosts."""
import json
import os
import sys
from typing import Any, Dict, List

from .hooks import Hook, installing
from .qmgr import change, run
from .refusal import Refused
from .reports import REPORT_RESOURCE, HostState, behind, configuration_version, exported, hosts, wait_for_hosts, Versions


def parting(text: str) -> Dict[str, Any]:
    """The configuration for the hooks' last minute: no reservation is kept, no pod stays frozen. `text` is the
    one that is in force, from which the directories come."""
    try:
        values = json.loads(text)
    except ValueError:
        values = {}
    values = values if isinstance(values, dict) else {}
    last = {"reserve": False, "suspend": "ignore", "suspend_devices": "ignore"}
    for overrides in dict(values.get("hosts") or {}).values():
        overrides.update(last)
    return dict(values, **last)


def empty_hosts(qmgr: str, hook: Hook, present: Dict[str, str], script: str, directory: str, seconds: float) -> None:
    """Have the hosts drop their reservations while the hook is still there to do it, and wait until they say
    so; at most that many seconds. Those that do not are named."""
    if present.get("enabled") == "false" or not hosts(qmgr):
        return
    configuration = os.path.join(directory, "parting.json")
    text = json.dumps(parting(exported(qmgr, "x-config")))
    with open(configuration, "w", encoding="utf-8") as file:
        file.write(text)
    # With the script as it is now: an earlier one knows nothing of this.
    for directive in installing(hook, present, configuration, script):
        change(qmgr, directive)
    with open(script, encoding="utf-8") as file:
        version = Versions(version_in(file.read()), configuration_version(text))
    print("waiting until no host has a reservation (at most %g s)" % seconds, flush=True)
    left = wait_for_hosts(qmgr, version, seconds, emptied=True)
    for line in left_behind(left, version):
        print("left: " + line, file=sys.stderr)


def version_in(script: str) -> str:
    """The version that a built hook names."""
    return next((line.split('"')[1] for line in script.splitlines() if line.startswith('HOOK_VERSION: str = "')), "")


def left_behind(states: List[HostState], version: Versions) -> List[str]:
    """What is to be done by hand, a line each."""
    waiting = behind(states, version, True)
    return ["host %s: %s: remove pbs-*.json from kubelet's directory for static pods there" % (
        host.name, "MoM does not answer" if host.silent else "did not say in time that it has no reservation any more")
        for host in states if host.silent or host in waiting]


def unset_reports(qmgr: str) -> None:
    """Have no vnode tell of hooks that are gone."""
    for host in hosts(qmgr):
        if host.report:
            try:
                run(qmgr, "unset node %s resources_available.%s" % (host.vnode, REPORT_RESOURCE))
            except Refused as refused:
                print("left: %s of node %s: %s" % (REPORT_RESOURCE, host.vnode, refused), file=sys.stderr)
