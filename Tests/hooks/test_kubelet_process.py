"""What a kubelet was told, from its process."""
import importlib
import json
import os
import sys
import types
from pathlib import Path
from typing import Any, List

import pytest

from hooks.execution_host import HOOKS


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The hook's module, with a /proc of its own."""
    monkeypatch.syspath_prepend(str(HOOKS))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    found = importlib.import_module("pbs_kubernetes.kubelet_process")
    monkeypatch.setattr(found, "PROC", str(tmp_path / "proc"))
    monkeypatch.setattr(found, "ROOT_DIRECTORY", str(tmp_path / "kubelet"))
    process(tmp_path, "self", "pbs_python", [])
    return found


def process(directory: Path, pid: str, name: str, arguments: List[str], network: str = "net:[1]", user: int = 0,
            cgroup: str = "/system.slice/kubelet.service") -> None:
    """A process in the /proc of the test."""
    path = directory / "proc" / pid
    (path / "ns").mkdir(parents=True)
    os.symlink(network, str(path / "ns" / "net"))
    (path / "status").write_text("Name:\t%s\nUid:\t%d\t%d\t%d\t%d\nGid:\t0\t0\t0\t0\n" % ((name,) + 4 * (user,)))
    (path / "cgroup").write_text("0::%s\n" % cgroup)
    (path / "comm").write_text(name + "\n")
    (path / "cmdline").write_bytes(b"".join(argument.encode() + b"\0" for argument in ["/usr/bin/" + name] + arguments))


def test_flags(module: Any, tmp_path: Path) -> None:
    process(tmp_path, "7", "kubelet", ["--pod-manifest-path=/m", "--cpu-manager-policy", "static", "--v=2", "--fail-swap-on"])
    assert module.find_kubelet() == module.Kubelet("/m", "static", "")
    assert module.disturbing_policies(module.find_kubelet()) == ["CPU manager static"]


@pytest.mark.parametrize("text", [
    'kind: KubeletConfiguration\nstaticPodPath: "/m"\ntopologyManagerPolicy: single-numa-node # as said\nx:\n  cpuManagerPolicy: static\n',
    json.dumps({"staticPodPath": "/m", "topologyManagerPolicy": "single-numa-node", "x": {"cpuManagerPolicy": "static"}})])
def test_its_configuration(module: Any, tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    process(tmp_path, "7", "kubelet", ["--config=%s" % (tmp_path / "config")])
    assert module.find_kubelet() == module.Kubelet("/m", "", "single-numa-node")
    assert module.disturbing_policies(module.find_kubelet()) == ["topology manager single-numa-node"]


def test_a_policy_that_only_its_state_tells(module: Any, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "cpu_manager_state").write_text('{"policyName":"static","defaultCpuSet":"0-3","checksum":1}')
    process(tmp_path, "7", "kubelet", ["--root-dir", str(tmp_path / "root")])
    assert module.find_kubelet().cpu_manager == "static"


def test_a_kubelet_of_another_host_or_none(module: Any, tmp_path: Path) -> None:
    process(tmp_path, "7", "kubelet", ["--cpu-manager-policy=static"], "net:[2]")
    process(tmp_path, "8", "kubelet-proxy", ["--cpu-manager-policy=static"])
    assert module.find_kubelet() is None and module.disturbing_policies(None) == []


def test_a_users_process_of_that_name_is_none(module: Any, tmp_path: Path) -> None:
    """Also one that may not be dumped, whose files in /proc are root's."""
    process(tmp_path, "7", "kubelet", ["--config=/etc/shadow", "--cpu-manager-policy=static"], user=4002)
    assert module.find_kubelet() is None


@pytest.mark.parametrize("cgroup", ["/kubepods/burstable/pod7/abc", "/kubepods.slice/kubepods-pod7.slice/cri-containerd-abc.scope"])
def test_a_pods_process_of_that_name_is_none(module: Any, tmp_path: Path, cgroup: str) -> None:
    """Of a pod in the host's network that runs as root."""
    process(tmp_path, "7", "kubelet", ["--pod-manifest-path=/m"], cgroup=cgroup)
    assert module.find_kubelet() is None
    process(tmp_path, "8", "kubelet", ["--cpu-manager-policy=static"])
    assert module.find_kubelet().cpu_manager == "static"


def test_a_process_that_cannot_be_looked_at_is_none(module: Any, tmp_path: Path) -> None:
    process(tmp_path, "7", "kubelet", ["--cpu-manager-policy=static"])
    (tmp_path / "proc" / "7" / "status").unlink()
    assert module.find_kubelet() is None


def test_mom_names_policies_in_its_log_when_it_starts(module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log: List[str] = []
    pbs: Any = types.ModuleType("pbs")
    pbs.LOG_WARNING, pbs.logmsg = "warning", lambda level, message: log.append(message)
    monkeypatch.setitem(sys.modules, "pbs", pbs)
    for name in [name for name in sys.modules if name.startswith("pbs_kubernetes.") and name != module.__name__]:
        monkeypatch.delitem(sys.modules, name)
    reports = importlib.import_module("pbs_kubernetes.reports")
    reports.warn_of_policies()
    assert log == [], "no kubelet is seen"
    process(tmp_path, "7", "kubelet", ["--cpu-manager-policy=static"])
    reports.warn_of_policies()
    (line,) = log
    assert "CPU manager static" in line and "do not know of each other" in line
