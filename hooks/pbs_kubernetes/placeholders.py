"""The placeholder, which pods' jobs run, as a file on this host."""
import os
import re
import socket

import pbs

from .context import Host
from .text import LONGEST_FILE, read_file

# The text of hooks/placeholder, which the builder puts here.
PLACEHOLDER_SCRIPT = ""

# What stands in the script for the host's own settings.
CGROUP_ROOT = "${1:-/sys/fs/cgroup}"
KUBELET_CGROUP_ROOT = "${2:-/}"


def placeholder_text(host: Host) -> str:
    """The script for this host: its cgroup roots are what it looks below without arguments."""
    text = PLACEHOLDER_SCRIPT
    for standing, setting in ((CGROUP_ROOT, host.settings.cgroup_root), (KUBELET_CGROUP_ROOT, host.settings.kubelet_cgroup_root)):
        # No name of a cgroup needs more; whatever else it is, it is no text for a shell.
        if re.fullmatch(r"[A-Za-z0-9/._-]+", setting):
            text = text.replace(standing, "%s:-%s}" % (standing[:3], setting))
    return text


def placeholder_is_there(host: Host) -> bool:
    """Whether the file is this host's placeholder, and may be run."""
    path = host.settings.placeholder
    try:
        return os.access(path, os.X_OK) and read_file(path, LONGEST_FILE) == placeholder_text(host)
    except (OSError, ValueError):
        return False


def put_placeholder(host: Host) -> None:
    """Write the placeholder where the settings have it, unless it is there."""
    path = host.settings.placeholder
    if not path or not PLACEHOLDER_SCRIPT:
        return
    if placeholder_is_there(host):
        return
    # Hosts may share the directory (NFS), and process ids are a host's own.
    temporary = "%s.%s.%d" % (path, socket.gethostname(), os.getpid())
    try:
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        try:
            with open(temporary, "w", encoding="utf-8") as file:
                file.write(placeholder_text(host))
                os.fchmod(file.fileno(), 0o755)
            # Jobs that run the former one keep it open.
            os.rename(temporary, path)
        except OSError:
            if os.path.exists(temporary):
                os.unlink(temporary)
            raise
    except OSError as error:
        pbs.logmsg(pbs.LOG_WARNING, "pbs_kubernetes: cannot put the placeholder to %s: %s" % (path, error))
    else:
        pbs.logmsg(pbs.LOG_WARNING, "pbs_kubernetes: put the placeholder to %s" % path)
