"""A real kube-apiserver and etcd as the Kubernetes of a run, with the rights of deploy/rbac.yaml."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from integration.connector import REPOSITORY
from real.kubernetes import VERSION
from simulators.kubernetes import Entry
from simulators.pbs.timers import Timers

from . import audit
from .api import API
from .cluster import NAMESPACE, APIFaults, Cluster
from .downtime import Downtime
from .faulting_proxy import FaultingProxy
from .lasting import Lasting
from .played_kubelets import PlayedKubelets
from .real_api import RealAPI, RecordedKubernetes
from .real_api_faults import RealAPIFaults

# Seconds that tokens hold beyond the faults' end.
_TOKEN_SECONDS = 3600
# The audit log has the time of day, all other records time.monotonic(): the difference of the two, in seconds, may
# change during a run by so much (a clock that is adjusted), not more.
_CLOCK_SECONDS = 0.05


class RealCluster(Cluster):
    """The connector reaches the server through a proxy that fails; tests ask the server itself, and etcd."""

    name = f"real Kubernetes {VERSION}"
    # Bookmarks come once a minute; a shorter silence is broken off, and costs a new watch.
    watch_silence = 20
    users = tuple(f"system:serviceaccount:{NAMESPACE}:{program}" for program in ("binder", "kube-watcher"))
    # etcd's word passes through a thread of this process, which shares one interpreter with the simulated PBS.
    record_late = 0.5

    def __init__(self, directory: Path, seed: int, seconds: float) -> None:
        self._server = RecordedKubernetes(directory)
        self._seed = seed
        self._seconds = seconds
        self._offset = _clock_offset()
        self._api: RealAPI | None = None
        self._kubelets: PlayedKubelets | None = None
        self._proxy: FaultingProxy | None = None
        self._faults: RealAPIFaults | None = None

    @property
    def api(self) -> API:
        assert self._api is not None, "begin() comes first"
        return self._api

    def begin(self, nodes: Sequence[str]) -> None:
        self._server.start()
        self._api = RealAPI(self._server, NAMESPACE)
        self._kubelets = PlayedKubelets(self._api, start_delay=0.1, stop_delay=1.0)
        self._proxy = FaultingProxy(self._server.port, self._seed)
        self._server.apply(REPOSITORY / "deploy" / "rbac.yaml")
        for node in nodes:
            self._server.create_node(node)

    def end(self) -> None:
        if self._faults is not None:
            self._faults.finish()
        self._server.close()
        if self._kubelets is not None:
            self._kubelets.close()
        if self._proxy is not None:
            self._proxy.close()
        if self._api is not None:
            self._api.close()

    def write_kubeconfig(self, path: Path, program: str) -> None:
        assert self._proxy is not None, "begin() comes first"
        token = self._server.service_account_token(NAMESPACE, program, int(self._seconds) + _TOKEN_SECONDS)
        self._server.write_kubeconfig(path, token=token)
        path.write_text(path.read_text().replace(self._server.url, f"https://127.0.0.1:{self._proxy.port}"))

    def faults(self, timers: Timers, lasting: Lasting, downtime: Downtime) -> APIFaults:
        assert self._proxy is not None, "begin() comes first"
        self._faults = RealAPIFaults(self._server, self._proxy, timers, lasting, downtime)
        return self._faults

    def check(self) -> None:
        assert self._api is not None and self._kubelets is not None
        self._api.check()
        if self._kubelets.failure is not None:
            raise RuntimeError("the kubelets have failed") from self._kubelets.failure

    def evidence(self) -> list[Entry]:
        assert self._api is not None
        offset = _clock_offset()
        if abs(offset - self._offset) > _CLOCK_SECONDS:
            raise RuntimeError(f"this machine's clock was set by {offset - self._offset:.3f} s during the run")
        record = list(self._api.record)
        by_users = audit.entries(audit.deletions(self._server.audit_logs), record, self.users, offset)
        return sorted([*record, *by_users], key=lambda entry: entry.monotonic)


def _clock_offset() -> float:
    return time.time() - time.monotonic()
