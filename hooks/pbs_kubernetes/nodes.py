"""This node as Kubernetes sees it, and what is free there."""
from typing import Any, Dict, Iterable, Iterator, List, Optional

import pbs

from .amounts import Amounts, add, parse_quantity
from .api import KubernetesAPI, LONGEST_LIST, TooLong, ask_api, failure, member, quote
from .context import Host
from .kubeconfig import KubernetesError
from .manifests import JOB_ID_ANNOTATION, Reservation
from .settings import LONGEST_API_TIMEOUT
from .text import printable


# Of a static pod's object, by kubelet (Kubernetes: pkg/kubelet/types).
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"


def pod_requests(pod: Dict[str, Any]) -> Amounts:
    """A pod's effective request (Kubernetes docs, "Sidecar containers" and "Pod overhead"): the
    sum of its containers, or what its init containers need at one time where that is more;
    an init container that restarts always is a sidecar and counts from then on."""
    spec = pod.get("spec", {})
    total: Amounts = {}
    for container in spec.get("containers", []):
        add(total, container_requests(container))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or []:
        own = container_requests(container)
        if container.get("restartPolicy") == "Always":
            add(sidecars, own)
            own = {}
        for name in set(own) | set(sidecars):
            peak[name] = max(peak.get(name, 0), own.get(name, 0) + sidecars.get(name, 0))
    add(total, sidecars)
    amounts = {name: max(total.get(name, 0), peak.get(name, 0)) for name in set(total) | set(peak)}
    # Requests of the pod as a whole (Kubernetes 1.32) take the place of its containers'.
    amounts.update(container_requests(spec))
    add(amounts, {name: parse_quantity(name, text) for name, text in (spec.get("overhead") or {}).items()})
    return amounts


def container_requests(container: Dict[str, Any]) -> Amounts:
    """What a container requests."""
    requests = (container.get("resources") or {}).get("requests") or {}
    return {name: parse_quantity(name, text) for name, text in requests.items()}


def node_of(api: KubernetesAPI, names: Iterable[str]) -> Dict[str, Any]:
    """The node object of this host: the first of its names that Kubernetes knows."""
    for name in names:
        status, node = api.request("GET", "/api/v1/nodes/" + quote(name))
        if status == 200:
            return node
        if status not in (403, 404):  # a kubelet may not look at other nodes
            raise failure(status, node)
    raise KubernetesError("no node is named %s" % " or ".join(names))


# Pods at once where all at once are too long.
PAGE = 5


def pods_of(api: KubernetesAPI, node: str) -> Iterator[Dict[str, Any]]:
    """A node's pods."""
    path = "/api/v1/pods?fieldSelector=spec.nodeName%3D" + quote(node)
    try:
        yield from listed(*api.request("GET", path, most=LONGEST_LIST))
        return
    except TooLong:
        pass  # some few large pods are not to hide the others
    more = ""
    while True:
        status, page = api.request("GET", "%s&limit=%d%s" % (path, PAGE, more), most=LONGEST_LIST)
        yield from listed(status, page)
        token = member(page, "metadata").get("continue")
        if not token:
            return
        more = "&continue=" + quote(str(token))


def listed(status: int, answer: Dict[str, Any]) -> List[Dict[str, Any]]:
    """The objects of a list."""
    if status != 200:
        raise failure(status, answer)
    items = answer.get("items")
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def node_names(host: Host) -> List[str]:
    """The names that this host's node may have."""
    if host.settings.node:
        return [host.settings.node]
    names: List[str] = []
    for name in host.names:
        names += [candidate for candidate in (name.lower(), name.lower().split(".")[0]) if candidate not in names]
    return names


def is_reservation(pod: Dict[str, Any]) -> bool:
    """Whether it is a static pod of a job, of which the manifests tell sooner than the API. An annotation of
    ours alone may be any user's; what kubelet takes for a static pod's mirror it does not run."""
    annotations = pod["metadata"].get("annotations") or {}
    return JOB_ID_ANNOTATION in annotations and MIRROR_ANNOTATION in annotations


def node_room(api: KubernetesAPI, names: List[str], reservations: Dict[str, Reservation]) -> Amounts:
    """What is free on this node: allocatable, less the requests of its pods that have not ended."""
    node = node_of(api, names)
    room = {name: parse_quantity(name, text) for name, text in node["status"]["allocatable"].items()}
    for pod in pods_of(api, node["metadata"]["name"]):
        try:
            if not is_reservation(pod) and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed"):
                add(room, dict(pod_requests(pod), pods=1), -1)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            # One that makes no sense is not to hide the others.
            pbs.logmsg(pbs.LOG_WARNING, "pbs_kubernetes: cannot tell what a pod of this node requests: %s" % printable(repr(error)))
    for reservation in reservations.values():
        add(room, dict(reservation.requests, pods=1), -1)
    return room


def free_in_kubernetes(host: Host, reservations: Dict[str, Reservation],
                       most: float = LONGEST_API_TIMEOUT) -> Optional[Amounts]:
    """What is free on this node; None where the API cannot be asked, in `most` seconds."""
    if not host.settings.kubeconfig:
        return None
    names = node_names(host)
    try:
        return ask_api(host, lambda api: node_room(api, names, reservations), most)
    except KubernetesError as error:
        pbs.logmsg(pbs.LOG_DEBUG, "pbs_kubernetes: cannot see what is free in Kubernetes: %s" % error)
        return None
