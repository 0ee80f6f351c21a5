"""Who makes a request, and from where."""
from typing import Any, Iterable, List

import pbs


def is_here(name: str, host_names: Iterable[str]) -> bool:
    """Whether a host name is one of these; a short name matches the full one."""
    for own in host_names:
        ours, theirs = own.lower(), name.lower()
        if ours == theirs:
            return True
        if ("." in ours) != ("." in theirs) and ours.split(".")[0] == theirs.split(".")[0]:
            return True
    return False


def server_names() -> List[str]:
    """The names of this server as pbs.conf has them, without ports."""
    keys = ("PBS_SERVER", "PBS_SERVER_HOST_NAME", "PBS_PRIMARY", "PBS_SECONDARY")
    names = [str(pbs.pbs_conf.get(key) or "").split(":")[0] for key in keys]
    return [name for name in names if name]


def is_user(name: str, host: str, users: Iterable[Any], servers: Iterable[str]) -> bool:
    """Whether somebody is one of the users: "user@host", "user@*" for any host, or "user" for
    that user on PBS's server, which goes by the names in `servers`."""
    for user in users:
        own_name, at, own_host = str(user).partition("@")
        if own_name != name:
            continue
        if own_host == "*" or at and own_host.lower() == host.lower() or not at and is_here(host, servers):
            return True
    return False


def is_administrator(name: str, host: str) -> bool:
    """Whether a requestor is PBS's scheduler, root on the server, or one of the server's managers
    and operators (PBS reference guide, "managers", "operators": user@host, where the host may
    begin with an asterisk and an entry with a minus sign excludes)."""
    if name == "Scheduler" or name == "root" and is_here(host, server_names()):
        return True
    server = pbs.server()
    for attribute in ("managers", "operators"):
        allowed = False
        for entry in str(getattr(server, attribute, None) or "").split(","):
            user, _, pattern = entry.strip().lstrip("+-").partition("@")
            pattern = pattern.lower()
            if user == name and (pattern.startswith("*") and host.lower().endswith(pattern[1:])
                                 or pattern == host.lower()):
                if entry.strip().startswith("-"):
                    allowed = False
                    break
                allowed = True
        if allowed:
            return True
    return False
