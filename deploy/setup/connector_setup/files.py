"""Files that only one user may read: written as a whole, with owner and mode before their content."""

from __future__ import annotations

import os
import pwd
import stat
import tempfile
from pathlib import Path
from typing import Optional

from .commands import Failed

PRIVATE = 0o400


def account(user: str) -> pwd.struct_passwd:
    """A user of this host; Failed where there is none."""
    try:
        return pwd.getpwnam(user)
    except KeyError:
        raise Failed("there is no user %s on this host: systemd-sysusers makes it" % user)


def owner_to_be(user: str) -> Optional[pwd.struct_passwd]:
    """Whose a new file has to be made; None where it is his already. Failed for who may not give files away."""
    owner = account(user)
    if owner.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise Failed("only root can make files of user %s" % user)
    return owner


def complaint(path: Path, user: str) -> Optional[str]:
    """What is wrong with owner or mode of a file that is there."""
    status = path.stat()
    if status.st_uid != account(user).pw_uid:
        return "%s is not %s's" % (path, user)
    if stat.S_IMODE(status.st_mode) & 0o077:
        return "%s has mode %04o: others may read it" % (path, stat.S_IMODE(status.st_mode))
    return None


def make_folder(path: Path, user: str) -> None:
    """A folder for its user alone."""
    owner = owner_to_be(user)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    if owner:
        os.chown(path, owner.pw_uid, owner.pw_gid)


def write_private(path: Path, text: str, user: str) -> None:
    """Puts a file for its user alone in place of what is there; readers see the one or the other."""
    owner = owner_to_be(user)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".%s." % path.name)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), PRIVATE)
            if owner:
                os.fchown(file.fileno(), owner.pw_uid, owner.pw_gid)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.rename(name, path)
    except BaseException:
        os.unlink(name)
        raise
