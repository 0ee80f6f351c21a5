"""The configuration of both hooks, checked as a whole before PBS gets it."""
import json
import os
import sys
import types
from typing import Any, Dict, Iterator, List, Tuple

from .refusal import Refused
from .values import value_errors


def known_settings() -> Any:
    """The module of the host's hook that knows the settings."""
    # It imports `pbs`, which exists only inside PBS; nothing here calls it.
    sys.modules.setdefault("pbs", types.ModuleType("pbs"))
    from pbs_kubernetes import settings
    return settings


def without_repetition(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    """A JSON object; ValueError where a key stands there twice, of which the hooks would see the last only."""
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError("key %s stands there twice" % next(name for name in names if names.count(name) > 1))
    return values


def read_configuration(path: str, look_for_directories: bool) -> Dict[str, Any]:
    """The configuration with its defaults; Refused, with all that is wrong, unless the hooks can work with it."""
    hook = known_settings()
    try:
        with open(path, encoding="utf-8") as file:
            values = json.load(file, object_pairs_hook=without_repetition)
    except (OSError, ValueError) as error:
        raise Refused("%s: %s" % (path, error))
    defaults = {key: default for key, (_, default) in hook.SETTINGS.items()}
    errors = list(hook.type_errors(values))
    if not errors:
        errors += key_errors(dict(defaults, **values), hook.SETTINGS, "", look_for_directories)
        for host, overrides in values.get("hosts", {}).items():
            errors += key_errors(overrides, hook.SETTINGS, "hosts.%s." % host, look_for_directories)
        errors += same_hosts(values.get("hosts", {}))
    if errors:
        raise Refused("\n".join("%s: %s" % (path, error) for error in errors))
    return dict(defaults, **values)


# The server decides these for all hosts, before it is known where a job is going to run.
SERVER_KEYS = ("users", "proof", "key_file", "hint_socket", "hosts")


def key_errors(values: Dict[str, Any], known: Dict[str, Any], where: str, look_for_directories: bool) -> Iterator[str]:
    """Unknown keys, missing directories, and values that make no sense. `where` begins the key's full
    name. An empty directory turns a feature off."""
    for key, value in values.items():
        if key not in known:
            yield "unknown key %s%s" % (where, key)
            continue
        if where and key in SERVER_KEYS:
            yield "%s%s cannot differ from host to host" % (where, key)
        for error in value_errors(key, known[key][0], value):
            yield "%s%s: %s" % (where, key, error)
        if known[key][0] == "directory" and value.startswith("/") and look_for_directories and not os.path.isdir(value):
            yield "%s%s: no directory %s here (--remote-directories: it is on the execution hosts only)" % (where, key, value)


def same_hosts(hosts: Dict[str, Any]) -> Iterator[str]:
    """Names that the hooks would take for one host: a short one matches the full one."""
    names = sorted(hosts)
    for position, name in enumerate(names):
        for other in names[position + 1:]:
            ours, theirs = name.lower(), other.lower()
            if ours == theirs or (("." in ours) != ("." in theirs) and ours.split(".")[0] == theirs.split(".")[0]):
                yield "hosts.%s and hosts.%s are one host" % (name, other)
