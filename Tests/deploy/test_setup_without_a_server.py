"""What pbs-connector-setup says to whoever runs it before there is a kubeconfig, or a kubectl."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.test_setup import SETUP

KUBERNETES_STEPS = ("rights", "credentials", "renewal")


def said(folder: Path, *arguments: str, **environment: str) -> list[str]:
    """Its lines about what is wrong."""
    cleared = {name: value for name, value in os.environ.items() if not name.startswith("KUBE")}
    result = subprocess.run([SETUP, "--dry-run", "--configuration", folder / "etc", "--state", folder / "state", *arguments],
                            capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
                            env={**cleared, "HOME": str(folder), **environment})
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert list(folder.iterdir()) == []
    return result.stderr.splitlines()


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl in PATH (Debian: kubernetes-client)")
@pytest.mark.parametrize("environment", [{}, {"KUBECONFIG": "/nowhere"}])
def test_without_a_kubeconfig_it_asks_for_one(tmp_path: Path, environment: dict[str, str]) -> None:
    lines = said(tmp_path, *KUBERNETES_STEPS, **environment)
    words = "failed: no administrator's kubeconfig with a current context: --admin-kubeconfig FILE, or KUBECONFIG in the environment"
    assert len(lines) == len(KUBERNETES_STEPS)
    for step, line in zip(KUBERNETES_STEPS, lines):
        assert line.startswith(f"{step}: {words}")


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    lines = said(tmp_path, "--admin-kubeconfig", "/nowhere", *KUBERNETES_STEPS)
    assert lines == [f"{step}: failed: the administrator's kubeconfig /nowhere is not there (--admin-kubeconfig)" for step in KUBERNETES_STEPS]


def test_without_kubectl_it_says_so(tmp_path: Path) -> None:
    lines = said(tmp_path, "--kubectl", "kubectl-that-is-not-there", *KUBERNETES_STEPS)
    assert lines == [f"{step}: failed: there is no program kubectl-that-is-not-there (--kubectl)" for step in KUBERNETES_STEPS]
