"""The timers that renew tokens: each runs as the user of its process, with no more than it needs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.manifests import read_documents
from deploy.test_units import DEPLOY
from deploy.units import read_unit

ACCOUNTS = ("kube-watcher", "binder")
SERVICE = read_unit(DEPLOY / "systemd" / "pbs-connector-renewal@.service")


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """Instances of both templates, with the program of this tree."""
    copies = []
    for account in ACCOUNTS:
        for kind in ("service", "timer"):
            copy = tmp_path / f"pbs-connector-renewal@{account}.{kind}"
            text = (DEPLOY / "systemd" / f"pbs-connector-renewal@.{kind}").read_text()
            copy.write_text(text.replace("ExecStart=pbs-connector-setup", f"ExecStart={DEPLOY}/setup/pbs-connector-setup"))
            copies.append(copy)
    return copies


def test_it_runs_as_the_process_and_writes_its_folder_alone() -> None:
    assert (SERVICE["User"], SERVICE["StateDirectory"], SERVICE["StateDirectoryMode"]) == (["%i"], ["pbs-connector/%i"], ["0700"])
    assert SERVICE["ProtectSystem"] == ["strict"] and "ReadWritePaths" not in SERVICE
    assert SERVICE["ExecStart"] == ["pbs-connector-setup renew --account %i"]


def test_an_account_may_ask_for_tokens_of_its_own_alone() -> None:
    documents = read_documents((DEPLOY / "renewal.yaml").read_text())
    given = {}
    for document in documents:
        if document["kind"] == "Role":
            (rule,) = document["rules"]
            assert (rule["resources"], rule["verbs"]) == (["serviceaccounts/token"], ["create"])
            given[document["metadata"]["name"]] = rule["resourceNames"]
    for document in documents:
        if document["kind"] == "RoleBinding":
            (subject,) = document["subjects"]
            assert given[document["roleRef"]["name"]] == [subject["name"]] and subject["namespace"] == "pbs-connector"
    assert sorted(given.values()) == [["binder"], ["kube-watcher"]]


def test_systemd_finds_no_fault_in_them(units: list[Path]) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze in PATH (Debian: systemd)")
    done = subprocess.run([analyze, "verify", *units], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    for unit in units:
        if unit.suffix == ".service":
            level = subprocess.run([analyze, "security", "--offline=yes", "--no-pager", "--threshold=15", unit],
                                   capture_output=True, text=True, timeout=60)
            assert level.returncode == 0, level.stdout[-300:]


def test_a_token_has_many_tries_before_it_ends() -> None:
    """It lasts 24 h (Kubernetes may give less), and is renewed from half of that on."""
    timer = read_unit(DEPLOY / "systemd" / "pbs-connector-renewal@.timer")
    hours = re.fullmatch(r"(\d+)h", timer["OnUnitActiveSec"][0])
    assert hours and 12 / int(hours[1]) >= 6
