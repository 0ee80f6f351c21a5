"""The Debian packages in a Debian root of their own: installed, tried, upgraded, removed, and nothing left."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from integration.connector import PROGRAMS, REPOSITORY
from packages.debian_root import DebianRoot, missing, run

ACCOUNTS = ("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow")
VERSION = (REPOSITORY / "Sources/Shared/Startup/Version.swift").read_text().split('"')[1]


@pytest.fixture(scope="module")
def bare(debs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianRoot]:
    """A root with what the packages depend on, and without them."""
    reason = missing()
    if reason:
        pytest.skip(f"no Debian root here: {reason}")
    root = DebianRoot(tmp_path_factory.mktemp("debian") / "root")
    depends = [run("dpkg-deb", "-f", deb, "Depends").strip() for deb in debs]
    root.run("apt-get", "satisfy", "-y", "--no-install-recommends", *depends, timeout=1800)
    (root.folder / "packages").mkdir()
    for deb in debs:
        shutil.copy(deb, root.folder / "packages")
    yield root
    shutil.rmtree(root.folder)


@pytest.fixture(scope="module")
def before(bare: DebianRoot) -> dict[str, str]:
    """The files of the root before anything was installed."""
    return bare.files()


@pytest.fixture(scope="module")
def root(bare: DebianRoot, before: dict[str, str], debs: list[Path]) -> DebianRoot:
    """The root with both packages, installed by dpkg alone: nothing that they need may be undeclared."""
    bare.run("dpkg", "-i", *(f"/packages/{deb.name}" for deb in debs))
    return bare


def test_lintian_finds_no_error(packages: Path) -> None:
    (changes,) = packages.glob("*.changes")
    if shutil.which("lintian") is None:
        pytest.skip("no lintian in PATH (Tests/prepare packages)")
    done = subprocess.run(["lintian", "--fail-on", "error,warning", changes], capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_program_runs(program: str, root: DebianRoot) -> None:
    assert root.run(program, "--version").strip() == VERSION
    assert f"USAGE: {program}" in root.run(program, "--help")


def test_no_swift_is_needed(root: DebianRoot) -> None:
    for program in PROGRAMS:
        libraries = root.run("ldd", f"/usr/bin/{program}")
        assert "swift" not in libraries and "not found" not in libraries


def test_the_broker_explains_an_example(root: DebianRoot) -> None:
    example = "/usr/share/doc/pbs-connector/deploy/examples/redis-pbs.yaml"
    said = root.run("runuser", "-u", "pbs-broker", "--", "pbs-broker", "explain", "-f", example)
    assert "ncpus=1" in said and "640mb" in said.lower().replace("655360kb", "640mb")


def test_the_installer_of_the_hooks_runs(root: DebianRoot) -> None:
    assert "--remote-directories" in root.run("pbs-connector-hooks", "--help")
    root.run("python3", "/usr/share/pbs-connector/hooks/installer/build.py", "/tmp/hook.PY")
    assert (root.folder / "tmp/hook.PY").read_text().startswith('"""')


def test_systemd_finds_no_fault_in_the_units(root: DebianRoot) -> None:
    units = [f"{program}.service" for program in PROGRAMS]
    said = root.run("systemd-analyze", "verify", "--man=no", *units)
    assert said == ""


def test_the_users_and_their_folders_are_there(root: DebianRoot) -> None:
    for program in PROGRAMS:
        assert root.run("id", "-gn", program).strip() == "pbs-connector"
    for program in ("kube-watcher", "pbs-broker"):
        assert root.run("stat", "-c", "%U %G %a", f"/run/pbs-connector/{program}").split() == [program, "pbs-connector", "750"]


def test_no_service_is_enabled_before_it_is_set_up(root: DebianRoot) -> None:
    for program in PROGRAMS:
        done = subprocess.run(["chroot", root.folder, "systemctl", "is-enabled", program], capture_output=True, text=True, timeout=60)
        assert done.stdout.strip() == "disabled"


def test_a_changed_configuration_outlives_an_upgrade(root: DebianRoot, debs: list[Path]) -> None:
    configuration = root.folder / "etc/pbs-connector/config.yaml"
    configuration.write_text(configuration.read_text().replace("log-level: info", "log-level: debug"))
    root.run("dpkg", "-i", *(f"/packages/{deb.name}" for deb in debs))
    assert "log-level: debug" in configuration.read_text()


def test_removed_again_nothing_is_left(root: DebianRoot, before: dict[str, str]) -> None:
    """But for the users: their numbers must not become somebody else's, who would own what was theirs."""
    credentials = root.folder / "etc/pbs-connector/binder.kubeconfig"
    credentials.write_text("a credential")
    (root.folder / "var/lib/pbs-connector").mkdir(exist_ok=True)
    root.run("dpkg", "--remove", "pbs-connector", "pbs-connector-hooks")
    assert credentials.exists() and (root.folder / "etc/pbs-connector/config.yaml").exists(), "removed, not purged"
    root.run("dpkg", "--purge", "pbs-connector", "pbs-connector-hooks")
    after = root.files()
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    ours = {name for name in changed if name.rstrip("-") not in ACCOUNTS and name != "etc"}
    assert ours == set()
    accounts = [line.split(":")[0] for line in (root.folder / "etc/passwd").read_text().splitlines()]
    assert set(PROGRAMS) <= set(accounts)
