"""Fixtures for tests of the PBS hooks."""
import json
import socket
import threading
from pathlib import Path
from typing import Callable, Iterator, List

import pytest

from hooks.execution_host import ExecutionHost
from hooks.kubernetes_node import KUBELETS, Node
from simulators.kubernetes import KubernetesSimulator


@pytest.fixture
def host(tmp_path: Path) -> ExecutionHost:
    """An execution host named node1, without a kubelet."""
    return ExecutionHost(tmp_path / "node1")


@pytest.fixture(params=["1.20", "1.36"])
def kubernetes(request: pytest.FixtureRequest) -> Iterator[KubernetesSimulator]:
    """A Kubernetes API of either release, over TLS."""
    with KubernetesSimulator(request.param, tls=True, tokens=KUBELETS) as simulator:
        simulator.create_node("node1", cpu="4", memory="8Gi")
        yield simulator


@pytest.fixture
def node(tmp_path: Path, kubernetes: KubernetesSimulator) -> Node:
    """node1, an execution host and a node of that Kubernetes: four CPUs and eight gibibytes."""
    return Node(tmp_path / "node1", kubernetes)


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Callable[[bytes], str]]:
    """A function that starts a server which answers every request with these octets, and returns
    a kubeconfig for it."""
    listeners: List[socket.socket] = []
    threads: List[threading.Thread] = []

    def serve(listener: socket.socket, body: bytes) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # the test is over
            with connection:
                connection.settimeout(10)
                try:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body))
                    connection.sendall(body)
                except OSError:
                    continue  # the client has heard enough

    def start(body: bytes) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threads.append(threading.Thread(target=serve, args=(listener, body)))
        threads[-1].start()
        kubeconfig = tmp_path / "answering.conf"
        kubeconfig.write_text(json.dumps({
            "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:%d" % listener.getsockname()[1]}}],
            "users": [{"name": "u", "user": {}}], "current-context": "x",
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}]}))
        return str(kubeconfig)

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join()
