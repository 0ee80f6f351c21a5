"""The settings that matter to the server's hook."""
import json
from typing import Any, Dict

import pbs

# The keys of pbs_kubernetes.CF that matter here; SETTINGS in pbs_kubernetes.PY has them all.
DEFAULTS: Dict[str, Any] = {
    "users": ["pbs-broker"],
    "proof": "owner",
    "key_file": "/etc/pbs-connector/proof-keys",
    "hint_socket": "/run/pbs-connector/pbs-broker-hints.sock",
}


def read_settings() -> Dict[str, Any]:
    """This hook's settings. Where the .CF cannot be read, no job may stand for a pod without
    proof, and all others go their way."""
    settings = dict(DEFAULTS)
    if pbs.hook_config_filename is None:
        return settings
    try:
        with open(pbs.hook_config_filename, encoding="utf-8") as file:
            values = json.load(file)
        for key, default in DEFAULTS.items():
            value = values.get(key, default)
            if not isinstance(value, type(default)):
                raise ValueError("%s is a %s" % (key, type(value).__name__))
            settings[key] = value
    except (OSError, ValueError, AttributeError) as error:
        pbs.logmsg(pbs.LOG_ERROR, "pbs_kubernetes_server: %s: %s" % (pbs.hook_config_filename, error))
        return dict(DEFAULTS, users=[], proof="required")
    return settings
