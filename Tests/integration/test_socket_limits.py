"""What one peer of a socket may take, however often and however long it tries, and who may serve one (docs/protocol.md)."""

from __future__ import annotations

import os
import resource
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Callable

import pytest

from integration.connector import RunningProcess
from integration.peer import Peer, frame
from integration.site import Site
from integration.test_hints import hint, run, send, slow
from integration.test_sockets import NOBODY, Server

__all__ = ["slow"]  # A fixture.

pytestmark = pytest.mark.simulated_pbs("which PBS there is plays no part on the sockets")

CONNECTIONS_OF_A_USER = 64
FRAME_TIME = 10.0  # seconds
HINT_LIMIT = 1024  # octets
RESERVE = 16  # a quarter of the descriptors in these tests
DESCRIPTORS = 64


@pytest.fixture(params=["kube-watcher", "pbs-broker"])
def server(request: pytest.FixtureRequest, site: Site) -> Server:
    return Server(site, request.param)


def connected(path: Path) -> socket.socket:
    """A connection that says nothing."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(5)
    connection.connect(str(path))
    return connection


def is_served(connection: socket.socket) -> bool:
    """Whether the server's hello comes; not so where the connection is closed at once."""
    try:
        return connection.recv(64) != b""
    except ConnectionResetError:
        return False


def lines_of(process: RunningProcess, words: str) -> list[str]:
    return [line for line in process.lines if words in line]


def descriptors(process: RunningProcess) -> int:
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def wait_for_descriptors(process: RunningProcess, count: int) -> None:
    """Until it has noticed that connections have ended."""
    deadline = time.monotonic() + 10
    while descriptors(process) > count:
        assert time.monotonic() < deadline, f"{descriptors(process)} descriptors, not {count}"
        time.sleep(0.01)


def limit_descriptors(process: RunningProcess, count: int) -> None:
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (count, count))


def test_a_user_has_so_many_connections_and_one_line_says_so(server: Server) -> None:
    before = descriptors(server.process)
    with ExitStack() as stack:
        served = [is_served(stack.enter_context(connected(server.path))) for _ in range(200)]
        # pbs-broker is one of kube-watcher's.
        assert CONNECTIONS_OF_A_USER - 2 <= sum(served) <= CONNECTIONS_OF_A_USER
        assert not any(served[CONNECTIONS_OF_A_USER:])
        assert len(lines_of(server.process, "may not connect: there are")) == 1
    wait_for_descriptors(server.process, before)
    server.serves()


def test_connections_without_end_leave_descriptors_for_pbs_and_few_lines(bare_site: Site) -> None:
    site = bare_site
    broker = site.connector.start_process("pbs-broker")
    site.connector.start_process("kube-watcher")
    broker.wait_for_log("kube-watcher has told all")
    limit_descriptors(broker, DESCRIPTORS)
    # Connections that wait in the kernel hold none of the broker's descriptors.
    with ExitStack() as stack:
        for path in (site.connector.socket("pbs-broker"), site.connector.hints_socket()):
            for _ in range(CONNECTIONS_OF_A_USER):
                stack.enter_context(connected(path))
        broker.wait_for_log("the others are kept for other work; connections have to wait")
        assert descriptors(broker) <= DESCRIPTORS - RESERVE
        # Pods get their jobs meanwhile.
        pod = site.create("meanwhile")
        site.wait_jobs(pod["metadata"]["uid"], 1)
        lines = len(broker.lines)
        time.sleep(3)  # Three attempts to accept, of which none is to be seen.
        assert len(lines_of(broker, "have to wait")) <= 2, "one for each socket"
        assert len(broker.lines) - lines < 100
    # Those that waited are served when there is room again.
    with connected(site.connector.socket("pbs-broker")) as connection:
        assert is_served(connection)


def test_half_a_frame_has_its_time(server: Server) -> None:
    with server.connect() as peer, server.connect() as bystander:
        began = time.monotonic()
        peer.socket.sendall(b"1000000 " + b"x" * 1000)
        peer.until_closed(FRAME_TIME + 5)
        assert time.monotonic() - began > FRAME_TIME - 1
        server.process.wait_for_log("a frame is not whole 10.0 s after its first octet")
        bystander.until("synced")
    server.serves()


def test_half_frames_take_little_memory(server: Server) -> None:
    before = server.memory()
    with ExitStack() as stack:
        for _ in range(CONNECTIONS_OF_A_USER - 4):
            connection = stack.enter_context(connected(server.path))
            assert is_served(connection)
            connection.sendall(b"4194304 ")
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                for _ in range(64):
                    connection.sendall(b"x" * 65536)
                    time.sleep(0.001)
        assert server.memory() - before < 16 * 1024
    server.serves()


def test_a_long_hint_ends_its_connection_and_harms_no_other(slow: Site) -> None:
    job_id = run(slow)
    broker = slow.connector["pbs-broker"]
    send(slow, frame({"type": "hint", "job": "1" * HINT_LIMIT}))
    broker.wait_for_log(f"octets is over the limit of {HINT_LIMIT}")
    hint(slow, job_id)
    slow.wait_bound("waits", timeout=5)


def test_a_connection_to_the_hint_socket_lasts_seconds(slow: Site) -> None:
    broker = slow.connector["pbs-broker"]
    connection = connected(slow.connector.hints_socket())
    with connection:
        began = time.monotonic()
        connection.settimeout(60)
        # Whole frames all the time do not make it longer.
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            while time.monotonic() - began < 60:
                connection.sendall(frame({"type": "hint", "job": "999.pbsserver"}))
                time.sleep(0.2)
        assert time.monotonic() - began > 9
    broker.wait_for_log("still open after 10.0 s")


def test_hints_in_thousands_are_few_lines(slow: Site) -> None:
    job_id = run(slow)
    broker = slow.connector["pbs-broker"]
    lines, looks = len(broker.lines), slow.pbs.served.get("qstat", 0)
    for first in range(0, 100_000, 1000):
        send(slow, b"".join(frame({"type": "hint", "job": f"{number}.pbsserver"}) for number in range(first, first + 1000)))
    for _ in range(2000):
        send(slow, b"1 \n")
    hint(slow, job_id)
    slow.wait_bound("waits", timeout=30)
    assert len(broker.lines) - lines < 200
    assert slow.pbs.served["qstat"] - looks < 50


def test_refused_peers_are_one_line(site: Site) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    watcher = site.connector.start_process("kube-watcher")
    watcher.wait_for_log("pods of scheduler pbs listed")
    path = site.connector.socket("kube-watcher")
    path.parent.chmod(0o755)
    path.chmod(0o666)

    def connect() -> None:
        for _ in range(5000):
            # Without a timeout: it waits where the listener's queue is full.
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.connect(str(path))

    in_child_of(NOBODY, connect)
    watcher.wait_for_log(f"user {NOBODY} (process ")
    with connected(path) as connection:
        assert is_served(connection)
    assert len(lines_of(watcher, "may not connect")) == 1


def in_child_of(user: int, action: Callable[[], None]) -> None:
    """Do something in a process of this user."""
    # A fork without a new program: the interpreter may lie where that user cannot reach it.
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            action()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status == 0, f"user {user} could not do it"


@pytest.mark.parametrize("program", ["pbs-broker", "binder"])
def test_a_server_of_another_user_is_told_nothing(site: Site, program: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    name = {"pbs-broker": "kube-watcher", "binder": "pbs-broker"}[program]
    path = site.connector.socket(name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        # A client sees the credentials of who called listen(2).
        in_child_of(NOBODY, listener.listen)
        client = site.connector.start_process(program)
        client.wait_for_log(f"{path}: is served by user {NOBODY} (process ")
        listener.settimeout(10)
        for _ in range(4):
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(5)
                assert connection.recv(64) == b"", "something was said"
        assert len(lines_of(client, "who is not in allowed-servers")) == 1
    # Its rightful server replaces the stale socket.
    site.connector.start(name)
    client.wait_for_log(f"{path}: connected")


@pytest.mark.parametrize("program", ["pbs-broker", "binder"])
def test_a_user_in_allowed_servers_may_serve(site: Site, program: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    path = site.connector.socket({"pbs-broker": "kube-watcher", "binder": "pbs-broker"}[program])
    text = site.connector.configuration
    section = f"{program}:\n"
    text = text if section in text else f"{text}\n{section}"
    (site.connector.directory / "config.yaml").write_text(
        text.replace(section, f"{section}  allowed-servers: [{NOBODY}]\n", 1))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        in_child_of(NOBODY, listener.listen)
        site.connector.start_process(program)
        listener.settimeout(10)
        connection, _ = listener.accept()
        with Peer(connection=connection) as peer:
            message = peer.receive()
            assert message is not None and message["role"] == program
