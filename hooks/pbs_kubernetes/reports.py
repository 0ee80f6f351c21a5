"""What this host tells the server of itself, for hooks/install --check.

It is a resource of the host's vnode, so that `pbsnodes` shows it, and no daemon, port or login is needed
to ask a host.
"""
import hashlib
import json
import os
import time
from typing import Any, Dict, Optional

import pbs

from .checks import WELL, OFF, check_api, check_cgroups, check_manifests, check_placeholder, check_policies
from .context import Host
from .kubelet_process import disturbing_policies, find_kubelet
from .manifests import read_reservations
from .mom import job_directory
from .text import LONGEST_FILE, read_file

# The builder puts a digest of this file here: which version a host runs.
HOOK_VERSION: str = ""

# The vnode's resource that holds the report.
REPORT_RESOURCE = "k8s_host"
# A report is told again after that long although nothing has changed, and the API is asked again. Seconds.
REPORT_AGE = 600


def configuration_version(path: Optional[str]) -> str:
    """A digest of the configuration's values, however they are written down; empty where there is none."""
    if path is None:
        return ""
    try:
        values = json.loads(read_file(path, LONGEST_FILE))
    except (OSError, ValueError):
        return ""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode("utf-8")).hexdigest()[:12]


def encode_report(report: Dict[str, str]) -> str:
    """name:value;name:value, of characters that PBS passes on as they are: all others are percent-encoded."""
    import urllib.parse
    return ";".join("%s:%s" % (name, urllib.parse.quote(value[:200], safe="/()+")) for name, value in report.items())


def record_path() -> str:
    """Where the last report is kept: it is not known here what the server has."""
    return os.path.join(os.path.dirname(job_directory()), "pbs_kubernetes.report")


def last_report() -> Dict[str, str]:
    """The last report that was told; empty where none is known."""
    try:
        values = json.loads(read_file(record_path(), LONGEST_FILE))
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in values.items()} if isinstance(values, dict) else {}


def forget_report() -> None:
    """Have the next exechost_periodic tell all of it."""
    try:
        os.unlink(record_path())
    except OSError:
        pass  # none was told


def is_well(value: str) -> bool:
    """Whether a check found nothing wrong."""
    return value == OFF or value.split(" ")[0] == WELL


def make_report(host: Host, configuration: Optional[str], before: Dict[str, str], now: float) -> Dict[str, str]:
    """What is to be said of this host. The API is asked when the last report is old or tells of trouble."""
    kubelet = find_kubelet()
    report = {
        "hook": HOOK_VERSION,
        "configuration": configuration_version(configuration),
        "manifests": check_manifests(host.settings, kubelet),
        "cgroups": check_cgroups(host.settings),
        "placeholder": check_placeholder(host),
        "policies": check_policies(kubelet),
    }
    same = before.get("hook") == report["hook"] and before.get("configuration") == report["configuration"]
    if same and not is_old(before, now) and all(is_well(before.get(name, "")) for name in ("credential", "clock")):
        report.update({name: before[name] for name in ("credential", "clock")})
    else:
        report.update(check_api(host))
    directory = host.settings.kubelet_config
    # How many there are changes all the time; only that none is left is waited for.
    report["reservations"] = "some" if directory and read_reservations(directory) else "none"
    return report


def is_old(report: Dict[str, str], now: float) -> bool:
    """Whether a report has to be told again."""
    time_told = report.get("time", "")
    return not time_told.isdigit() or not 0 <= now - int(time_told) < REPORT_AGE


def tell_server(event: Any, host: Host) -> None:
    """exechost_periodic: set the vnode's resource where there is news. A server that does not know the
    resource (installed by an earlier hooks/install) is told nothing."""
    now = time.time()
    before = last_report()
    report = make_report(host, pbs.hook_config_filename, before, now)
    if report == {name: value for name, value in before.items() if name != "time"} and not is_old(before, now):
        return
    report["time"] = str(int(now))
    try:
        event.vnode_list[pbs.get_local_nodename()].resources_available[REPORT_RESOURCE] = encode_report(report)
        with open(record_path(), "w", encoding="ascii") as file:
            json.dump(report, file)
    except (AttributeError, KeyError, TypeError, OSError) as error:
        pbs.logmsg(pbs.LOG_DEBUG, "pbs_kubernetes: cannot tell the server how this host is: %r" % error)


def warn_of_policies() -> None:
    """At MoM's start: kubelet's policies that PBS's cpusets do not know of."""
    policies = disturbing_policies(find_kubelet())
    if policies:
        pbs.logmsg(pbs.LOG_WARNING, "pbs_kubernetes: kubelet has policies of its own for CPUs (%s): they and the cpusets of "
                   "PBS's pbs_cgroups do not know of each other" % ", ".join(policies))
