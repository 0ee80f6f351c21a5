"""A real API server under the admission policies and the rights of deploy/."""

from __future__ import annotations

import functools
import subprocess
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

import pytest

from deploy.admission_cases import JOB
from deploy.admission_policies import Policies
from deploy.manifests import read_documents
from deploy.policy_webhook import PolicyWebhook
from integration.connector import REPOSITORY
from integration.site import pod_manifest
from real.kubernetes import RealKubernetes, find_program
from real.kubernetes_client import KubernetesClient, KubernetesError

Object = dict[str, Any]

FILE = REPOSITORY / "deploy" / "admission-policies.yaml"
POLICIES = Policies(FILE)
ACCOUNTS = {"binder": "pbs-connector", "alice": "project", "job-controller": "kube-system"}
# A user who may do all in her namespace, and a controller of Kubernetes, beside the accounts of rbac.yaml.
USERS = """
apiVersion: v1
kind: Namespace
metadata: {name: project}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: alice, namespace: project}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: job-controller, namespace: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: alice, namespace: project}
rules:
- {apiGroups: [""], resources: ["*"], verbs: ["*"]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: alice, namespace: project}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: alice}
subjects:
- {kind: ServiceAccount, name: alice, namespace: project}
"""


@dataclass
class Guarded:
    """A server under the policies, and a client for each user of the cases."""

    server: RealKubernetes
    clients: dict[str, KubernetesClient]

    def create(self, name: str, namespace: str = "project", scheduler: str = "pbs", node: str = "", **metadata: Any) -> Object:
        """A pod, made by the server's administrator; bound there with JOB if a node is given."""
        manifest = pod_manifest(name, namespace=namespace, scheduler=scheduler)
        manifest["metadata"] |= metadata
        self.server.create_pod(manifest)
        if node:
            self.clients["binder"].json("POST", f"{path(name, namespace)}/binding", binding(name))
        pod = self.server.pod(namespace, name)
        assert pod is not None
        return pod

    def refused(self, user: str, policy: str, *request: Any) -> None:
        """The request must fail, by this policy and with reason Forbidden."""
        with pytest.raises(KubernetesError) as failure:
            self.clients[user].json(*request)
        assert f"ValidatingAdmissionPolicy 'pbs-connector-{policy}'" in failure.value.message
        assert (failure.value.status, failure.value.reason) == (403, "Forbidden")


def path(name: str, namespace: str = "project") -> str:
    return f"/api/v1/namespaces/{namespace}/pods/{name}"


def binding(name: str, annotations: Object | None = None, **metadata: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Binding", "target": {"kind": "Node", "name": "node1"},
            "metadata": {"name": name, "annotations": JOB if annotations is None else annotations, **metadata}}


def event(name: str, component: str = "pbs-connector", kind: str = "Pod", namespace: str = "project") -> Object:
    return {"apiVersion": "v1", "kind": "Event", "metadata": {"name": f"{name}.1", "namespace": namespace},
            "involvedObject": {"apiVersion": "v1", "kind": kind, "namespace": namespace, "name": name, "uid": "1-2-3"},
            "reason": "Test", "message": "a test", "type": "Normal", "source": {"component": component},
            "reportingComponent": component, "reportingInstance": "test"}


def events(namespace: str = "project") -> str:
    return f"/api/v1/namespaces/{namespace}/events"


@functools.cache
def missing_judge() -> str | None:
    """Why the server of this machine cannot evaluate policies itself, in one line; None when it can.

    Its help names the admission plugins that it has.
    """
    program = find_program("kube-apiserver")
    assert program is not None, "RealKubernetes.missing() is asked first"
    text = subprocess.run([program, "--help"], check=True, capture_output=True, text=True, timeout=60).stdout
    if "ValidatingAdmissionPolicy" in text:
        return None
    return "this kube-apiserver has no ValidatingAdmissionPolicy: that of Kubernetes 1.30 or later has"


@contextmanager
def guarded_server(folder: Path, is_judge: bool) -> Iterator[Guarded]:
    """A server whose policies are in force: judged by itself, or by a webhook that stands in for that."""
    with RealKubernetes(folder) as server, ExitStack() as stack:
        server.apply(REPOSITORY / "deploy" / "rbac.yaml")
        server.apply(REPOSITORY / "deploy" / "rbac-nodes.yaml")
        server.apply(USERS)
        for node in ("node1", "node2"):
            server.create_node(node, cpu="8")
        clients = {name: KubernetesClient(server.url, server.authority.certificate, server.service_account_token(namespace, name))
                   for name, namespace in ACCOUNTS.items()}
        guarded = Guarded(server, {**clients, "admin": server.client, "kubelet": server.client_of("node1")})
        if is_judge:
            read = [each["spec"].get("validations") for each in read_documents(FILE.read_text())]
            assert [each["spec"].get("validations") for each in server.apply(FILE)] == read, "the server reads what we read"
        else:
            stack.enter_context(PolicyWebhook(server, POLICIES))
        await_in_force(guarded)
        yield guarded


def await_in_force(guarded: Guarded) -> None:
    """Policies and webhooks are taken in after a moment, which nothing announces: try until each kind refuses."""
    deadline = time.monotonic() + 30
    pod = pod_manifest("probe", namespace="project", nodeName="node1")
    probes = [("admin", "POST", "/api/v1/namespaces/project/pods?dryRun=All", pod),
              ("admin", "POST", "/api/v1/namespaces/project/pods?dryRun=All",
               {**pod, "metadata": {"name": "probe", "annotations": JOB}, "spec": {**pod["spec"], "nodeName": ""}}),
              ("binder", "POST", f"{events('kube-system')}?dryRun=All", event("probe", namespace="kube-system"))]
    for user, *request in probes:
        while True:
            try:
                guarded.clients[user].json(*request)
            except KubernetesError as error:
                assert error.status == 403, error
                break
            assert time.monotonic() < deadline, f"not refused within 30 s: {request}"
