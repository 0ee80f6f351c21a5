"""What pbs-connector-setup asks of systemctl, whose files it makes, and how it counts what a manifest holds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.manifests import read_documents
from deploy.test_deploy import DEPLOY

sys.path.insert(0, str(DEPLOY / "setup"))

from connector_setup import files, services  # noqa: E402
from connector_setup.commands import Failed, Site  # noqa: E402
from connector_setup.kubernetes import documents  # noqa: E402


@pytest.fixture
def systemctl(tmp_path: Path) -> Path:
    """A systemctl that keeps in files which units are enabled and run."""
    program = tmp_path / "systemctl"
    program.write_text(f"""#!/bin/sh
case "$1" in
is-enabled) test -e "{tmp_path}/on-$2" && echo enabled || {{ echo disabled; exit 1; }};;
is-active) test -e "{tmp_path}/on-$2" && echo active || {{ echo inactive; exit 3; }};;
enable) test "$2" != refused.service || {{ echo "Failed to enable unit" >&2; exit 1; }}; echo "$@" >> "{tmp_path}/asked";;
start) echo "$@" >> "{tmp_path}/asked"; touch "{tmp_path}/on-$3";;
esac
""")
    program.chmod(0o755)
    return program


def asked(systemctl: Path) -> list[str]:
    path = systemctl.parent / "asked"
    return path.read_text().splitlines() if path.exists() else []


def test_units_are_enabled_once(systemctl: Path) -> None:
    site = Site()
    services.enable(site, str(systemctl), ["a.service", "b.service"])
    assert asked(systemctl) == ["enable a.service", "start --no-block a.service", "enable b.service", "start --no-block b.service"]
    services.enable(site, str(systemctl), ["a.service", "b.service"])
    assert len(asked(systemctl)) == 4 and site.told[-1] == "b.service is enabled and active"


def test_a_dry_run_enables_nothing(systemctl: Path) -> None:
    site = Site(dry_run=True)
    services.enable(site, str(systemctl), ["a.service"])
    assert asked(systemctl) == []
    assert site.told == ["a.service is disabled and inactive", f"would run: {systemctl} enable a.service",
                         f"would run: {systemctl} start --no-block a.service"]


def test_the_words_of_a_unit_that_does_not_start_are_told(systemctl: Path) -> None:
    with pytest.raises(Failed, match="Failed to enable unit"):
        services.enable(Site(), str(systemctl), ["refused.service"])


def test_each_account_has_its_timer() -> None:
    assert services.timers(["kube-watcher", "binder"]) == [
        "pbs-connector-renewal@kube-watcher.timer", "pbs-connector-renewal@binder.timer"]


@pytest.mark.parametrize("name", ["rbac.yaml", "renewal.yaml", "admission-policies.yaml"])
def test_the_objects_of_a_manifest_are_counted_as_they_are_read(name: str) -> None:
    text = (DEPLOY / name).read_text()
    read: list[Any] = read_documents(text)
    assert documents(text) == len(read) > 3


def test_only_root_makes_files_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.os, "geteuid", lambda: 4242)
    for make in (lambda: files.make_folder(tmp_path / "state" / "binder", "root"), lambda: files.write_private(tmp_path / "token", "t", "root")):
        with pytest.raises(Failed, match="only root can make files of user root"):
            make()
    assert list(tmp_path.iterdir()) == []


def test_a_user_who_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="there is no user nobody-of-this-name on this host"):
        files.make_folder(tmp_path / "state", "nobody-of-this-name")
