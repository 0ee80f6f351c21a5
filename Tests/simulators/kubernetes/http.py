"""HTTP/1.1 as far as API clients speak it: reading requests, writing answers."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus

from .api import Response
from .requests import Request

# Go's net/http sends a body without Content-Length in chunks once it is larger than its buffer;
# the recordings show it (patch-annotation.txt of both releases).
_CHUNKED_FROM = 2048
MAXIMAL_HEAD = 64 * 1024
MAXIMAL_BODY = 3 * 1024 * 1024

LAST_CHUNK = b"0\r\n\r\n"


class MalformedRequest(ValueError):
    """What the client sent is no HTTP/1.1 request that an API server would read."""


class RequestReader:
    """Collects octets into requests."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: tuple[str, str, dict[str, str]] | None = None
        self.wants_continue = False

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next(self) -> Request | None:
        """The next whole request, or None while octets are missing."""
        if self._head is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > MAXIMAL_HEAD:
                    raise MalformedRequest("request head too large")
                return None
            self._head = _head(bytes(self._buffer[:end]))
            del self._buffer[:end + 4]
            self.wants_continue = self._head[2].get("expect", "").lower() == "100-continue"
        method, target, headers = self._head
        body = self._chunked_body() if "chunked" in headers.get("transfer-encoding", "").lower() \
            else self._sized_body(headers)
        if body is None:
            return None
        self._head = None
        return Request(method, target, headers, body)

    def _sized_body(self, headers: dict[str, str]) -> bytes | None:
        text = headers.get("content-length", "0")
        if not text.isdecimal() or int(text) > MAXIMAL_BODY:
            raise MalformedRequest(f"content-length {text}")
        size = int(text)
        if len(self._buffer) < size:
            return None
        body = bytes(self._buffer[:size])
        del self._buffer[:size]
        return body

    def _chunked_body(self) -> bytes | None:
        body, place = bytearray(), 0
        while True:
            end = self._buffer.find(b"\r\n", place)
            if end < 0:
                return None
            try:
                size = int(bytes(self._buffer[place:end]).split(b";")[0], 16)
            except ValueError:
                raise MalformedRequest("chunk size") from None
            if len(body) + size > MAXIMAL_BODY:
                raise MalformedRequest("body too large")
            start = end + 2
            if len(self._buffer) < start + size + 2:
                return None
            body += self._buffer[start:start + size]
            place = start + size + 2
            if size == 0:
                del self._buffer[:place]
                return bytes(body)


def _head(data: bytes) -> tuple[str, str, dict[str, str]]:
    lines = data.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1.") or not parts[1].startswith("/"):
        raise MalformedRequest(f"request line {lines[0][:100]!r}")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise MalformedRequest(f"header line {line[:100]!r}")
        headers[name.strip().lower()] = value.strip()
    return parts[0], parts[1], headers


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def encoded(response: Response, method: str, closing: bool) -> bytes:
    """The octets of an answer."""
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}",
             "Cache-Control: no-cache, private", f"Content-Type: {response.content_type}",
             f"Date: {formatdate(usegmt=True)}"]  # by the server's clock, in whole seconds (RFC 9110)
    lines += [f"{name}: {value}" for name, value in response.headers]
    if closing:
        lines.append("Connection: close")
    body = response.body
    if len(body) > _CHUNKED_FROM:
        lines.append("Transfer-Encoding: chunked")
        body = chunk(body) + LAST_CHUNK
    else:
        lines.append(f"Content-Length: {len(body)}")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
    return head if method == "HEAD" else head + body


WATCH_HEAD = (b"HTTP/1.1 200 OK\r\nCache-Control: no-cache, private\r\nContent-Type: application/json\r\n"
              b"Transfer-Encoding: chunked\r\n\r\n")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
