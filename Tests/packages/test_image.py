"""The image of deploy/Containerfile, made of the Debian package by buildah on a Debian that debootstrap has made."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Iterator

import pytest

from integration.connector import PROGRAMS, REPOSITORY
from packages.debian_root import DebianRoot, missing, run

# A short name, as the Containerfile has it, is looked for here first.
BASE = "localhost/debian:bookworm-slim"
IMAGE = "localhost/pbs-connector:test"
VERSION = (REPOSITORY / "Sources/Shared/Startup/Version.swift").read_text().split('"')[1]


class Builder:
    """buildah with images of its own, which no registry is asked for."""

    def __init__(self, folder: Path) -> None:
        self.storage = ["--root", str(folder / "images"), "--runroot", str(folder / "run"), "--storage-driver", "vfs"]

    def run(self, *arguments: str | Path, timeout: float = 1200) -> str:
        return run("buildah", *self.storage, *arguments, timeout=timeout, BUILDAH_ISOLATION="chroot")

    def image_of(self, root: Path, name: str) -> None:
        container = self.run("from", "scratch").strip()
        self.run("add", "--quiet", container, root, "/")
        self.run("commit", "--quiet", container, name)
        self.run("rm", container)


@pytest.fixture(scope="module")
def builder(debs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    """A builder that has made the image."""
    reason = missing() or (None if shutil.which("buildah") else "no buildah in PATH (Tests/prepare packages)")
    if reason:
        pytest.skip(f"no image can be built here: {reason}")
    folder = tmp_path_factory.mktemp("image")
    root = DebianRoot(folder / "debian")
    context = folder / "context"
    (context / ".build/packages").mkdir(parents=True)
    shutil.copytree(REPOSITORY / "deploy", context / "deploy")
    for deb in debs:
        shutil.copy(deb, context / ".build/packages")
    builder = Builder(folder)
    builder.image_of(root.folder, BASE)
    builder.run("bud", "--pull-never", "--network", "host", "--target", "packaged", "--file", context / "deploy/Containerfile",
                "--tag", IMAGE, context)
    yield builder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def container(builder: Builder) -> Iterator[str]:
    name = builder.run("from", "--pull-never", IMAGE).strip()
    yield name
    builder.run("rm", name)


def test_each_program_runs_in_the_image(builder: Builder, container: str) -> None:
    for program in PROGRAMS:
        assert builder.run("run", container, "--", program, "--version").strip().endswith(VERSION)


def test_the_users_of_the_image_are_those_of_the_pod(builder: Builder, container: str) -> None:
    numbers = {program: builder.run("run", container, "--", "id", "-u", program).strip().splitlines()[-1] for program in PROGRAMS}
    assert numbers == {"kube-watcher": "64001", "pbs-broker": "64002", "binder": "64003"}
    assert builder.run("run", container, "--", "id", "-u").strip().splitlines()[-1] == "64001"


def test_the_image_has_no_pbs_and_no_credential(builder: Builder, container: str) -> None:
    mounted = Path(builder.run("mount", container).strip())
    assert not (mounted / "opt/pbs").exists() and not (mounted / "etc/pbs-connector").exists()
    assert os.path.exists(mounted / "usr/share/doc/pbs-connector/copyright")
