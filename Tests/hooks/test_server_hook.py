"""On the server: hints for pbs-broker, and nobody poses as a pod's job."""
import json
import socket
import threading
from pathlib import Path
from typing import Any, List, Optional

import pytest

from hooks.execution_host import HOST_HOOK, POD_UID, SERVER_HOOK, literal, native_job, pods_job
from hooks.pbs_stand_in import Event, Job, Outcome, run_hook
from hooks.recordings import recorded, recorded_job
from hooks.timing import OTHER_PROCESS, elapsed

EXEC_VNODE = "(node1:ncpus=1:mem=102400kb)"


class Server:
    """A PBS server's host with a .CF and a place for the hint socket."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "hints.sock"
        self.configuration = directory / "pbs_kubernetes.CF"
        self.configure()

    def configure(self, **settings: Any) -> None:
        """Write the .CF."""
        self.configuration.write_text(json.dumps(dict({"hint_socket": str(self.socket)}, **settings)))

    def run(self, event: str, job: Job, requestor: str = "pbs-broker", host: str = "pbsserver",
            job_o: Optional[Job] = None, **attributes: Any) -> Outcome:
        """Run the server-side hook for an event; `attributes` are the PBS server's."""
        return run_hook(SERVER_HOOK, Event(event, job, requestor=requestor, requestor_host=host, job_o=job_o),
                        self.configuration, "pbsserver", {"PBS_SERVER": "pbsserver"}, attributes)


class Broker:
    """A listener on the hint socket that keeps each connection's octets."""

    def __init__(self, path: Path, backlog: int = 8) -> None:
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen(backlog)
        self.listener.settimeout(10)

    def receive(self) -> bytes:
        """All that the next connection sends, until it closes."""
        connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(10)
            received = b""
            while True:
                part = connection.recv(4096)
                if not part:
                    return received
                received += part

    def close(self) -> None:
        """Stop listening."""
        self.listener.close()


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """A PBS server's host."""
    return Server(tmp_path)


@pytest.mark.parametrize("event", ["postqueuejob", "movejob", "runjob", "jobobit"])
def test_a_hint_is_one_frame(server: Server, event: str) -> None:
    broker = Broker(server.socket)
    try:
        outcome = server.run(event.upper(), pods_job("5.pbsserver"), requestor="Scheduler")
        assert outcome == Outcome(None, [])
        length, _, message = broker.receive().partition(b" ")
        assert int(length) == len(message) and message.endswith(b"\n")
        assert json.loads(message.decode()) == {"type": "hint", "job": "5.pbsserver", "event": event}
    finally:
        broker.close()


@pytest.mark.parametrize("event", ["RUNJOB", "JOBOBIT"])
def test_a_hint_from_what_the_event_really_carries(server: Server, event: str) -> None:
    broker = Broker(server.socket)
    try:
        entry = recorded(event)
        server.configure(users=["alice"])
        server.run(event, recorded_job(entry, Variable_List=entry["Variable_List"] + ",KUBERNETES_POD_UID=u-1"), entry["user"])
        assert b'"704.pbsserver"' in broker.receive()
    finally:
        broker.close()


def test_native_jobs_give_no_hints(server: Server) -> None:
    broker = Broker(server.socket)
    try:
        server.run("RUNJOB", native_job("5.pbsserver"))
        server.run("RUNJOB", pods_job("6.pbsserver"))
        assert b"6.pbsserver" in broker.receive()
    finally:
        broker.close()


def no_socket(path: Path) -> Any:
    """The broker has never run."""


def stale_socket(path: Path) -> Any:
    """The broker was killed and left its socket."""
    Broker(path).close()


def plain_file(path: Path) -> Any:
    """Something else lies there."""
    path.write_text("")


def full_socket(path: Path) -> Any:
    """The broker does not accept, and its queue is full."""
    broker = Broker(path, backlog=0)
    waiting: List[socket.socket] = []
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.setblocking(False)
        waiting.append(connection)
        try:
            connection.connect(str(path))
        except BlockingIOError:
            return broker, waiting


def stopped_broker(path: Path) -> Any:
    """The broker accepts but never reads."""
    return Broker(path)


@pytest.mark.parametrize("trouble", [no_socket, stale_socket, plain_file, full_socket, stopped_broker])
def test_a_broker_in_trouble_costs_the_job_nothing(server: Server, trouble: Any) -> None:
    kept = trouble(server.socket)
    server.run("QUEUEJOB", native_job())  # the first run loads what any hook loads
    runs = [elapsed(lambda: server.run("RUNJOB", pods_job())) for _ in range(5)]
    outcome = runs[0][1]
    assert outcome.rejected is None
    # What waits for the broker does so each time; a busy machine is late now and then.
    assert min(seconds for seconds, _ in runs) < 0.05 + OTHER_PROCESS
    assert all(level == "debug" for level, _ in outcome.log)
    assert bool(outcome.log) == (trouble is not stopped_broker)
    del kept


def test_a_socket_name_that_is_too_long(server: Server) -> None:
    server.configure(hint_socket="/" + "x" * 200)
    outcome = server.run("RUNJOB", pods_job())
    assert outcome.rejected is None and [level for level, _ in outcome.log] == ["debug"]


POD = {"KUBERNETES_POD_UID": POD_UID}


def submission(**attributes: Any) -> Job:
    """What queuejob carries of a pod's job."""
    return Job("", dict({"Variable_List": POD, "Resource_List": "select=1:ncpus=1:mem=1gb,place=free"}, **attributes))


@pytest.mark.parametrize("users, requestor, host, variables, refused", [
    (["root"], "root", "pbsserver", POD, False),
    (["root"], "alice", "pbsserver", POD, True),
    (["root"], "alice", "pbsserver", {"KUBERNETES_POD_UID": ""}, True),
    (["root"], "alice", "pbsserver", {"MY_KUBERNETES_POD_UID": "x", "A": "KUBERNETES_POD_UID=x"}, False),
    (["root"], "alice", "pbsserver", {}, False),
    (["root"], "alice", "pbsserver", None, False),
    (["broker", "other"], "broker", "pbsserver", POD, False),
    (["broker"], "broker", "pbsserver.example.com", POD, False),
    (["broker"], "broker", "evilhost", POD, True),
    (["broker@*"], "broker", "anywhere", POD, False),
    (["pbs-broker"], "root", "pbsserver", POD, True),
    (["broker@head"], "broker", "head", POD, False),
    (["broker@head"], "broker", "login", POD, True),
    ([], "root", "pbsserver", POD, True),
])
def test_only_the_configured_users_name_a_pod(
        server: Server, users: List[str], requestor: str, host: str, variables: Any, refused: bool) -> None:
    server.configure(users=users)
    refusal = server.run("QUEUEJOB", Job("", {"Variable_List": variables}), requestor, host).rejected
    assert (refusal is not None) == refused
    if refused:
        assert "KUBERNETES_POD_UID" in refusal and requestor in refusal  # type: ignore[operator]


def test_the_recorded_submission_by_alice(server: Server) -> None:
    entry = recorded("QUEUEJOB")
    assert server.run("QUEUEJOB", recorded_job(entry), entry["user"]).rejected is None
    posing = recorded_job(entry, Variable_List=entry["Variable_List"] + ",KUBERNETES_POD_UID=u-1")
    assert server.run("QUEUEJOB", posing, entry["user"]).rejected is not None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"users": "alice"}'])
def test_a_broken_configuration_lets_nobody_in_and_keeps_the_queue_going(server: Server, text: str) -> None:
    server.configuration.write_text(text)
    assert server.run("QUEUEJOB", native_job(), "alice").rejected is None
    for user in ("alice", "pbs-broker", "root"):
        assert "need a token" in str(server.run("QUEUEJOB", submission(), user).rejected)


def test_both_hooks_have_the_same_defaults() -> None:
    settings = literal(HOST_HOOK, "SETTINGS")
    assert literal(SERVER_HOOK, "DEFAULTS") == {
        key: settings[key][1] for key in ("users", "proof", "key_file", "hint_socket")}


def test_many_hints_at_once(server: Server) -> None:
    """Every event is a connection of its own, so that no hint waits for another."""
    broker = Broker(server.socket, backlog=64)
    received: List[bytes] = []
    reader = threading.Thread(target=lambda: received.extend(broker.receive() for _ in range(50)))
    reader.start()
    try:
        for number in range(50):
            assert server.run("RUNJOB", pods_job("%d.pbsserver" % number)).log == []
        reader.join(10)
        assert len(set(received)) == 50
    finally:
        broker.close()
