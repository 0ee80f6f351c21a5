"""A stand-in for the kubelets: bound pods run, terminating pods go, containers end when told to.

It works level by level, as a kubelet does: it looks at a pod and does what is
due, so it may be started, stopped and started again at any time.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from . import pods
from .clock import timestamp
from .kubelet_admission import Lack, holds_room, lack_of_room, rejected
from .nodes import Object
from .resources import NODES, PODS
from .server import Server
from .store import Change, Store

USER = "kubelet"
# Annotations by which a pod says when its containers end (seconds after their start) and with what exit code.
FINISH_AFTER = "simulator/finish-after"
EXIT_CODE = "simulator/exit-code"
# What a container leaves that SIGTERM has ended.
_TERMINATED = 143


@dataclass(frozen=True)
class Kubelet:
    """Settings of the stand-in, times in seconds.

    `nodes` names the nodes that have a kubelet, None all. `start_delay` is the
    time from the binding to Running, `stop_delay` the time that containers take
    to end once the pod is being deleted, never longer than its grace period. With
    `rejects`, a pod that does not fit into what is left of its node's allocatable
    fails before it runs, as kubelet's own admission has it.
    """

    nodes: frozenset[str] | None = None
    start_delay: float = 0.0
    stop_delay: float = 0.0
    rejects: bool = False


class Kubelets:
    """All kubelets of the cluster. What they do happens in the server's thread."""

    def __init__(self, settings: Kubelet, store: Store, server: Server) -> None:
        self._settings = settings
        self._store = store
        self._server = server
        self._scheduled: set[tuple[str, str]] = set()
        self._addresses = 0
        self._lock = threading.Lock()
        store.listeners.append(self._changed)

    def sync(self) -> None:
        """Look at all pods: after a start of the server, when a node is back."""
        with self._store.lock:
            for stored in list(self._store.table(PODS.stored_as).objects.values()):
                self._look(stored.data)

    def forget(self) -> None:
        """The server has stopped, and with it all timers."""
        self._scheduled.clear()

    def _changed(self, change: Change) -> None:
        if not self._server.running:
            return
        if change.resource == PODS.stored_as and change.type != "DELETED":
            self._look(change.stored.data)
        elif change.resource == NODES.stored_as:
            self._server.loop.call_soon_threadsafe(self.sync)

    def _look(self, pod: Object) -> None:
        node = pod["spec"].get("nodeName")
        if not node or self._settings.nodes is not None and node not in self._settings.nodes:
            return
        metadata, uid = pod["metadata"], pod["metadata"]["uid"]
        if metadata.get("deletionTimestamp"):
            delay = min(self._settings.stop_delay, float(metadata["deletionGracePeriodSeconds"]))
            self._later(delay, "stop", uid, pod)
        elif pod["status"]["phase"] == "Pending":
            self._later(self._settings.start_delay, "start", uid, pod)
        elif pod["status"]["phase"] == "Running":
            after = (metadata.get("annotations") or {}).get(FINISH_AFTER)
            if after is not None:
                self._later(float(after), "finish", uid, pod)

    def _later(self, delay: float, what: str, uid: str, pod: Object) -> None:
        if (what, uid) in self._scheduled:
            return
        self._scheduled.add((what, uid))
        key = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"

        def schedule() -> None:
            self._server.loop.call_later(delay, self._act, what, key, uid)

        self._server.loop.call_soon_threadsafe(schedule)

    def _act(self, what: str, key: str, uid: str) -> None:
        self._scheduled.discard((what, uid))
        with self._store.lock:
            stored = self._store.get(PODS.stored_as, key)
            if stored is None or stored.data["metadata"]["uid"] != uid:
                return
            pod = stored.data
            # A dead host or an API server out of reach: sync() comes back to it.
            if self._server.paused or not self._is_alive(pod["spec"]["nodeName"]):
                return
            deleting = bool(pod["metadata"].get("deletionTimestamp"))
            if what == "start" and not deleting and pod["status"]["phase"] == "Pending":
                lack = self._lack(pod) if self._settings.rejects else None
                new = running(pod, self._address()) if lack is None else rejected(pod, lack)
                self._store.write(PODS.stored_as, key, new, USER)
            elif what == "finish" and not deleting and pod["status"]["phase"] == "Running":
                code = int((pod["metadata"].get("annotations") or {}).get(EXIT_CODE, 0))
                self._store.write(PODS.stored_as, key, ended(pod, code, True), USER)
            elif what == "stop" and deleting:
                self._stop(pod, key)

    def _stop(self, pod: Object, key: str) -> None:
        """Containers end, then the kubelet deletes the pod with grace period 0."""
        if pod["status"]["phase"] == "Running":
            reaches_end = self._server.api.release.terminating_pods_end_first
            pod = self._store.write(PODS.stored_as, key, ended(pod, _TERMINATED, reaches_end), USER).data
        if pod["metadata"]["deletionGracePeriodSeconds"] != 0:
            metadata = {**pod["metadata"], "deletionGracePeriodSeconds": 0}
            pod = self._store.write(PODS.stored_as, key, {**pod, "metadata": metadata}, USER).data
        if not pod["metadata"].get("finalizers"):
            self._store.delete(PODS.stored_as, key, USER)

    def _lack(self, pod: Object) -> Lack | None:
        """What the pod's node lacks for it beside the pods that it has taken on."""
        node = self._store.get(NODES.stored_as, pod["spec"]["nodeName"])
        assert node is not None, "a kubelet whose node is unknown does nothing"
        others = [stored.data for stored in self._store.table(PODS.stored_as).objects.values()
                  if stored.data["spec"].get("nodeName") == node.data["metadata"]["name"] and holds_room(stored.data)]
        return lack_of_room(pod, others, node.data["status"]["allocatable"])

    def _is_alive(self, node: str) -> bool:
        """A node that the API does not know has no kubelet; one that is not Ready has a silent one."""
        stored = self._store.get(NODES.stored_as, node)
        if stored is None:
            return False
        conditions = stored.data["status"].get("conditions") or []
        return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)

    def _address(self) -> str:
        with self._lock:
            self._addresses += 1
            return f"10.{self._addresses >> 16 & 255}.{self._addresses >> 8 & 255}.{self._addresses & 255}"


def running(pod: Object, address: str) -> Object:
    """The pod as its kubelet reports it once all containers run."""
    now = timestamp()
    statuses: list[dict[str, Any]] = [{
        "name": container["name"], "state": {"running": {"startedAt": now}}, "lastState": {}, "ready": True,
        "restartCount": 0, "image": container["image"], "imageID": "", "started": True,
        "containerID": f"simulator://{pod['metadata']['uid']}/{container['name']}",
    } for container in pod["spec"]["containers"]]
    status = {**pod["status"], "phase": "Running", "hostIP": "127.0.0.1", "podIP": address,
              "podIPs": [{"ip": address}], "startTime": now, "containerStatuses": statuses}
    for condition in ("Initialized", "Ready", "ContainersReady"):
        status = pods.set_condition(status, condition, "True")
    return {**pod, "status": status}


def ended(pod: Object, exit_code: int, reaches_end: bool) -> Object:
    """The pod once its containers have ended; its phase stays where it does not reach its end."""
    now = timestamp()
    reason = "Completed" if exit_code == 0 else "Error"
    statuses = []
    for container in pod["status"].get("containerStatuses") or []:
        started = (container["state"].get("running") or {}).get("startedAt", now)
        statuses.append({**container, "ready": False, "started": False, "state": {"terminated": {
            "exitCode": exit_code, "reason": reason, "startedAt": started, "finishedAt": now,
            "containerID": container.get("containerID", "")}}})
    status = {**pod["status"], "containerStatuses": statuses}
    if reaches_end:
        status["phase"] = "Succeeded" if exit_code == 0 else "Failed"
    why = "PodCompleted" if exit_code == 0 else "ContainersNotReady"
    for condition in ("Ready", "ContainersReady"):
        status = pods.set_condition(status, condition, "False", reason=why)
    return {**pod, "status": status}
