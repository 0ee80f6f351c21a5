"""kubelet's own credential."""
import base64
import os
from typing import Any, Dict, NamedTuple, Optional

from .kubeconfig_yaml import parse_yaml
from .text import LONGEST_FILE, read_file


class KubernetesError(Exception):
    """The API could not be asked, or it refused; the message says which and why."""


class Cluster(NamedTuple):
    """What a kubeconfig's current context says."""
    server: str
    cluster: Dict[str, Any]
    user: Dict[str, Any]
    directory: str  # what relative file names start from


def read_kubeconfig(path: str) -> Cluster:
    """The current context of a kubeconfig."""
    try:
        config = parse_yaml(read_file(path, LONGEST_FILE))
        contexts = {c["name"]: c["context"] for c in config["contexts"]}
        context = contexts[config.get("current-context") or next(iter(contexts))]
        cluster = {c["name"]: c["cluster"] for c in config["clusters"]}[context["cluster"]]
        user = {u["name"]: u["user"] for u in config["users"]}[context["user"]] or {}
        return Cluster(cluster["server"], cluster, user, os.path.dirname(os.path.abspath(path)))
    except OSError as error:
        raise KubernetesError("kubeconfig: %s" % error)
    except KeyError as error:
        raise KubernetesError("kubeconfig %s: no %s" % (path, error))
    except (ValueError, TypeError, AttributeError, StopIteration, IndexError) as error:
        raise KubernetesError("kubeconfig %s: %s" % (path, error))


def credential(cluster: Cluster, section: Dict[str, Any], name: str) -> Optional[str]:
    """The text of a credential that stands inline (NAME-data) or in a file (NAME)."""
    if section.get(name + "-data"):
        return base64.b64decode(section[name + "-data"]).decode("ascii")
    if section.get(name):
        return read_file(os.path.join(cluster.directory, section[name]), LONGEST_FILE)
    return None
