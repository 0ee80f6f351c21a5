"""The proxy forwards, and fails as it is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from chaos.faulting_proxy import FaultingProxy


class Echo:
    """A server that sends back what it gets."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

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
                while data := link.recv(1024):
                    link.sendall(data)
            except OSError:
                return  # Reset, as the test wants it.

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[FaultingProxy]:
    it = FaultingProxy(echo.port, seed=1)
    yield it
    it.close()


def connect(proxy: FaultingProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=10)


def exchange(link: socket.socket, data: bytes = b"hello") -> bytes:
    link.sendall(data)
    return link.recv(1024)


def test_it_forwards_both_ways(proxy: FaultingProxy) -> None:
    with connect(proxy) as link:
        assert exchange(link) == b"hello"
    assert proxy.struck == 0


def test_it_resets_connections(proxy: FaultingProxy) -> None:
    with connect(proxy) as link:
        assert exchange(link) == b"hello"
        proxy.reset_all()
        with pytest.raises(ConnectionResetError):
            link.recv(1024)
    assert proxy.struck == 1


def test_it_refuses_new_connections(proxy: FaultingProxy) -> None:
    proxy.refuses = True
    with pytest.raises(ConnectionResetError), connect(proxy) as link:
        exchange(link)
    assert proxy.struck == 1


def test_it_cuts_an_answer_in_its_middle(proxy: FaultingProxy) -> None:
    with connect(proxy) as link:
        assert exchange(link) == b"hello"
        proxy.cuts = 1.0
        link.sendall(b"hello")
        received = b""
        with pytest.raises(ConnectionResetError):
            while data := link.recv(1024):
                received += data
        # A reset may overtake what was sent before it.
        assert received in (b"", b"he")


def test_it_hangs_and_goes_on(proxy: FaultingProxy) -> None:
    with connect(proxy) as link:
        assert exchange(link) == b"hello"
        proxy.hang()
        link.sendall(b"again")
        link.settimeout(0.3)
        with pytest.raises(TimeoutError):
            link.recv(1024)
        proxy.flow()
        link.settimeout(10)
        assert link.recv(1024) == b"again"


def test_it_resets_the_clients_of_a_server_that_is_away(echo: Echo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    proxy = FaultingProxy(port, seed=1)
    try:
        with pytest.raises(ConnectionResetError), connect(proxy) as link:
            exchange(link)
    finally:
        proxy.close()
