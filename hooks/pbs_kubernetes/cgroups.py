"""Where a pod's cgroup is."""
import os
import re
from typing import List, Optional, Tuple

from .settings import Settings


# kubelet's own order of nesting; Guaranteed pods lie directly below kubepods.
QOS_CLASSES = ("", "burstable", "besteffort")


def systemd_slice(components: List[str]) -> str:
    """A cgroup's path under the systemd driver: each level's name repeats its parents', and a
    dash inside a component becomes an underscore (kubelet's CgroupName.ToSystemd)."""
    path, name = "", ""
    for component in components:
        name = (name and name + "-") + component.replace("-", "_")
        path = os.path.join(path, name + ".slice")
    return path


def kubepods_paths(kubelet_root: str) -> List[str]:
    """Where the cgroup of all pods may lie below a hierarchy's root: both of kubelet's drivers."""
    components = [c for c in kubelet_root.split("/") + ["kubepods"] if c]
    return [os.path.join(*components), systemd_slice(components)]


def pod_cgroup_paths(kubelet_root: str, uid: str) -> List[str]:
    """Where a pod's cgroup may lie below a hierarchy's root: both of kubelet's drivers, each QoS class."""
    paths = []
    for qos_class in QOS_CLASSES:
        components = [c for c in kubelet_root.split("/") + ["kubepods", qos_class, "pod" + uid] if c]
        paths += [os.path.join(*components), systemd_slice(components)]
    return paths


def find_pod_cgroup(settings: Settings, uid: str, controllers: Tuple[str, ...]) -> Optional[str]:
    """The directory of a pod's cgroup: in the one hierarchy of cgroup v2, else in that of the
    first of the controllers that is mounted (v1); None where the pod has no cgroup."""
    root = settings.cgroup_root
    if not root or not re.fullmatch(r"[A-Za-z0-9-]+", uid):  # a UID is going to be part of a path
        return None
    hierarchies = [root] if is_unified(root) else [os.path.join(root, name) for name in controllers]
    for hierarchy in hierarchies:
        for path in pod_cgroup_paths(settings.kubelet_cgroup_root, uid):
            directory = os.path.join(hierarchy, path)
            if os.path.isdir(directory):
                return directory
    return None


def is_unified(root: str) -> bool:
    """Whether the mount is cgroup v2: only its root has this file."""
    return os.path.exists(os.path.join(root, "cgroup.controllers"))
