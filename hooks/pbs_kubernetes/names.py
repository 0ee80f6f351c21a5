"""The names that hosts go by."""
import socket
from typing import Iterable, List

import pbs


def local_host_names() -> List[str]:
    """The names this host goes by: PBS's (which PBS_MOM_NODE_NAME may set), the system's."""
    names = [pbs.get_local_nodename(), socket.gethostname()]
    for key in ("PBS_MOM_NODE_NAME", "PBS_LEAF_NAME"):
        # PBS_LEAF_NAME may hold several names separated by commas.
        names += str(pbs.pbs_conf.get(key) or "").split(",")
    return [name for name in names if name]


def is_here(name: str, host_names: Iterable[str]) -> bool:
    """Whether a host name means this host; a short name matches the full one."""
    for own in host_names:
        ours, theirs = own.lower(), name.lower()
        if ours == theirs:
            return True
        if ("." in ours) != ("." in theirs) and ours.split(".")[0] == theirs.split(".")[0]:
            return True
    return False


def server_names() -> List[str]:
    """The names of PBS's server as pbs.conf has them, without ports."""
    keys = ("PBS_SERVER", "PBS_SERVER_HOST_NAME", "PBS_PRIMARY", "PBS_SECONDARY")
    names = [str(pbs.pbs_conf.get(key) or "").split(":")[0] for key in keys]
    return [name for name in names if name]
