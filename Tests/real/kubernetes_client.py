"""A small client of the Kubernetes API over kept-alive TLS connections."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator
from urllib.parse import urlencode, urlsplit

# kube-apiserver closes a connection that was idle for 90 s (its IdleTimeout); a
# request that meets that close fails without a sign whether it was processed.
IDLE_SECONDS = 60.0


class KubernetesError(Exception):
    """An answer with status 400 or above; `message` and `reason` are those of its Status object."""

    def __init__(self, method: str, path: str, answer: Answer) -> None:
        try:
            status = json.loads(answer.body)
        except ValueError:
            status = {"message": answer.body.decode(errors="replace")}
        self.status: int = answer.status
        self.message: str = status.get("message", "")
        self.reason: str = status.get("reason", "")
        super().__init__(f"{method} {path}: {self.status} {self.message}")


@dataclass(frozen=True)
class Answer:
    """An HTTP answer as it came."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes


class Stream:
    """An answer that is read line by line as it comes, on a connection of its own."""

    def __init__(self, connection: http.client.HTTPSConnection, path: str, headers: dict[str, str]) -> None:
        self._connection = connection
        try:
            connection.request("GET", path, headers=headers)
            self._response = connection.getresponse()
            self.status, self.reason = self._response.status, self._response.reason
            self.headers = dict(self._response.getheaders())
            if self.status >= 400:
                raise KubernetesError("GET", path, Answer(self.status, self.reason, self.headers, self._response.read()))
        except BaseException:
            connection.close()
            raise

    def __iter__(self) -> Iterator[bytes]:
        while line := self._response.readline():
            yield line

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


class _Connections(threading.local):
    """One connection a thread, so that threads never wait for each other."""

    connection: http.client.HTTPSConnection | None = None
    epoch: int = 0
    last_used: float = 0.0


class KubernetesClient:
    """Talks to one API server as one user; may be used by several threads."""

    def __init__(self, url: str, ca_file: Path, token: str | None = None, timeout: float = 30.0) -> None:
        """`timeout` is in seconds and holds for each wait on the socket, not for a whole answer."""
        parts = urlsplit(url)
        assert parts.hostname is not None and parts.port is not None, url
        self._host, self._port, self._timeout = parts.hostname, parts.port, timeout
        self._tls = ssl.create_default_context(cafile=str(ca_file))
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._local = _Connections()
        self._epoch = 0

    def forget_connections(self) -> None:
        """Has every thread open a new connection: the server that held the old ones is gone."""
        self._epoch += 1

    def request(self, method: str, path: str, body: bytes | None = None,
                content_type: str = "application/json", headers: dict[str, str] | None = None) -> Answer:
        """Sends one request and returns its answer, whatever the status."""
        local = self._local
        stale = local.epoch != self._epoch or time.monotonic() - local.last_used > IDLE_SECONDS
        if local.connection is not None and stale:
            local.connection.close()
            local.connection = None
        if local.connection is None:
            local.connection, local.epoch = self._connect(self._timeout), self._epoch
        try:
            local.connection.request(method, path, body, self._all_headers(body, content_type, headers))
            response = local.connection.getresponse()
            answer = Answer(response.status, response.reason, dict(response.getheaders()), response.read())
        except BaseException:
            local.connection.close()
            local.connection = None
            raise
        local.last_used = time.monotonic()
        return answer

    def json(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        """Sends `body` as JSON and returns the answer's object; raises KubernetesError for 400 and above."""
        answer = self.request(method, path, None if body is None else json.dumps(body).encode(), content_type)
        if answer.status >= 400:
            raise KubernetesError(method, path, answer)
        # An API server passes on octets that are no UTF-8 in keys of managedFields.
        return json.loads(answer.body.decode(errors="replace"))

    def watch(self, path: str, **parameters: str) -> Iterator[dict[str, Any]]:
        """Yields the events of a watch ({"type": ..., "object": ...}) until the server ends it.

        `parameters` are those of the API: resourceVersion, fieldSelector, timeoutSeconds ...
        """
        for line in self.watch_lines(path, {}, **parameters):
            yield json.loads(line.decode(errors="replace"))

    def watch_lines(self, path: str, headers: dict[str, str], **parameters: str) -> Iterator[bytes]:
        """Yields the events of a watch as they come, one line each, over a connection of their own."""
        query = urlencode({"watch": "true", **parameters})
        with closing(self.open(f"{path}?{query}", headers)) as stream:
            yield from stream

    def open(self, path: str, headers: dict[str, str] | None = None) -> Stream:
        """Sends a GET and returns when its answer has begun: a watch is then in force. The caller closes it."""
        return Stream(self._connect(None), path, self._all_headers(None, "", headers))

    def _connect(self, timeout: float | None) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=self._tls)

    def _all_headers(self, body: bytes | None, content_type: str, headers: dict[str, str] | None) -> dict[str, str]:
        own = {"Content-Type": content_type} if body is not None else {}
        return {**self._headers, **own, **(headers or {})}
