"""Stands in for ValidatingAdmissionPolicy on an API server that lacks the kind (before Kubernetes 1.30).

A validating webhook gets the same requests, objects and users as the server's own evaluation
of policies, so that what is refused on such a server, and in which words, is the same.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from deploy.admission_policies import Policies
from real.kubernetes import RealKubernetes

NAME = "policies.stand-in.test"


def status_of(request: dict[str, Any], policies: Policies) -> dict[str, Any] | None:
    """The Status that refuses a request, as the server itself would word it; None where nothing refuses."""
    found = policies.refusals(request)
    if not found:
        return None
    first = found[0]
    words = f"ValidatingAdmissionPolicy '{first.policy}' with binding '{first.policy}' denied request: {first.message}"
    return {"status": "Failure", "reason": first.reason, "code": 403 if first.reason == "Forbidden" else 422,
            "message": words}


class PolicyWebhook:
    """Serves while it is entered; the server asks it about all that the policies match."""

    def __init__(self, kubernetes: RealKubernetes, policies: Policies) -> None:
        self._kubernetes, self._policies = kubernetes, policies
        certificate, key = kubernetes.authority.issue("policies", "/CN=policies", "IP:127.0.0.1")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler(policies))
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True, name="policy webhook")

    def __enter__(self) -> PolicyWebhook:
        self._thread.start()
        self.register(self._server.server_address[1])
        return self

    def __exit__(self, *_: object) -> None:
        self._kubernetes.client.json("DELETE", f"{configurations()}/{NAME}")
        self._server.shutdown()
        self._server.server_close()

    def register(self, port: int) -> None:
        """Tells the server to ask this port of the loopback address."""
        authority = base64.b64encode(self._kubernetes.authority.certificate.read_bytes()).decode()
        self._kubernetes.client.json("POST", configurations(), {
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": NAME},
            "webhooks": [{
                "name": NAME, "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail",
                "rules": [rule for policy in self._policies.in_force for rule in policy.rules],
                "clientConfig": {"url": f"https://127.0.0.1:{port}/", "caBundle": authority}}]})


def configurations() -> str:
    return "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


def handler(policies: Policies) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            request = review["request"]
            status = status_of(request, policies)
            response = {"uid": request["uid"], "allowed": status is None, **({"status": status} if status else {})}
            body = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing: the tests see the answers."""

    return Handler
