"""What a peer may do on the sockets without harm to anybody else, each tried on both servers (docs/protocol.md)."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from integration.connector import RunningProcess
from integration.peer import Message, Peer, frame
from integration.site import Site

pytestmark = pytest.mark.simulated_pbs("which PBS there is plays no part on the sockets")

# Whose subscribers share the work, and what the one pod of these tests is told as.
CONSUMERS = {"kube-watcher": "pbs-broker", "pbs-broker": "binder"}
OBJECTS = {"kube-watcher": "pod", "pbs-broker": "bind"}
NOBODY = 65534

OVER_THE_LIMIT = (4 << 20) + 1  # octets

MALFORMED: dict[str, tuple[bytes, str]] = {
    "cut off": (b'16 {"type":', "closed in the middle of a frame"),
    "cut off in the length": (b"16", "closed in the middle of a frame"),
    "too long": (b"%d " % OVER_THE_LIMIT, "octets is over the limit"),
    "longer than any number": (b"9" * 400, "is over the limit"),
    "negative": (b'-16 {"type":"pong"}\n', "a frame's length is not a decimal number"),
    "signed": (b'+16 {"type":"pong"}\n', "a frame's length is not a decimal number"),
    "leading zeros": (b'0016 {"type":"pong"}\n', "a frame's length is not a decimal number"),
    "zero": (b"0 ", "a frame's length is not a decimal number"),
    "no length": (b' {"type":"pong"}\n', "a frame's length is not a decimal number"),
    "not our protocol": (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "a frame's length is not a decimal number"),
    "no line feed": (b'16 {"type":"pong"} ', "a frame does not end in a line feed"),
}

WRONG_SHAPES: dict[str, tuple[bytes, str]] = {
    "a list": (b"[1,2,3]", "a message is not a JSON object with a type"),
    "null": (b"null", "a message is not a JSON object with a type"),
    "no JSON": (b"hello", "a message is not a JSON object with a type"),
    "half of it": (b'{"type":"pong"', "a message is not a JSON object with a type"),
    "no type": (b'{"protocol":1}', "a message is not a JSON object with a type"),
    "a type that is no string": (b'{"type":7}', "a message is not a JSON object with a type"),
    "not UTF-8": (b'{"type":"\xff\xfe"}', "a message is not a JSON object with a type"),
    "very deep": (b'{"type":"pong","more":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
                  "a message is not a JSON object with a type"),
    "a hello without members": (b'{"type":"hello"}', "a hello needs protocol, role and instance"),
    "an unknown role": (b'{"type":"hello","protocol":1,"role":"king","instance":"x"}',
                        "a hello needs protocol, role and instance"),
    "another version": (b'{"type":"hello","protocol":2,"role":"observer","instance":"x"}',
                        "protocol 2 is not 1, which is spoken here"),
}


class Server:
    """kube-watcher or pbs-broker with one pod to tell of."""

    def __init__(self, site: Site, program: str) -> None:
        self.site, self.program, self.consumer = site, program, CONSUMERS[program]
        # No binder: the bind stays what the broker has to tell.
        site.connector.start("kube-watcher", "pbs-broker")
        site.connector["pbs-broker"].wait_for_log("kube-watcher has told all")
        self.uid: str = site.create("told")["metadata"]["uid"]
        site.connector["pbs-broker"].wait_for_log("runs on")

    @property
    def path(self) -> Path:
        return self.site.connector.socket(self.program)

    @property
    def process(self) -> RunningProcess:
        return self.site.connector[self.program]

    def connect(self) -> Peer:
        return Peer(self.path)

    def consume(self, instance: str = "test") -> Peer:
        """A consumer that has heard all there is."""
        peer = self.connect()
        peer.hello(self.consumer, instance)
        peer.until("synced")
        return peer

    def serves(self) -> None:
        """A consumer that keeps to the rules gets what it should."""
        with self.connect() as peer:
            peer.hello(self.consumer, "well-behaved")
            messages = peer.until("synced")
        self.check_snapshot(messages)
        pings = [message for message in messages if message["type"] == "ping"]
        assert pings and pings[0]["ownsUntil"] > time.monotonic(), "what it is told is its own to act on"

    def check_snapshot(self, messages: list[Message]) -> None:
        assert messages[0] == {"type": "hello", "protocol": 1, "role": self.program, "instance": self.program}
        uids = [message["pod"]["metadata"]["uid"] if self.program == "kube-watcher" else message["pod"]["uid"]
                for message in messages if message["type"] == OBJECTS[self.program]]
        assert uids == [self.uid]
        if self.program == "kube-watcher":
            assert sorted(message["node"]["metadata"]["name"] for message in messages if message["type"] == "node") \
                == ["node1", "node2"]
        assert messages[-1] == {"type": "synced"}

    def memory(self) -> int:
        """The process's resident memory, in kB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("no VmRSS")


@pytest.fixture(params=list(CONSUMERS))
def server(request: pytest.FixtureRequest, site: Site) -> Server:
    return Server(site, request.param)


def test_an_observer_hears_all_without_a_word(server: Server) -> None:
    with server.connect() as peer:
        server.check_snapshot(peer.until("synced"))
        # Changes follow.
        if server.program == "kube-watcher":
            uid = server.site.create("later")["metadata"]["uid"]
            assert peer.until("pod")[-1]["pod"]["metadata"]["uid"] == uid
        else:
            server.site.kubernetes.remove_pod("default", "told")
            assert peer.until("withdraw")[-1]["pod"]["uid"] == server.uid
    assert server.process.is_running


@pytest.mark.parametrize("kind", list(MALFORMED))
def test_what_is_no_frame_ends_its_own_connection_only(server: Server, kind: str) -> None:
    octets, words = MALFORMED[kind]
    with server.connect() as bystander, server.connect() as peer:
        peer.socket.sendall(octets)
        peer.socket.shutdown(socket.SHUT_WR)
        peer.until_closed()
        server.process.wait_for_log(words)
        bystander.until("synced")
    server.serves()


@pytest.mark.parametrize("kind", list(WRONG_SHAPES))
def test_json_of_the_wrong_shape_is_answered_with_goodbye(server: Server, kind: str) -> None:
    text, words = WRONG_SHAPES[kind]
    with server.connect() as peer:
        peer.socket.sendall(b"%d %s\n" % (len(text) + 1, text))
        *_, last = peer.until_closed()
        assert last == {"type": "goodbye", "reason": words}
        server.process.wait_for_log(words)
    server.serves()


def end_after_all_was_read(peer: Peer) -> None:
    """Give a reason to end the connection; that it is this one shows that nothing before was."""
    peer.socket.sendall(b"3 []\n")
    assert peer.until_closed()[-1] == {"type": "goodbye", "reason": "a message is not a JSON object with a type"}


def test_unknown_types_are_ignored_and_logged_once(server: Server) -> None:
    with server.consume() as consumer, server.connect() as observer:
        observer.until("synced")
        for peer, kind in ((consumer, "praise"), (observer, "blame")):
            for _ in range(20):
                peer.send({"type": kind, "of": [1, 2, {"three": None}]})
            server.process.wait_for_log(kind)
        for peer in (consumer, observer):
            end_after_all_was_read(peer)
        for kind in ("praise", "blame"):
            lines = [line for line in server.process.lines if kind in line]
            assert len(lines) == 1 and "ignored" in lines[0]
    server.serves()


def test_types_that_a_peer_makes_up_fill_neither_log_nor_memory(server: Server) -> None:
    with server.consume() as peer:
        for number in range(2000):
            peer.send({"type": f"invented-{number} " + "x" * 10_000})
        end_after_all_was_read(peer)
        lines = [line for line in server.process.lines if "invented" in line]
        assert 10 < len(lines) <= 100
        assert max(map(len, lines)) < 300
    server.serves()


def test_an_outcome_that_cannot_be_read_is_logged(site: Site) -> None:
    server = Server(site, "pbs-broker")
    with server.consume() as binder:
        binder.send({"type": "outcome", "pod": "told", "result": "bound"})
        server.process.wait_for_log("binder test: a message cannot be read")
        binder.send({"type": "outcome", "pod": {"uid": server.uid, "namespace": "default", "name": "told"},
                     "request": "bind", "job": "999.pbsserver", "result": "bound"})
        # It answers another job's bind, so this one's still stands.
    server.serves()


def test_an_answer_from_who_is_no_consumer_is_ignored_and_logged_once(site: Site) -> None:
    server = Server(site, "pbs-broker")
    with server.consume() as binder, server.connect() as observer:
        (bind,) = [message for message in observer.until("synced") if message["type"] == "bind"]
        for _ in range(20):
            observer.send({"type": "outcome", "pod": bind["pod"], "request": "bind", "job": bind["job"], "result": "bound"})
        for peer in (observer, binder):
            end_after_all_was_read(peer)
        assert len([line for line in server.process.lines if "may not send outcome, ignored" in line]) == 1
    # Nobody who may say so has said that it is bound.
    server.serves()


def test_a_reader_that_never_reads_is_dropped(site: Site) -> None:
    path = site.connector.socket("kube-watcher")
    site.connector.start("kube-watcher")
    site.connector["kube-watcher"].wait_for_log("pods of scheduler pbs listed")
    # What users can make large does not go over the socket; the labels of nodes do.
    site.kubernetes.create_node("large", labels={f"example.com/label-{number}": "x" * 63 for number in range(2800)})
    changes = 300  # of some 250 kB: 75 MB, of a limit of 64 MiB
    with Peer(path) as stuck, Peer(path) as reader:
        reader.until("synced")
        for number in range(changes):
            ready = number % 2 == 1
            site.kubernetes.set_node_ready("large", ready)
            (condition,) = reader.until("node")[-1]["node"]["status"]["conditions"]
            assert (condition["status"] == "True") == ready
        site.connector["kube-watcher"].wait_for_log("reads too slowly")
        stuck.socket.settimeout(5)
        # What the kernel holds for it is still there to be read, and no more.
        held = 0
        while octets := stuck.socket.recv(1 << 20):
            held += len(octets)
        assert held < 16 << 20
    with Peer(path) as again:
        assert "node" in [message["type"] for message in again.until("synced")]


def test_a_writer_of_one_octet_a_second_is_silent(server: Server) -> None:
    octets = iter(frame({"type": "pong"}))
    with server.consume() as peer:
        begun = time.monotonic()
        messages: list[Message | None] = []
        while not messages or messages[-1] is not None:
            assert time.monotonic() - begun < 60, "never dropped"
            try:
                messages.append(peer.receive(1.0))
            except TimeoutError:
                pass
            if messages[-1:] != [None]:
                try:
                    peer.socket.sendall(bytes([next(octets)]))
                except BrokenPipeError:
                    pass  # The end is read next.
        assert time.monotonic() - begun > 5
        assert messages[-2] is not None and messages[-2]["reason"].startswith("silent for")
    server.serves()


def test_frames_may_come_octet_by_octet(server: Server) -> None:
    with server.connect() as peer:
        for octet in frame({"type": "hello", "protocol": 1, "role": server.consumer, "instance": "slow"}):
            peer.socket.sendall(bytes([octet]))
        server.check_snapshot([message for message in peer.until("synced") if message["type"] != "ping"])


def test_an_observer_may_become_a_consumer(server: Server) -> None:
    with server.connect() as peer:
        first = [message for message in peer.until("synced") if message["type"] not in ("hello", "synced")]
        # What nobody acts on: nodes, and what waits for a binder.
        assert any("owner" not in message for message in first)
        peer.hello(server.consumer, "late")
        peer.until("ping")
        # All between the ping that comes with the share and the next one.
        again = peer.until("ping")[:-1]
        assert sorted(message["type"] for message in again) == sorted(message["type"] for message in first)
        assert {message["owner"] for message in again if "owner" in message} <= {"late", "pbs-broker"}


def test_of_two_consumers_of_one_name_the_older_goes(server: Server) -> None:
    with server.consume("twin") as older, server.consume("twin") as newer:
        assert older.until_closed()[-1] == {"type": "goodbye", "reason": "another process calls itself twin"}
        newer.until("ping")
    server.serves()


@pytest.mark.parametrize("allowed", [False, True])
def test_a_peer_of_another_user_is_refused(site: Site, allowed: bool) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    if allowed:
        site.connector.configuration += f"  allowed-peers: [{NOBODY}]\nkube-watcher:\n  allowed-peers: [nobody]\n"
        (site.connector.directory / "config.yaml").write_text(site.connector.configuration)
    site.connector.start("kube-watcher", "pbs-broker")
    for program in CONSUMERS:
        path = site.connector.socket(program)
        site.connector["pbs-broker"].wait_for_log("kube-watcher has told all")
        # The modes alone would keep it out; here it is SO_PEERCRED that is tried.
        path.parent.chmod(0o755)
        path.chmod(0o666)
        assert bool(first_octets_as(NOBODY, path)) == allowed
        if not allowed:
            site.connector[program].wait_for_log(f"user {NOBODY} (process ")
        with Peer(path) as peer:
            peer.until("synced")


def first_octets_as(user: int, path: Path) -> bytes:
    """What a process of this user reads first from a socket; nothing when it is closed at once."""
    reading, writing = os.pipe()
    # A fork without a new program: the interpreter may lie where that user cannot reach it.
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(5)
                connection.connect(str(path))
                os.write(writing, connection.recv(64))
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with open(reading, "rb") as pipe:
        octets = pipe.read()
    assert status == 0, "the other user could not even connect"
    return octets


def test_a_million_small_frames(server: Server) -> None:
    octets = frame({"type": "pong"}) * 1000
    with server.consume() as peer:
        peer.socket.sendall(octets)
        server.serves()
        before = server.memory()
        for number in range(999):
            peer.socket.sendall(octets)
            if number == 500:
                # Others are served meanwhile.
                server.serves()
        peer.send({"type": "last"})
        server.process.wait_for_log("last", 30)
        assert server.memory() - before < 16 * 1024
    server.serves()


@pytest.mark.parametrize(("octets", "words"), [
    (frame({"type": "hello", "protocol": 2, "role": "kube-watcher", "instance": "x"}),
     "speaks another protocol than 1"),
    (b"-1 ", "a frame's length is not a decimal number"),
    (b"%d " % OVER_THE_LIMIT, "is over the limit"),
    (b"3 []\n", "a message is not a JSON object with a type"),
    (frame({"type": "goodbye", "reason": "enough of this"}), "enough of this"),
])
def test_a_client_leaves_a_server_that_speaks_otherwise(site: Site, octets: bytes, words: str) -> None:
    path = site.connector.socket("kube-watcher")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        broker = site.connector.start_process("pbs-broker")
        connection, _ = listener.accept()
        with Peer(connection=connection) as peer:
            assert peer.receive() == {"type": "hello", "protocol": 1, "role": "pbs-broker", "instance": "pbs-broker"}
            peer.socket.sendall(octets)
            assert peer.receive() is None
        broker.wait_for_log(words)
    path.unlink()
    site.connector.start("kube-watcher", "binder")
    site.create("later")
    site.wait_bound("later")


def test_a_client_ignores_what_it_does_not_know(site: Site) -> None:
    path = site.connector.socket("kube-watcher")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        broker = site.connector.start_process("pbs-broker")
        connection, _ = listener.accept()
        with Peer(connection=connection) as peer:
            peer.hello("kube-watcher", "x")
            for _ in range(3):
                peer.send({"type": "weather", "today": "rain"})
                peer.send({"type": "pod", "pod": {"metadata": 5}})
            peer.send({"type": "synced"})
            broker.wait_for_log("kube-watcher has told all")
            assert len([line for line in broker.lines if "weather" in line]) == 1
            assert len([line for line in broker.lines if "a message cannot be read" in line]) == 3
