"""Settings: pbs_kubernetes.CF."""
import json
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from .names import is_here
from .text import LONGEST_FILE, read_file


# Name -> (kind, default). hooks/install checks a .CF against this table, and
# docs/hooks.md explains each line of it.
SETTINGS: Dict[str, Tuple[str, Any]] = {
    "users": ("list of text", ["pbs-broker"]),
    "proof": ("required or owner", "owner"),
    "key_file": ("file", "/etc/pbs-connector/proof-keys"),
    "schedulers": ("list of text", ["pbs"]),
    "strict": ("boolean", False),
    "reserve": ("boolean", True),
    "reserve_devices": ("count or none", "count"),
    "kubelet_config": ("directory", "/etc/kubernetes/manifests"),
    "namespace": ("text", "default"),
    "image": ("text", "registry.k8s.io/pause:3.9"),
    "priority_class": ("text", ""),
    "labels": ("map of text", {}),
    "resources": ("map of text", {"ngpus": "nvidia.com/gpu"}),
    "kubeconfig": ("file", "/etc/kubernetes/kubelet.conf"),
    "node": ("text", ""),
    "api_timeout": ("seconds", 5),
    "cgroup_root": ("directory", "/sys/fs/cgroup"),
    "kubelet_cgroup_root": ("text", "/"),
    "suspend": ("freeze, ignore or end", "freeze"),
    "suspend_devices": ("freeze, ignore or end", "end"),
    "placeholder": ("file", "/usr/local/lib/pbs-connector/placeholder"),
    "longest_grace": ("whole seconds", 3600),
    "hint_socket": ("file", "/run/pbs-connector/pbs-broker-hints.sock"),
    "hosts": ("map of hosts", {}),
}


class Settings(NamedTuple):
    """The settings that hold on this host; SETTINGS has their defaults."""
    users: List[str]
    proof: str
    key_file: str
    schedulers: List[str]
    strict: bool
    reserve: bool
    reserve_devices: str
    kubelet_config: str
    namespace: str
    image: str
    priority_class: str
    labels: Dict[str, str]
    resources: Dict[str, str]
    kubeconfig: str
    node: str
    api_timeout: float  # seconds
    cgroup_root: str
    kubelet_cgroup_root: str
    suspend: str
    suspend_devices: str
    placeholder: str
    longest_grace: int  # seconds
    hint_socket: str
    hosts: Dict[str, Dict[str, Any]]


# The hook's alarm is 30 s (hooks/install); what waits for the API must end well before.
LONGEST_API_TIMEOUT = 20


class ConfigurationError(Exception):
    """A .CF that cannot be used; the message names the key and what is wrong with it."""


def is_text_map(value: Any) -> bool:
    """Whether a JSON value is an object whose values are all strings."""
    return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number (true and false are none)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


KINDS: Dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "file": lambda value: isinstance(value, str),
    "directory": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "seconds": lambda value: is_number(value) and 0 < value <= LONGEST_API_TIMEOUT,
    "list of text": lambda value: isinstance(value, list) and all(isinstance(v, str) for v in value),
    "map of text": is_text_map,
    "whole seconds": lambda value: is_number(value) and isinstance(value, int) and 0 < value <= 2 ** 31 - 1,
    "freeze, ignore or end": lambda value: value in ("freeze", "ignore", "end"),
    "count or none": lambda value: value in ("count", "none"),
    "required or owner": lambda value: value in ("required", "owner"),
    "map of hosts": lambda value: isinstance(value, dict) and all(isinstance(v, dict) for v in value.values()),
}

# What else a value must be, for the message.
RANGES = {"seconds": ", more than 0 and at most %d" % LONGEST_API_TIMEOUT,
          "whole seconds": ", more than 0 and at most 2147483647"}


def type_errors(values: Any, where: str = "") -> Iterator[str]:
    """What is wrong with the kinds of values. Unknown keys are left to hooks/install: while an
    upgrade is under way a hook may meet a newer .CF."""
    if not isinstance(values, dict):
        yield "%sis not a JSON object" % (where and where + ": ")
        return
    for key, value in values.items():
        if key not in SETTINGS:
            continue
        kind = SETTINGS[key][0]
        if not KINDS[kind](value):
            yield "%s%s: %s is not of type %s%s" % (where, key, json.dumps(value), kind, RANGES.get(kind, ""))
        elif key == "hosts":
            for host, overrides in value.items():
                yield from type_errors(overrides, "hosts.%s." % host)


def read_settings(path: Optional[str], host_names: Iterable[str]) -> Settings:
    """The settings that hold on this host: defaults, the .CF's keys, and the keys under
    `hosts` for a host of this name."""
    found: Dict[str, Any] = {}
    if path is not None:
        try:
            found = json.loads(read_file(path, LONGEST_FILE))
        except (OSError, ValueError) as error:
            raise ConfigurationError("%s: %s" % (path, error))
        for error in type_errors(found):
            raise ConfigurationError(error)
    values = dict({key: default for key, (_, default) in SETTINGS.items()}, **found)
    for host, overrides in values["hosts"].items():
        if is_here(host, host_names):
            values.update(overrides)
    return Settings(**{key: values[key] for key in SETTINGS})
