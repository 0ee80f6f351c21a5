"""The API server, as kubectl shows it to an administrator or to an account of the connector."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Sequence

from .commands import NO_PROGRAM, NOT_TO_BE_RUN, Answer, Failed, Site

NAMESPACE = "pbs-connector"
# What tells whether an account's credential works: a right that it has, and no other account of ours.
OWN_RIGHT = {"kube-watcher": ("watch", "pods"), "binder": ("create", "pods/binding")}
ACCOUNTS = tuple(OWN_RIGHT)


@dataclass
class Kubectl:
    """kubectl with one kubeconfig; None is kubectl's own choice."""

    site: Site
    program: str
    kubeconfig: Optional[Path]

    def command(self, *arguments: str) -> list[str]:
        chosen = ["--kubeconfig", str(self.kubeconfig)] if self.kubeconfig else []
        return [self.program, *chosen, "--request-timeout=20s", *arguments]

    def look(self, *arguments: str, given: Optional[str] = None) -> Answer:
        return self.site.look(self.command(*arguments), given)

    def do(self, *arguments: str, given: Optional[str] = None) -> Optional[str]:
        return self.site.do(self.command(*arguments), given)

    def said(self, *arguments: str) -> str:
        """What a question is answered; Failed where it is not."""
        answer = self.look(*arguments)
        if answer.status != 0:
            raise Failed(answer.words)
        return answer.output

    def cluster(self) -> dict[str, Any]:
        """Of the kubeconfig's current context: the server, and how it is trusted."""
        if self.kubeconfig and not self.kubeconfig.exists():
            raise Failed("the administrator's kubeconfig %s is not there (--admin-kubeconfig)" % self.kubeconfig)
        answer = self.look("config", "view", "--raw", "--minify", "--flatten", "-o", "json")
        if answer.status in (NO_PROGRAM, NOT_TO_BE_RUN):
            raise Failed("%s (--kubectl)" % answer.words)
        clusters = json.loads(answer.output).get("clusters") if answer.status == 0 else None
        if not clusters:
            raise Failed("no administrator's kubeconfig with a current context: --admin-kubeconfig FILE, or KUBECONFIG in the "
                         "environment%s" % ("" if answer.status == 0 else " (kubectl: %s)" % answer.words))
        return dict(clusters[0]["cluster"])

    def may(self, verb: str, resource: str) -> Answer:
        """Whether the credential has a right in all namespaces: status 0 and "yes"."""
        resource, _, subresource = resource.partition("/")
        extra = ["--subresource=" + subresource] if subresource else []
        return self.look("auth", "can-i", verb, resource, "--all-namespaces", *extra)

    def works_for(self, account: str) -> Optional[str]:
        """None where the credential is this account's and the server takes it; else why not."""
        answer = self.may(*OWN_RIGHT[account])
        if answer.output.strip().splitlines()[-1:] == ["yes"]:
            return None
        return answer.words if answer.error.strip() else "it may not %s %s" % OWN_RIGHT[account]

    def request_token(self, account: str, seconds: int) -> Optional[str]:
        """A token of a service account (TokenRequest); kubectl of any release can ask for it so."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": seconds}}
        path = "/api/v1/namespaces/%s/serviceaccounts/%s/token" % (NAMESPACE, account)
        answer = self.do("create", "--raw", path, "-f", "-", given=json.dumps(body))
        return None if answer is None else str(json.loads(answer)["status"]["token"])

    def sign(self, name: str, request: str, seconds: Optional[int]) -> Optional[str]:
        """A client certificate for a request (CertificateSigningRequest), approved by this administrator."""
        spec: dict[str, Any] = {"request": base64.b64encode(request.encode()).decode(), "usages": ["client auth"],
                                "signerName": "kubernetes.io/kube-apiserver-client"}
        if seconds is not None:
            spec["expirationSeconds"] = seconds
        body = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
                "metadata": {"name": name}, "spec": spec}
        self.do("create", "-f", "-", given=json.dumps(body))
        self.do("certificate", "approve", name)
        if self.site.dry_run:
            return None
        try:
            return self._issued(name)
        finally:
            self.do("delete", "certificatesigningrequest", name)

    def _issued(self, name: str) -> str:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            status = json.loads(self.said("get", "certificatesigningrequest", name, "-o", "json")).get("status", {})
            if status.get("certificate"):
                return base64.b64decode(status["certificate"]).decode()
            refused = [each for each in status.get("conditions", []) if each["type"] in ("Denied", "Failed")]
            if refused:
                raise Failed("certificate %s: %s" % (refused[0]["type"].lower(), refused[0].get("message", "")))
            time.sleep(1)
        raise Failed("nobody has signed certificate request %s within 60 s: does kube-controller-manager sign?" % name)


def documents(text: str) -> int:
    """How many objects a manifest of ours has; only comments stand before its first."""
    return len(text.split("\n---\n"))


def apply(kubectl: Kubectl, path: Path) -> None:
    """Bring the cluster to have what a file says; tell what was missing or different."""
    kubectl.cluster()  # without one, kubectl's words are about a server that nobody meant
    names = kubectl.look("get", "-f", str(path), "--ignore-not-found", "-o", "name")
    if names.status != 0:
        raise Failed("%s: %s" % (path, names.words))
    wanted = documents(path.read_text(encoding="utf-8"))
    present = len(names.output.split())
    if present == wanted:
        different = kubectl.look("diff", "-f", str(path))
        if different.status == 0:
            return kubectl.site.tell("%s: all %d objects are there" % (path, present))
        if different.status != 1:
            raise Failed("%s: %s" % (path, different.words))
        kubectl.site.tell("%s: objects differ" % path)
    else:
        kubectl.site.tell("%s: %d of %d objects are there" % (path, present, wanted))
    done = kubectl.do("apply", "-f", str(path))
    if done is not None:
        kubectl.site.tell("applied")


def has_policies(kubectl: Kubectl) -> bool:
    """Whether the server knows ValidatingAdmissionPolicies (Kubernetes 1.30)."""
    path = "/apis/admissionregistration.k8s.io/v1"
    resources: Sequence[dict[str, Any]] = json.loads(kubectl.said("get", "--raw", path))["resources"]
    return any(each["name"] == "validatingadmissionpolicies" for each in resources)
