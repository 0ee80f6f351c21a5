"""The pods of a run: they arrive, finish and are deleted by their users, as a plan made from the seed says."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Any

from integration.site import pod_manifest
from simulators.kubernetes import APIError
from simulators.pbs.timers import Timers

from .api import API
from .downtime import Downtime
from .host_faults import kubelet_down

# Seconds after which somebody tries again while the API server, or the pod's node, is away.
_RETRY_SECONDS = 0.2


class Fate(Enum):
    """What becomes of a pod by its own or its user's doing."""

    FINISHES = "finishes"
    FINISHES_AND_IS_DELETED = "finishes and is deleted"
    IS_DELETED = "is deleted"
    IS_DELETED_AT_ONCE = "is deleted soon after it was created, bound or not"
    IS_CREATED_AGAIN = "is deleted and created again under its name"
    STAYS = "stays"


_WEIGHTS = {Fate.FINISHES: 35, Fate.FINISHES_AND_IS_DELETED: 10, Fate.IS_DELETED: 25, Fate.IS_DELETED_AT_ONCE: 12,
            Fate.IS_CREATED_AGAIN: 8, Fate.STAYS: 10}


@dataclass(frozen=True)
class PlannedPod:
    """Seconds: `arrives` from the beginning of the run, `lives` from the binding (or the creation) to the end."""

    name: str
    cpu: str
    arrives: float
    lives: float
    fate: Fate
    phase: str


def plan(seed: int, pods: int, seconds: float) -> list[PlannedPod]:
    """The same for the same arguments."""
    dice = random.Random(f"pods {seed}")
    planned = []
    for index in range(pods):
        fate = dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        lives = dice.uniform(0, 2) if fate is Fate.IS_DELETED_AT_ONCE else dice.uniform(0.5, 7)
        planned.append(PlannedPod(f"pod-{index}", dice.choice(("500m", "1", "1", "2")), dice.uniform(0, seconds), lives,
                                  fate, dice.choice(("Succeeded", "Failed"))))
    return sorted(planned, key=lambda pod: pod.arrives)


class Load:
    """Carries out a plan. `follow` is to be called whenever the simulator's record may have grown."""

    def __init__(self, kubernetes: API, timers: Timers, downtime: Downtime, planned: list[PlannedPod]) -> None:
        self._kubernetes = kubernetes
        self._timers = timers
        self._downtime = downtime
        self._read = 0
        self._to_arrive = len(planned)
        # Pods, by UID, of which something is still to come.
        self._open: dict[str, PlannedPod] = {}
        for pod in planned:
            timers.after(pod.arrives, partial(self._served, partial(self._create, pod)))

    @property
    def is_done(self) -> bool:
        return self._to_arrive == 0 and not self._open

    @property
    def has_news(self) -> bool:
        return len(self._kubernetes.record) > self._read

    @property
    def state(self) -> str:
        names = sorted(pod.name for pod in self._open.values())
        return f"{self._to_arrive} pods are still to arrive, {len(names)} are on their way: {' '.join(names[:20])}"

    def follow(self) -> None:
        """Takes in what happened to the pods since the last call."""
        entries = self._kubernetes.record[self._read:]
        self._read += len(entries)
        for entry in entries:
            pod = self._open.get(entry.uid)
            if pod is None:
                continue
            if entry.kind == "bound":
                self._bound(entry.uid, pod)
            elif entry.kind == "gone":
                self._gone(entry.uid, pod)
            elif entry.kind == "phase" and entry.details["phase"] in ("Succeeded", "Failed"):
                self._finished(entry.uid, pod)

    def _served(self, call: Callable[[], None]) -> None:
        """Does it as soon as there is an API server to do it."""
        if self._downtime.is_down("kubernetes"):
            self._timers.after(_RETRY_SECONDS, lambda: self._served(call))
        else:
            call()

    def _create(self, pod: PlannedPod) -> None:
        created = self._kubernetes.create_pod(pod_manifest(pod.name, cpu=pod.cpu, terminationGracePeriodSeconds=2))
        uid = created["metadata"]["uid"]
        self._open[uid] = pod
        self._to_arrive -= 1
        if pod.fate is Fate.IS_DELETED_AT_ONCE:
            self._timers.after(pod.lives, lambda: self._delete(uid, pod))

    def _bound(self, uid: str, pod: PlannedPod) -> None:
        if pod.fate is Fate.STAYS:
            del self._open[uid]
        elif pod.fate in (Fate.IS_DELETED, Fate.IS_CREATED_AGAIN):
            self._timers.after(pod.lives, lambda: self._delete(uid, pod))
        elif pod.fate is not Fate.IS_DELETED_AT_ONCE:
            self._timers.after(pod.lives, lambda: self._finish(uid, pod))

    def _finished(self, uid: str, pod: PlannedPod) -> None:
        if pod.fate is Fate.FINISHES:
            del self._open[uid]
        elif pod.fate is Fate.FINISHES_AND_IS_DELETED:
            self._timers.after(1.0, lambda: self._delete(uid, pod))

    def _gone(self, uid: str, pod: PlannedPod) -> None:
        del self._open[uid]
        if pod.fate is Fate.IS_CREATED_AGAIN:
            self._to_arrive += 1
            self._served(lambda: self._create(replace(pod, fate=Fate.FINISHES, lives=1.0)))

    def _finish(self, uid: str, pod: PlannedPod) -> None:
        def act() -> None:
            present = self._present(uid, pod)
            # Containers that are being stopped end as their kubelet says.
            if present is None or "deletionTimestamp" in present["metadata"]:
                return
            # A kubelet that is away says nothing.
            if self._downtime.is_down(kubelet_down(present["spec"]["nodeName"])):
                self._timers.after(_RETRY_SECONDS, lambda: self._finish(uid, pod))
            else:
                _unless_gone(lambda: self._kubernetes.set_pod_phase("default", pod.name, pod.phase))

        self._served(act)

    def _delete(self, uid: str, pod: PlannedPod) -> None:
        def act() -> None:
            if self._present(uid, pod) is not None:
                _unless_gone(lambda: self._kubernetes.delete_pod("default", pod.name))

        self._served(act)

    def _present(self, uid: str, pod: PlannedPod) -> dict[str, Any] | None:
        present = self._kubernetes.pod("default", pod.name)
        return present if present is not None and present["metadata"]["uid"] == uid else None


def _unless_gone(call: Callable[[], object]) -> None:
    """Does it, unless the pod's kubelet was faster by a hair."""
    try:
        call()
    except APIError as error:
        if error.code != 404:
            raise
