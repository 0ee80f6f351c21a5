"""A certificate authority of the simulator's own, through the openssl command."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterable
from pathlib import Path


class CertificateAuthority:
    """Makes the server's certificate and those of clients, in a directory that the caller owns."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.certificate = directory / "ca.crt"
        self._key = directory / "ca.key"
        self._issued = 0
        if not self.certificate.exists():
            self._openssl("req", "-x509", *_NEW_KEY, "-keyout", self._key, "-out", self.certificate,
                          "-days", "3650", "-subj", "/CN=kubernetes-simulator-ca")

    def server_context(self) -> ssl.SSLContext:
        """TLS for the server: client certificates are welcome, not demanded."""
        certificate, key = self.issue("/CN=kube-apiserver", "IP:127.0.0.1,IP:::1,DNS:localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(self.certificate)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.set_alpn_protocols(["http/1.1"])
        return context

    def client(self, user: str, groups: Iterable[str] = ()) -> tuple[Path, Path]:
        """Certificate and key files of a user, whose groups are organizations."""
        return self.issue("".join(f"/O={group}" for group in groups) + f"/CN={user}", None)

    def issue(self, subject: str, alternative_names: str | None) -> tuple[Path, Path]:
        self._issued += 1
        stem = self._directory / f"issued-{self._issued}"
        certificate, key, request = (stem.with_suffix(suffix) for suffix in (".crt", ".key", ".csr"))
        self._openssl("req", *_NEW_KEY, "-keyout", key, "-out", request, "-subj", subject)
        extensions: list[str | Path] = []
        if alternative_names:
            extension_file = stem.with_suffix(".ext")
            extension_file.write_text(f"subjectAltName={alternative_names}\n")
            extensions = ["-extfile", extension_file]
        self._openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key,
                      "-CAcreateserial", "-out", certificate, "-days", "3650", *extensions)
        return certificate, key

    def _openssl(self, *arguments: str | Path) -> None:
        result = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise RuntimeError(f"openssl {arguments[0]}: {result.stderr.strip()}")


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
