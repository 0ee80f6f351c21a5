"""A real API server that records every request (Kubernetes: "Auditing")."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from real.kubernetes import RealKubernetes

POLICY = {
    "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
    # RequestReceived comes before authorisation, ResponseStarted for watches that ResponseComplete tells of too;
    # a watch that is open when the server is killed has only the latter.
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "None", "users": ["system:apiserver"]}, {"level": "Metadata"}],
}


class AuditedKubernetes(RealKubernetes):
    """RealKubernetes with its audit log on; each request is in it before it is answered."""

    def __enter__(self) -> AuditedKubernetes:
        super().__enter__()
        return self

    @property
    def audit_log(self) -> Path:
        return self.directory / "audit.log"

    def _spawn(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        if name == "kube-apiserver":
            (self.directory / "audit-policy.json").write_text(json.dumps(POLICY))
            arguments += ("--audit-policy-file=audit-policy.json", "--audit-log-path=audit.log",
                          "--audit-log-mode=blocking")
        return super()._spawn(name, *arguments)
