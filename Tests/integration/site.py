"""One site under test: its API, its PBS and its connector, and the questions that tests ask of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

from integration.connector import Connector
from integration.site_pbs import SitePBS
from simulators.kubernetes import KubernetesSimulator
from simulators.pbs import PBSSimulator

Pod = dict[str, Any]


def pod_manifest(name: str, cpu: str | None = "1", memory: str | None = "64Mi", namespace: str = "default",
                 scheduler: str | None = "pbs", **spec: Any) -> Pod:
    """A pod of one container. Further keywords become fields of its spec."""
    requests = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value is not None}
    container = {"name": "main", "image": "docker.io/lab/busybox:1", "resources": {"requests": requests} if requests else {}}
    manifest: Pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace},
                     "spec": {"containers": [container], **spec}}
    if scheduler is not None:
        manifest["spec"]["schedulerName"] = scheduler
    return manifest


@dataclass
class Site:
    """`kubernetes` is a KubernetesSimulator or a RealKubernetes: both answer alike.

    Timeouts are for a simulated PBS; `patience` is how many times longer the site's own may take.
    """

    kubernetes: Any
    pbs: PBSSimulator | SitePBS
    connector: Connector
    patience: float = 1.0

    @property
    def nodes(self) -> list[str]:
        """The nodes that are hosts of PBS."""
        return self.pbs.host_names

    @property
    def cluster(self) -> str:
        """What the cluster goes by in its jobs: the UID of the namespace kube-system."""
        path = "/api/v1/namespaces/kube-system"
        simulated = isinstance(self.kubernetes, KubernetesSimulator)
        namespace = self.kubernetes.request("GET", path) if simulated else self.kubernetes.client.json("GET", path)
        return str(namespace["metadata"]["uid"])

    def job_variables(self, uid: str, name: str) -> dict[str, str]:
        """The environment of a job that this site's broker has submitted for a pod."""
        return {"KUBERNETES_POD_UID": uid, "KUBERNETES_POD_NAME": name, "KUBERNETES_POD_NAMESPACE": "default",
                "KUBERNETES_POD_SCHEDULER": "pbs", "KUBERNETES_CLUSTER": self.cluster}

    def create(self, name: str, **options: Any) -> Pod:
        return self.kubernetes.create_pod(pod_manifest(name, **options))

    def pod(self, name: str, namespace: str = "default") -> Pod | None:
        return self.kubernetes.pod(namespace, name)

    def node_of(self, name: str) -> str | None:
        pod = self.pod(name)
        return pod["spec"].get("nodeName") if pod else None

    def job_id_of(self, name: str) -> str | None:
        """The job that the pod's annotation names."""
        pod = self.pod(name)
        return (pod["metadata"].get("annotations") or {}).get("pbs-connector/job-id") if pod else None

    def jobs_of(self, uid: str) -> list[Any]:
        """The jobs of a pod that PBS has not ended."""
        return [job for job in self.live_jobs() if job.pod_uid == uid]

    def live_jobs(self) -> list[Any]:
        return [job for job in list(self.pbs.jobs.values()) if job.live]

    def wait(self, predicate: Callable[[Any], object], timeout: float = 15.0) -> None:
        """Wait until the API shows what the predicate looks for."""
        self.kubernetes.wait(predicate, timeout * self.patience)

    def wait_bound(self, name: str, timeout: float = 15.0) -> Pod:
        """Wait until the pod is bound; return it."""
        self.wait(lambda _: self.node_of(name), timeout)
        pod = self.pod(name)
        assert pod is not None
        return pod

    def wait_gone(self, name: str, timeout: float = 15.0) -> None:
        self.wait(lambda _: self.pod(name) is None, timeout)

    def wait_jobs(self, uid: str, count: int, timeout: float = 15.0) -> list[Any]:
        """Wait until the pod has so many live jobs."""
        self.pbs.wait(lambda _: len(self.jobs_of(uid)) == count, timeout, f"{count} jobs of pod {uid}")
        return self.jobs_of(uid)

    def condition(self, name: str, kind: str) -> dict[str, Any] | None:
        pod = self.pod(name)
        conditions = (pod or {}).get("status", {}).get("conditions") or []
        return next((condition for condition in conditions if condition["type"] == kind), None)

    def wait_condition(self, name: str, kind: str, text: str, timeout: float = 15.0) -> dict[str, Any]:
        """Wait until the pod has a condition whose message contains a text."""
        def found(_: Any) -> bool:
            condition = self.condition(name, kind)
            return condition is not None and text in condition.get("message", "")

        self.wait(found, timeout)
        condition = self.condition(name, kind)
        assert condition is not None
        return condition

    def events_of(self, name: str, reason: str | None = None) -> list[dict[str, Any]]:
        return [event for event in self.kubernetes.events("default")
                if event["involvedObject"]["name"] == name and reason in (None, event["reason"])]

    def wait_event(self, name: str, reason: str, text: str = "", timeout: float = 15.0) -> dict[str, Any]:
        self.wait(lambda _: any(text in event["message"] for event in self.events_of(name, reason)), timeout)
        return next(event for event in self.events_of(name, reason) if text in event["message"])
