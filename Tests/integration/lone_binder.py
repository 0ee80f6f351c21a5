"""A binder between a played pbs-broker and an API, without the other two processes."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

from integration.connector import Connector, RunningProcess
from integration.played_broker import PlayedBroker
from integration.site import pod_manifest


@dataclass
class LoneBinder:
    """`kubernetes` is a KubernetesSimulator or a RealKubernetes."""

    kubernetes: Any
    broker: PlayedBroker
    connector: Connector

    @property
    def process(self) -> RunningProcess:
        return self.connector["binder"]

    def create(self, name: str, **options: Any) -> dict[str, Any]:
        pod: dict[str, Any] = self.kubernetes.create_pod(pod_manifest(name, **options))
        return pod

    def pod(self, name: str) -> dict[str, Any]:
        pod = self.kubernetes.pod("default", name)
        assert pod is not None, f"no pod {name}"
        result: dict[str, Any] = pod
        return result

    def condition(self, name: str, kind: str) -> dict[str, Any] | None:
        return next((each for each in self.pod(name)["status"].get("conditions", []) if each["type"] == kind), None)

    def events_of(self, name: str) -> list[dict[str, Any]]:
        """Those of the pod that has the name now. Those of a server's own, about no object, have no UID."""
        uid = self.pod(name)["metadata"]["uid"]
        return [event for event in self.kubernetes.events("default") if event["involvedObject"].get("uid") == uid]

    def wait_event(self, name: str, reason: str) -> dict[str, Any]:
        self.kubernetes.wait(lambda _: any(event["reason"] == reason for event in self.events_of(name)), 15)
        return next(event for event in self.events_of(name) if event["reason"] == reason)

    def lines(self, text: str) -> list[str]:
        """The lines of its log that contain a text."""
        return [line for line in list(self.process.lines) if text in line]


@contextmanager
def lone_binder(kubernetes: Any, folder: Path, configuration: str = "", token: str | None = None,
                kubeconfig: Path | None = None) -> Iterator[LoneBinder]:
    """Start one. `kubeconfig` is for another credential than a token."""
    if kubeconfig is None:
        kubeconfig = folder / "kubeconfig"
        kubernetes.write_kubeconfig(kubeconfig, **({"token": token} if token else {}))
    connector = Connector(folder, {"binder": kubeconfig}, folder, configuration=configuration)
    broker = PlayedBroker(connector.socket("pbs-broker"))
    try:
        connector.start("binder")
        yield LoneBinder(kubernetes, broker, connector)
    finally:
        print(connector.logs())
        broker.close()
        connector.close()
