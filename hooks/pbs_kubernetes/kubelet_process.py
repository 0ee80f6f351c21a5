"""What the kubelet of this host was told, as far as its process shows it."""
import glob
import json
import os
import re
from typing import Dict, List, NamedTuple, Optional

from .text import LONGEST_FILE, read_file, read_text


# Where /proc is; tests have one of their own.
PROC = "/proc"
# kubelet's default, where it keeps the state of its CPU manager.
ROOT_DIRECTORY = "/var/lib/kubelet"


class Kubelet(NamedTuple):
    """A kubelet of this host. An empty text stands for what is not known."""
    static_pods: str  # the directory that it reads static pods from
    cpu_manager: str  # "none" or "static"
    topology_manager: str  # "none", "best-effort", "restricted" or "single-numa-node"


def arguments_of(process: str) -> List[str]:
    """The command line of a process, by its directory in /proc."""
    return (read_text(process, "cmdline") or "").rstrip("\0").split("\0")


def is_of_this_host(process: str) -> bool:
    """Whether a process is root's or ours, and in no pod's container: anybody may call his so, and what a kubelet's
    names is read with our rights. Whose its files in /proc are does not tell: those of a process that may not be
    dumped are root's (proc(5))."""
    users = re.search(r"^Uid:\s+(\d+)\s+(\d+)\s", read_text(process, "status") or "", re.MULTILINE)
    if users is None or not {int(user) for user in users.groups()} <= {0, os.geteuid()}:
        return False
    return "kubepods" not in (read_text(process, "cgroup") or "")


def kubelet_arguments() -> Optional[List[str]]:
    """The command line of the kubelet in this host's network; None where none runs by that name (k3s and others
    have it inside another program)."""
    try:
        network = os.readlink(os.path.join(PROC, "self", "ns", "net"))
    except OSError:
        return None
    for process in glob.glob(os.path.join(PROC, "[0-9]*")):
        if (read_text(process, "comm") or "").strip() == "kubelet":
            try:
                if is_of_this_host(process) and os.readlink(os.path.join(process, "ns", "net")) == network:
                    return arguments_of(process)
            except OSError:
                continue  # it has ended meanwhile
    return None


def flags_of(arguments: List[str]) -> Dict[str, str]:
    """Flags by name, of `--name=value` and of `--name value`."""
    flags: Dict[str, str] = {}
    for position, argument in enumerate(arguments):
        if argument.startswith("--"):
            name, equals, value = argument[2:].partition("=")
            follows = arguments[position + 1] if position + 1 < len(arguments) else ""
            flags[name] = value if equals else "" if follows.startswith("--") else follows
    return flags


def configured(path: str) -> Dict[str, str]:
    """The plain texts at the top of a kubelet's configuration file (YAML, or JSON)."""
    if not path:
        return {}
    try:
        text = read_file(path, LONGEST_FILE)
    except (OSError, ValueError):
        return {}
    try:
        values = json.loads(text)
    except ValueError:
        pairs = re.findall(r"^([A-Za-z]+): *[\"']?([^\s\"'#]+)", text, re.MULTILINE)
        return dict(pairs)
    return {name: value for name, value in values.items() if isinstance(value, str)} if isinstance(values, dict) else {}


def find_kubelet() -> Optional[Kubelet]:
    """The kubelet of this host; None where none is seen."""
    arguments = kubelet_arguments()
    if arguments is None:
        return None
    flags = flags_of(arguments)
    settings = configured(flags.get("config", ""))
    cpu_manager = flags.get("cpu-manager-policy", settings.get("cpuManagerPolicy", ""))
    if not cpu_manager:
        # It writes its policy down, whoever told it.
        state = os.path.join(flags.get("root-dir") or ROOT_DIRECTORY, "cpu_manager_state")
        match = re.search(r'"policyName":"([^"]*)"', read_text(state) or "")
        cpu_manager = match.group(1) if match else ""
    return Kubelet(
        static_pods=flags.get("pod-manifest-path", settings.get("staticPodPath", "")),
        cpu_manager=cpu_manager,
        topology_manager=flags.get("topology-manager-policy", settings.get("topologyManagerPolicy", "")))


def disturbing_policies(kubelet: Optional[Kubelet]) -> List[str]:
    """kubelet's policies that give out CPUs and devices by themselves, while PBS does so, too."""
    if kubelet is None:
        return []
    found = ["CPU manager %s" % kubelet.cpu_manager] if kubelet.cpu_manager == "static" else []
    if kubelet.topology_manager in ("restricted", "single-numa-node"):
        found.append("topology manager %s" % kubelet.topology_manager)
    return found
