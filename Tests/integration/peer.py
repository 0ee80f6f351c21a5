"""One end of a connection that speaks frames (docs/protocol.md), as well or as badly as a test wants it to."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

Message = dict[str, Any]


def frame(message: Message) -> bytes:
    """The octets of one frame: a decimal length, one space, one JSON object and a line feed."""
    text = json.dumps(message).encode() + b"\n"
    return b"%d %s" % (len(text), text)


class Peer:
    """A connection over a Unix socket: to `path`, or the one given."""

    def __init__(self, path: Path | None = None, connection: socket.socket | None = None) -> None:
        self.socket = connection or socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._buffer = b""
        if path is not None:
            self.socket.connect(str(path))

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, message: Message) -> None:
        self.socket.sendall(frame(message))

    def hello(self, role: str, instance: str = "test", protocol: int = 1) -> None:
        self.send({"type": "hello", "protocol": protocol, "role": role, "instance": instance})

    def receive(self, timeout: float = 5.0) -> Message | None:
        """The next message; None when the other side has closed. TimeoutError after so many seconds."""
        deadline = time.monotonic() + timeout
        while True:
            digits, space, rest = self._buffer.partition(b" ")
            if space and len(rest) >= int(digits):
                length = int(digits)
                assert rest[length - 1:length] == b"\n", f"no line feed at the end of a frame: {rest[:length]!r}"
                self._buffer = rest[length:]
                message: Message = json.loads(rest[:length])
                return message
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                octets = self.socket.recv(1 << 20)
            except ConnectionResetError:
                # What Linux says when the other side has closed with octets of ours unread.
                octets = b""
            finally:
                self.socket.settimeout(None)
            if not octets:
                assert not self._buffer, f"closed in the middle of a frame: {self._buffer[:100]!r}"
                return None
            self._buffer += octets

    def until(self, kind: str, timeout: float = 5.0) -> list[Message]:
        """The messages up to the first one of this type, which is the last of them."""
        messages: list[Message] = []
        deadline = time.monotonic() + timeout
        while not messages or messages[-1]["type"] != kind:
            message = self.receive(max(deadline - time.monotonic(), 0.001))
            assert message is not None, f"closed before {kind}; before that: {messages}"
            if message["type"] == "ping":
                self.send({"type": "pong"})
            messages.append(message)
        return messages

    def until_closed(self, timeout: float = 5.0) -> list[Message]:
        """All messages up to the end of the connection. Pings are not answered."""
        messages: list[Message] = []
        deadline = time.monotonic() + timeout
        while (message := self.receive(max(deadline - time.monotonic(), 0.001))) is not None:
            messages.append(message)
        return messages
