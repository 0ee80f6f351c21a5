"""Certificates for a test cluster, made with the openssl command."""

from __future__ import annotations

import subprocess
from pathlib import Path

DAYS = "2"


class CertificateAuthority:
    """A CA whose files (NAME.crt, NAME.key, PEM) lie in one directory; `certificate` is its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.certificate = directory / "ca.crt"
        self._openssl("req", "-x509", "-subj", "/CN=test-ca", "-keyout", "ca.key", "-out", "ca.crt",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, name: str, subject: str, alternative_names: str | None = None) -> tuple[Path, Path]:
        """Issues a certificate and returns the paths of certificate and key.

        Kubernetes takes a client's user from CN and its groups from O of `subject`;
        `alternative_names` is in openssl's form: "IP:127.0.0.1,DNS:localhost".
        """
        extensions = ["-addext", "basicConstraints=critical,CA:FALSE"]
        if alternative_names is not None:
            extensions += ["-addext", f"subjectAltName={alternative_names}"]
        self._openssl("req", "-x509", "-CA", "ca.crt", "-CAkey", "ca.key", "-subj", subject,
                      "-keyout", f"{name}.key", "-out", f"{name}.crt", *extensions)
        return self.directory / f"{name}.crt", self.directory / f"{name}.key"

    def _openssl(self, command: str, *arguments: str) -> None:
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", DAYS]
        done = subprocess.run(["openssl", command, *key, *arguments], cwd=self.directory,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {command} {' '.join(arguments)}: {done.stderr.strip()}")
