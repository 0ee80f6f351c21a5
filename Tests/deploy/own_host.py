"""A host of one's own for a moment: this machine's root with a layer above it, which takes all that is written and goes away."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

from integration.connector import REPOSITORY

# Users and files of an installation that this machine may have.
NAMES = "kube-watcher|pbs-broker|binder|pbs-connector"
LEFT = "/etc/pbs-connector /var/lib/pbs-connector /usr/lib/sysusers.d/pbs-connector.conf /usr/lib/tmpfiles.d/pbs-connector.conf"

MOUNTS = """
mount -t tmpfs tmpfs "$1" && mkdir "$1"/{upper,work,root}
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --rbind "$2" "$1/root$2" && mount --rbind "$3" "$1/root$3" && mount --rbind /dev "$1/root/dev" && mount --rbind /proc "$1/root/proc" && mount -t tmpfs tmpfs "$1/root/run"
for file in passwd shadow group gshadow; do sed -ri '/^(%s):/d' "$1/root/etc/$file"; done
(cd "$1/root" && rm -rf %s)
""" % (NAMES, " ".join(f".{path}" for path in LEFT.split()))


@functools.cache
def missing() -> str | None:
    """Why there can be no such host here, in one line; None when there can."""
    if os.geteuid() != 0:
        return "only root can mount"
    for program in ("unshare", "mount", "chroot"):
        if shutil.which(program) is None:
            return f"no {program} in PATH"
    tried = subprocess.run(["unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w /mnt/m && "
                            "mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/m"],
                           capture_output=True, text=True, timeout=60)
    return None if tried.returncode == 0 else f"no overlay can be mounted: {tried.stderr.strip()}"


def command(script: str, folder: Path, then: str = "") -> list[str]:
    """What runs a script of bash on a fresh host, and `then` around it, where "$root" is the host's root."""
    root = folder / "host"
    root.mkdir()
    last = "exec " if not then else ""
    outer = f'set -e\n{MOUNTS}\nroot=$1/root script=$4; {last}chroot "$root" bash -euo pipefail -c "$script"\n{then}'
    return ["unshare", "--mount", "bash", "-c", outer, "bash", str(root), str(REPOSITORY), str(folder), f"cd {REPOSITORY}\n{script}"]


def run(script: str, folder: Path, **environment: str) -> str:
    """What a script of bash prints on a fresh host, where the repository and `folder` are what they are here. It ends at the
    first command that fails."""
    done = subprocess.run(command(script, folder), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=300, env={**os.environ, **environment})
    assert done.returncode == 0, f"status {done.returncode}\n{script}\n{done.stdout}"
    return done.stdout
