"""The configuration of both hooks, checked before PBS gets it."""
import json
import os
import sys
import types
from typing import Any, Dict

from .refusal import Refused


def known_settings() -> Any:
    """The module of the host's hook that knows the settings."""
    # It imports `pbs`, which exists only inside PBS; nothing here calls it.
    sys.modules.setdefault("pbs", types.ModuleType("pbs"))
    from pbs_kubernetes import settings
    return settings


def read_configuration(path: str, look_for_directories: bool) -> Dict[str, Any]:
    """The configuration with its defaults; Refused unless the hooks can work with it."""
    hook = known_settings()
    try:
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
    except (OSError, ValueError) as error:
        raise Refused("%s: %s" % (path, error))
    try:
        hook.check_types(values)
    except hook.ConfigurationError as error:
        raise Refused("%s: %s" % (path, error))
    defaults = {key: default for key, (_, default) in hook.SETTINGS.items()}
    check_keys(path, dict(defaults, **values), hook.SETTINGS, "", look_for_directories)
    for host, overrides in values.get("hosts", {}).items():
        check_keys(path, overrides, hook.SETTINGS, "hosts.%s." % host, look_for_directories)
    return dict(defaults, **values)


# The server decides these for all hosts, before it is known where a job is going to run.
SERVER_KEYS = ("users", "proof", "key_file", "hint_socket", "hosts")


def check_keys(path: str, values: Dict[str, Any], known: Dict[str, Any], where: str, look_for_directories: bool) -> None:
    """Raise Refused for an unknown key or a missing directory. `where` begins the key's full
    name. An empty directory turns a feature off."""
    for key, value in values.items():
        if key not in known:
            raise Refused("%s: unknown key %s%s" % (path, where, key))
        if where and key in SERVER_KEYS:
            raise Refused("%s: %s%s cannot differ from host to host" % (path, where, key))
        if known[key][0] == "directory" and value and look_for_directories and not os.path.isdir(value):
            raise Refused("%s: %s%s: no directory %s here (--remote-directories: it is on the execution hosts only)"
                          % (path, where, key, value))
