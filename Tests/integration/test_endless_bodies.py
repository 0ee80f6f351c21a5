"""A server whose answers do not end: each is broken off at its limit, with a line in the log."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integration.connector import Connector

MIB = 1 << 20


class EndlessServer:
    """Answers each request with a head and then with one piece again and again, as far as the client reads."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.head, self.piece = b"", b""
        self.requests = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self._listening.accept()
            except OSError:
                return  # Closed.
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        with link:
            try:
                if not link.recv(65536):
                    return
                self.requests += 1
                link.sendall(self.head)
                while True:
                    link.sendall(self.piece)
            except OSError:
                return  # The client has had enough.

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.fixture
def server() -> Iterator[EndlessServer]:
    server = EndlessServer()
    yield server
    server.close()


@pytest.fixture
def start(tmp_path: Path, server: EndlessServer) -> Iterator[Callable[[str], Connector]]:
    """Starts one program with that server as its API."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps({
        "current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.port}"}}]}))
    connector = Connector(tmp_path, {"kube-watcher": kubeconfig, "binder": kubeconfig}, tmp_path)

    def begin(program: str) -> Connector:
        connector.start(program)
        return connector

    yield begin
    print(connector.logs())
    connector.close()


def head(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n\r\n".encode()


ANSWERS = {
    "a list": (head("200 OK"), b'{"metadata":{"resourceVersion":"1"},"items":[' + b" " * MIB,
               "200, with a body larger than 67108864 octets"),
    "an error": (head("500 Internal Server Error"), b"x" * 65536, "500, with a body larger than 1048576 octets"),
    "a 401": (head("401 Unauthorized"), b"x" * 65536, "401, with a body larger than 1048576 octets"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-Padding: " + b"x" * 1000 + b"\r\n", "an answer's headers are larger than"),
    "interim answers": (b"", b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n", "an answer's headers are larger than"),
}


@pytest.mark.parametrize("kind", list(ANSWERS))
@pytest.mark.parametrize("program", ["kube-watcher", "binder"])
def test_an_answer_without_an_end_is_broken_off(
        start: Callable[[str], Connector], server: EndlessServer, program: str, kind: str) -> None:
    server.head, server.piece, words = ANSWERS[kind]
    process = start(program)[program]
    assert words in process.wait_for_log(words, 30)
    process.wait_for_log("trying again in")
    assert process.is_running
    assert peak_memory(process.pid) < 350 * MIB


def peak_memory(pid: int) -> int:
    """Octets of resident memory at the highest."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.M)
    assert found is not None
    return int(found[1]) * 1024
