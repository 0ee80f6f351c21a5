"""Whether this host has what the hook needs, in words for hooks/install --check."""
import os
import time
from typing import Dict, Optional

from .api import KubernetesAPI, ask_api, failure, member, quote
from .cgroups import is_unified, kubepods_paths
from .context import Host
from .kubeconfig import KubernetesError
from .kubelet_process import Kubelet, disturbing_policies
from .nodes import node_names, node_of
from .placeholders import placeholder_is_there
from .settings import Settings
from .text import printable


# What a check says where all is well (more may follow), and where the setting turns it off.
WELL = "ok"
OFF = "off"
# A clock may differ by that much from the API server's, which tells whole seconds only.
CLOCK_TOLERANCE = 2


def check_manifests(settings: Settings, kubelet: Optional[Kubelet]) -> str:
    """kubelet's directory for static pods."""
    directory = settings.kubelet_config
    if not directory or not settings.reserve:
        return OFF
    if not os.path.isdir(directory):
        return "%s is no directory" % directory
    if not os.access(directory, os.W_OK):
        return "%s cannot be written" % directory
    if kubelet is not None and not kubelet.static_pods:
        return "kubelet reads no static pods (staticPodPath)"
    if kubelet is not None and os.path.realpath(kubelet.static_pods) != os.path.realpath(directory):
        return "kubelet reads %s instead" % kubelet.static_pods
    return WELL


def check_cgroups(settings: Settings) -> str:
    """The cgroup root, and kubelet's cgroup below it."""
    root = settings.cgroup_root
    if not root:
        return OFF
    if is_unified(root):
        hierarchies, kind = [root], "v2"
    else:
        hierarchies, kind = [os.path.join(root, name) for name in ("cpuacct", "cpu,cpuacct")], "v1"
        if not any(os.path.isdir(hierarchy) for hierarchy in hierarchies):
            return "no cgroups at %s" % root
    paths = [os.path.join(hierarchy, path) for hierarchy in hierarchies for path in kubepods_paths(settings.kubelet_cgroup_root)]
    if not any(os.path.isdir(path) for path in paths):
        return "no kubepods below %s (kubelet_cgroup_root %s)" % (root, settings.kubelet_cgroup_root)
    return "%s %s" % (WELL, kind)


def check_policies(kubelet: Optional[Kubelet]) -> str:
    """kubelet's own ideas of who gets which CPU."""
    return ", ".join(disturbing_policies(kubelet)) or WELL


def check_placeholder(host: Host) -> str:
    """The program that pods' jobs run."""
    path = host.settings.placeholder
    if not path:
        return OFF
    return WELL if placeholder_is_there(host) else "%s is not there as it should be" % path


def describe_clock(difference: Optional[float]) -> str:
    """How far this host's clock is from the API server's, in words; `difference` is in seconds."""
    if difference is None:
        return OFF
    if abs(difference) <= CLOCK_TOLERANCE:
        return WELL
    return "%d s %s the API server's" % (round(abs(difference)), "ahead of" if difference > 0 else "behind")


def check_api(host: Host) -> Dict[str, str]:
    """What the API says to kubelet's credential: "credential" and "clock"."""
    if not host.settings.kubeconfig:
        return {"credential": OFF, "clock": OFF}

    def look(api: KubernetesAPI) -> Dict[str, str]:
        node = node_of(api, node_names(host))
        clock = describe_clock(None if api.date is None else time.time() - api.date)
        name = str(node["metadata"]["name"])
        status, answer = api.request("GET", "/api/v1/pods?limit=1&fieldSelector=spec.nodeName%3D" + quote(name))
        if status != 200:
            raise failure(status, answer)
        ready = [condition.get("status") for condition in member(node, "status").get("conditions") or []
                 if condition.get("type") == "Ready"]
        return {"credential": "%s %s" % (WELL, name) if ready == ["True"] else "node %s is not Ready" % name, "clock": clock}

    try:
        return ask_api(host, look)
    except KubernetesError as error:
        return {"credential": printable(str(error)), "clock": OFF}
