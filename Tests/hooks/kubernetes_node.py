"""An execution host that is a node of the simulated Kubernetes, with its kubelet's credential."""
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from hooks.execution_host import ExecutionHost, pods_job
from hooks.pbs_stand_in import Job
from simulators.kubernetes import Fault, KubernetesSimulator, Status

KUBELETS = {"node%d-token" % n: ("system:node:node%d" % n, ["system:nodes"]) for n in (1, 2)}


class Before(Fault):
    """No fault: something else happens just before the server processes matching requests."""

    def __init__(self, match: str, action: Callable[[], Any]) -> None:
        """`match` is a regular expression for "METHOD /path?query"."""
        super().__init__(match, Status(500))
        self.happen = action

    def matches(self, line: str) -> bool:
        """Let the request through, after the action."""
        if self._pattern.search(line) is not None:
            self.happen()
        return False


class Node(ExecutionHost):
    """node1, PBS's and Kubernetes' name of it."""

    def __init__(self, directory: Path, kubernetes: KubernetesSimulator, **credential: Any) -> None:
        """`credential` is that of the kubeconfig: a token, or a user for a client certificate."""
        super().__init__(directory)
        self.kubernetes = kubernetes
        self.kubeconfig = directory / "kubelet.conf"
        kubernetes.write_kubeconfig(self.kubeconfig, **(credential or {"token": "node1-token"}))
        self.configure(kubeconfig=str(self.kubeconfig))

    def pod(self, name: str = "redis", namespace: str = "default", phase: str = "Running", node: Optional[str] = "node1",
            annotations: Optional[Dict[str, str]] = None, **spec: Any) -> Dict[str, Any]:
        """Create a pod, bound to this node unless another or None is given, for 6.pbsserver
        unless `annotations` say otherwise."""
        spec = dict({"containers": [{"name": "c", "image": "redis"}], "schedulerName": "pbs"}, **spec)
        if annotations is None and node is not None:
            annotations = {"pbs-connector/job-id": "6.pbsserver"}
        if node is not None:
            spec["nodeName"] = node
        metadata = {"name": name, "namespace": namespace, "annotations": annotations or {}}
        pod = self.kubernetes.create_pod({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        if phase != "Pending":
            self.kubernetes.set_pod_phase(namespace, name, phase)
        return pod

    def job_of(self, pod: Dict[str, Any], id: str = "6.pbsserver", **attributes: Any) -> Job:
        """The job that pbs-broker submitted for a pod."""
        metadata = pod["metadata"]
        return pods_job(id, metadata["uid"], metadata["name"], metadata["namespace"], **attributes)

    def deletes(self) -> List[int]:
        """The statuses of all DELETE requests that came from hooks."""
        return [entry.status for entry in self.kubernetes.requests.entries
                if entry.method == "DELETE" and entry.user in ("system:node:node1", "system:node:node2")]

    def asked(self) -> List[str]:
        """Method and path of each request that came from hooks."""
        return ["%s %s" % (entry.method, entry.target) for entry in self.kubernetes.requests.entries]
