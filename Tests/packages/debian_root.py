"""A Debian of its own in a folder, made by debootstrap from the place that this machine's apt uses."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

# What dpkg, apt and the tools that packages call write for themselves, whatever is installed.
BOOKS = ("var/lib/dpkg", "var/lib/apt", "var/cache", "var/log", "var/lib/systemd/deb-systemd-helper-enabled",
         "etc/ld.so.cache", "run/systemd", "proc", "dev", "sys", "tmp", "packages")


def run(*command: str | Path, timeout: float = 900, **environment: str) -> str:
    """The output of a command, whose failure is an error with its words."""
    done = subprocess.run(list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=timeout, env={**os.environ, **environment})
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout[-3000:]}")
    return done.stdout


def mirror() -> tuple[str, str]:
    """Where this machine's apt gets packages, and the release that it gets."""
    told = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(RELEASE)", "Created-By: Packages")
    release = dict(line.partition("=")[::2] for line in Path("/etc/os-release").read_text().splitlines())["VERSION_CODENAME"]
    for line in told.splitlines():
        place, *names = line.split()
        if release in names:
            return place, release
    raise RuntimeError(f"apt has no place for {release}: apt-get update, and look at its sources")


def missing() -> str | None:
    """Why there can be no root here, in one line; None when there can."""
    if os.geteuid() != 0:
        return "debootstrap needs root"
    for program in ("debootstrap", "apt-get", "unshare", "chroot"):
        if shutil.which(program) is None:
            return f"no {program} in PATH (Tests/prepare packages)"
    return None


class DebianRoot:
    """A root without anything but the least packages, and commands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        place, release = mirror()
        run("debootstrap", "--variant=minbase", release, folder, place, timeout=1800)
        # Nothing here may start a service on the machine around it.
        policy = folder / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)

    def run(self, *command: str, timeout: float = 900) -> str:
        """What a command in the root prints, in mounts of its own that end with it."""
        inside = 'mount -t proc proc "$0/proc" && root=$0 && exec chroot "$root" "$@"'
        return run("unshare", "--mount", "--fork", "sh", "-c", inside, self.folder, *command, timeout=timeout,
                   DEBIAN_FRONTEND="noninteractive", LC_ALL="C.UTF-8", PATH="/usr/sbin:/usr/bin:/sbin:/bin")

    def files(self) -> dict[str, str]:
        """Each file, link and folder by its path: mode, owner and content."""
        found: dict[str, str] = {}
        for path in sorted(self.folder.rglob("*")):
            name = str(path.relative_to(self.folder))
            if name.startswith(BOOKS):
                continue
            status = path.lstat()
            text = os.readlink(path) if path.is_symlink() else (
                hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder")
            found[name] = f"{status.st_mode:o} {status.st_uid}:{status.st_gid} {text}"
        return found
