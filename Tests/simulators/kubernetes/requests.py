"""A request, and what the API server reads from its method and path (apiserver/pkg/endpoints/request)."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from .selector import exact_field

# Requests that the log keeps; the counters count all.
LOG_SIZE = 200_000


@dataclass
class Request:
    """One HTTP request; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    path: str = field(init=False)
    query: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.target)
        self.path = unquote(parts.path)
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() in ("true", "1")


@dataclass(frozen=True)
class RequestInfo:
    """The verb and the object of a request, in the words of RBAC; resource is empty for other paths."""

    verb: str
    path: str
    group: str = ""
    version: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def resource_and_subresource(self) -> str:
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def read(request: Request) -> RequestInfo:
    """The RequestInfo of a request."""
    verb = _VERBS.get(request.method, request.method.lower())
    parts = [part for part in request.path.split("/") if part]
    if len(parts) >= 3 and parts[0] == "api":
        group, version, rest = "", parts[1], parts[2:]
    elif len(parts) >= 4 and parts[0] == "apis":
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return RequestInfo(request.method.lower() if verb != "get" else "get", request.path)
    namespace = ""
    if rest[0] == "namespaces" and len(rest) >= 2:
        namespace = rest[1]
        if len(rest) >= 3 and rest[2] not in ("status", "finalize"):
            rest = rest[2:]
    resource = rest[0]
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    if not name:
        if verb == "get":
            verb = "watch" if request.flag("watch") else "list"
        elif verb == "delete":
            verb = "deletecollection"
        if verb in ("list", "watch", "deletecollection"):
            # RBAC by resourceNames also holds for a list or watch of exactly one name.
            name = exact_field(request.query.get("fieldSelector", ""), "metadata.name") or ""
    return RequestInfo(verb, request.path, group, version, resource, namespace, name, subresource)


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One answered request. `monotonic` is in seconds; `status` is 0 where the connection was reset instead."""

    monotonic: float
    user: str
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    method: str
    target: str
    status: int
    user_agent: str


class RequestLog:
    """The last requests, and a counter of all by (user, verb, group, resource, subresource)."""

    def __init__(self) -> None:
        self.entries: deque[LoggedRequest] = deque(maxlen=LOG_SIZE)
        self.counts: Counter[tuple[str, str, str, str, str]] = Counter()

    def append(self, entry: LoggedRequest) -> None:
        self.entries.append(entry)
        self.counts[entry.user, entry.verb, entry.group, entry.resource, entry.subresource] += 1

    def __len__(self) -> int:
        return sum(self.counts.values())
