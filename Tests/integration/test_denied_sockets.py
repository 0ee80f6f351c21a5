"""A socket that a process may not reach is said to be that, whatever was wrong with it before."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from integration.connector import RunningProcess, program_folder
from simulators.kubernetes import KubernetesSimulator

pytestmark = pytest.mark.simulated_pbs("no PBS is concerned")


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="takes a right away from root, by setpriv")
def test_a_folder_that_keeps_the_process_out_is_named_after_one_that_was_not_there(tmp_path: Path) -> None:
    kubeconfig, folder = tmp_path / "kubeconfig", tmp_path / "run"
    path = folder / "broker.sock"
    with KubernetesSimulator() as kubernetes:
        kubernetes.write_kubeconfig(kubeconfig)
        try_binder(kubeconfig, folder, path)


def try_binder(kubeconfig: Path, folder: Path, path: Path) -> None:
    binder = RunningProcess("binder", [
        "setpriv", "--bounding-set=-dac_override,-dac_read_search", str(program_folder() / "binder"), "--config", "/dev/null",
        "--kubeconfig", str(kubeconfig), "--broker", str(path)], os.environ)
    try:
        binder.wait_for_log(f"cannot connect to {path}: No such file or directory", 30)
        folder.mkdir()
        folder.chmod(0)
        binder.wait_for_log(f"cannot connect to {path}: Permission denied", 30)
        folder.chmod(0o755)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen()
            server.settimeout(30)
            server.accept()[0].close()
        assert sum("cannot connect" in line for line in binder.lines) == 2
    finally:
        binder.kill()
