"""The image has what the Deployment counts on: users by their numbers, the programs, what they link, and no PBS."""

from __future__ import annotations

import re
import subprocess

import pytest

from deploy.test_deploy import DEPLOY
from integration.connector import PROGRAMS, REPOSITORY, program_folder

TEXT = (DEPLOY / "Containerfile").read_text()
DEPLOYMENT = (DEPLOY / "kubernetes/base/deployment.yaml").read_text()


def test_the_users_are_those_of_the_deployment() -> None:
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)$", TEXT, re.MULTILINE))
    in_image = {name: re.sub(r"\$\{(\w+)\}", lambda match: arguments[match[1]], number)
                for number, name in re.findall(r"--uid (\S+) ([\w-]+)", TEXT)}
    in_pod = dict(re.findall(r"- name: ([\w-]+)\n        image: pbs-connector\n(?:.*\n)*?          runAsUser: (\d+)", DEPLOYMENT))
    assert in_image == in_pod and set(in_pod) == set(PROGRAMS)
    (group,) = set(re.findall(r"--gid (\d+)", TEXT))
    assert f"runAsGroup: {group}\n" in DEPLOYMENT and f"fsGroup: {group}\n" in DEPLOYMENT


def test_the_build_copies_what_there_is() -> None:
    copied = re.findall(r"^COPY (?!--from|\.build)(.+) \S+$", TEXT, re.MULTILINE)
    paths = [path for line in copied for path in line.split()]
    assert {"Package.swift", "Sources", "LICENSE"} <= set(paths)
    assert [path for path in paths if not (REPOSITORY / path).exists()] == []


def test_the_build_has_the_folder_of_each_target() -> None:
    """SwiftPM refuses a package with a target whose folder is missing, whatever is built of it."""
    package = (REPOSITORY / "Package.swift").read_text().split("\nif Context", maxsplit=1)[0]
    folders = set(re.findall(r'path: "([^"]+)"', package))
    folders |= {f"Tests/{name}" for name in re.findall(r'\.testTarget\(\s*name: "(\w+)"', package)}
    copied = [path for line in re.findall(r"^COPY (?!--from|\.build)(.+) \S+$", TEXT, re.MULTILINE) for path in line.split()]
    assert len(folders) > 5
    assert [folder for folder in folders if not any(f"{folder}/".startswith(f"{path}/") for path in copied)] == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_image_has_the_libraries_of_the_programs(program: str) -> None:
    """Those that a program names itself, by the packages that Debian has them in; a debug build's Swift is linked in there."""
    packages = {"libcurl.so.4": "libcurl4", "libevent-2.1.so.7": "libevent-2.1-7", "libevent_core-2.1.so.7": "libevent-core-2.1-7",
                "libyaml-0.so.2": "libyaml-0-2", "libstdc++.so.6": "libstdc++6", "libssl.so.3": "libssl3", "libcrypto.so.3": "libssl3"}
    always = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "libz.so.1"}
    told = subprocess.run(["objdump", "-p", program_folder() / program], check=True, capture_output=True, text=True, timeout=60).stdout
    needed = {name for name in re.findall(r"NEEDED +(\S+)", told) if not re.match(r"lib(swift|Foundation|_Foundation|dispatch|Blocks)", name)}
    installed = set(re.findall(r"[a-z][\w.+-]+", TEXT[TEXT.index("apt-get install"):TEXT.index("rm -rf /var/lib/apt")]))
    assert {packages[name] for name in needed - always} <= installed
