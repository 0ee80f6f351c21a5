"""A bare HTTP client for the Kubernetes API, which shows what is on the wire."""

from __future__ import annotations

import http.client
import json
import select
from dataclasses import dataclass
from typing import Any, Protocol

TIMEOUT = 20.0  # seconds


class Listening(Protocol):
    """Something that serves on a port of this host: a simulator."""

    port: int


@dataclass(frozen=True)
class Answer:
    """One answer: status, reason phrase, headers and body."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """The text of a Status."""
        return str(self.json["message"])


def request(simulator: Listening, method: str, path: str, body: Any = None,
            content_type: str = "application/json", token: str | None = None, **headers: str) -> Answer:
    """One request on a connection of its own. A body that is not bytes is sent as JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=TIMEOUT)
    try:
        return send(connection, method, path, body, content_type, token, **headers)
    finally:
        connection.close()


def send(connection: http.client.HTTPConnection, method: str, path: str, body: Any = None,
         content_type: str = "application/json", token: str | None = None, **headers: str) -> Answer:
    """One request on a kept connection."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        given["Authorization"] = f"Bearer {token}"
    data: bytes | None = None
    if body is not None:
        given["Content-Type"] = content_type
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request(method, path, data, given)
    found = connection.getresponse()
    return Answer(found.status, found.reason, dict(found.getheaders()), found.read())


class Watcher:
    """An open watch, read line by line."""

    def __init__(self, simulator: Listening, path: str, token: str | None = None,
                 **headers: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", simulator.port, timeout=TIMEOUT)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        self._connection.request("GET", path, headers=given)
        self.response = self._connection.getresponse()

    def next(self) -> dict[str, Any] | None:
        """The next event, or None at the end of the watch."""
        line = self.response.readline()
        if not line:
            return None
        event: dict[str, Any] = json.loads(line)
        return event

    def names(self, count: int) -> list[tuple[str, str]]:
        """Type and object name of the next events."""
        events = [self.next() for _ in range(count)]
        return [(event["type"], event["object"]["metadata"]["name"]) for event in events if event is not None]

    def stays_silent(self, seconds: float) -> bool:
        """Whether nothing comes for that long, and the watch does not end either."""
        readable, _, _ = select.select([self._connection.sock], [], [], seconds)
        return not readable

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
