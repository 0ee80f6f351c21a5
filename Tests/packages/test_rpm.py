"""The RPM packages: what rpmlint says, what they need, and that they come and go in a root of their own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from integration.connector import PROGRAMS, REPOSITORY
from packages.debian_root import run


@pytest.fixture(autouse=True)
def rpm() -> None:
    if shutil.which("rpm") is None:
        pytest.skip("no rpm in PATH (Tests/prepare packages)")


def listed(package: Path) -> set[str]:
    return set(run("rpm", "-qlp", package).split())


def test_rpmlint_finds_no_error(rpms: list[Path]) -> None:
    if shutil.which("rpmlint") is None:
        pytest.skip("no rpmlint in PATH (Tests/prepare packages)")
    done = subprocess.run(["rpmlint", "-c", REPOSITORY / "deploy/rpm/rpmlint.toml", *rpms], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and " 0 errors, 0 warnings" in done.stdout, done.stdout


def test_they_have_the_files_of_the_debian_packages(rpms: list[Path], debs: list[Path]) -> None:
    """But for what each distribution keeps elsewhere, and what only one of them has."""
    def names(files: set[str]) -> set[str]:
        kept = (name.removesuffix(".gz").replace("/usr/lib/systemd/", "/lib/systemd/").replace("vendor-completions", "site-functions")
                for name in files)
        return {name for name in kept if not name.endswith(("/changelog", "/copyright", "/LICENSE")) and ".build-id" not in name}

    for package, deb in zip(rpms, sorted(debs, key=lambda deb: "hooks" in deb.name)):
        entries = [line.split(maxsplit=5)[5].partition(" -> ")[0].removeprefix(".") for line in run("dpkg-deb", "-c", deb).splitlines()]
        ours = {name.rstrip("/") for name in entries if not name.endswith("/") and "/lintian/" not in name}
        folders = {name for name in names(listed(package)) if any(other.startswith(f"{name}/") for other in listed(package) | ours)}
        assert names(listed(package)) - folders == names(ours), package.name


def test_they_need_libraries_and_no_swift(rpms: list[Path]) -> None:
    needs = run("rpm", "-qp", "--requires", rpms[0])
    assert "libevent-2.1.so.7" in needs and "libcurl.so.4" in needs and "libyaml-0.so.2" in needs
    assert "swift" not in needs.lower()


def test_they_come_and_go(rpms: list[Path], tmp_path: Path) -> None:
    root = tmp_path / "root"
    rpm = ["rpm", "--root", str(root), "--nodeps", "--noscripts"]
    run(*rpm, "--install", *rpms)
    for program in PROGRAMS:
        assert (root / "usr/bin" / program).stat().st_mode & 0o777 == 0o755
    run(*rpm, "--erase", "pbs-connector", "pbs-connector-hooks")
    left = [path for path in root.rglob("*") if not path.is_dir() and "rpmdb" not in str(path)]
    assert left == []
