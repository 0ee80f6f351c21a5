"""Made-up cgroup trees, of both versions and both of kubelet's drivers."""
from pathlib import Path
from typing import Dict

# What kubelet names a pod's cgroup below a hierarchy's root (Kubernetes 1.20 to 1.36).
PATHS = {
    ("cgroupfs", "guaranteed"): "kubepods/pod{uid}",
    ("cgroupfs", "burstable"): "kubepods/burstable/pod{uid}",
    ("cgroupfs", "besteffort"): "kubepods/besteffort/pod{uid}",
    ("systemd", "guaranteed"): "kubepods.slice/kubepods-pod{uid_}.slice",
    ("systemd", "burstable"): "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid_}.slice",
    ("systemd", "besteffort"): "kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{uid_}.slice",
}


class PodCgroup:
    """A pod's cgroup in a made-up tree: in cgroup v2 one directory, in v1 one for each controller."""

    def __init__(self, root: Path, version: int, uid: str, driver: str = "cgroupfs", quality: str = "burstable",
                 below: str = "") -> None:
        """Make it; `below` is kubelet's own cgroup root."""
        self.version = version
        path = PATHS[driver, quality].format(uid=uid, uid_=uid.replace("-", "_"))
        controllers = [""] if version == 2 else ["cpuacct", "memory", "freezer"]
        self.directories: Dict[str, Path] = {}
        for controller in controllers:
            self.directories[controller] = root / controller / below / path
            self.directories[controller].mkdir(parents=True)
        if version == 2:
            (root / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
        self.set_frozen(False)

    def use(self, cpu_seconds: float, memory: int) -> None:
        """What the pod has used: CPU time, and memory at its peak in octets."""
        if self.version == 2:
            (self.directories[""] / "cpu.stat").write_text(
                "usage_usec %d\nuser_usec 1\nsystem_usec 2\n" % (cpu_seconds * 1e6))
            (self.directories[""] / "memory.current").write_text("4096\n")
            (self.directories[""] / "memory.peak").write_text("%d\n" % memory)
        else:
            (self.directories["cpuacct"] / "cpuacct.usage").write_text("%d\n" % (cpu_seconds * 1e9))
            (self.directories["memory"] / "memory.max_usage_in_bytes").write_text("%d\n" % memory)

    def remove(self) -> None:
        """Remove it, as kubelet does when the pod ends."""
        for directory in self.directories.values():
            for file in directory.iterdir():
                file.unlink()
            directory.rmdir()

    def set_frozen(self, frozen: bool) -> None:
        """Set the freezer's file, as something else might."""
        if self.version == 2:
            (self.directories[""] / "cgroup.freeze").write_text("%d\n" % frozen)
        else:
            (self.directories["freezer"] / "freezer.state").write_text("FROZEN\n" if frozen else "THAWED\n")

    @property
    def frozen(self) -> bool:
        """Whether the freezer's file says so."""
        if self.version == 2:
            return (self.directories[""] / "cgroup.freeze").read_text().strip() == "1"
        return (self.directories["freezer"] / "freezer.state").read_text().strip() == "FROZEN"
