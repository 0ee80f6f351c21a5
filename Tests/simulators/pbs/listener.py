"""The socket that the commands connect to, and the one thread that serves it and the timers."""

from __future__ import annotations

import os
import selectors
import socket
import struct
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from pathlib import Path

from .calls import LOG_SIZE, Call
from .commands import execute
from .faults import GARBAGE, Fault, FaultKind, Faults
from .invocation import Answer, Invocation, NeedsStandardInput
from .server import PBSServer

_PEER_CREDENTIALS = struct.Struct("iII")
_MAXIMUM_REQUEST = 64 << 20


class _Connection:
    """A command that is under way: what has arrived of its request, what is still to be sent."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.received = bytearray()
        self.to_send = b""
        self.last_answer = False
        self.call: Invocation | None = None
        self.logged: Call | None = None
        self.fault: Fault | None = None
        self.watched = False


class Listener:
    """Serves commands one after the other, as pbs_server does, and runs the server's timers between them."""

    def __init__(self, server: PBSServer, faults: Faults, path: Path) -> None:
        self._server = server
        self._faults = faults
        self._path = path
        self._thread: threading.Thread | None = None
        self._selector: selectors.DefaultSelector
        self._connections: set[_Connection] = set()
        self.paused = False
        self.empty_listings = 0
        # Calls served so far, by command: for tests that count what the connector asks.
        self.served: dict[str, int] = {}
        # All calls, those too that a fault kept from being carried out.
        self.calls: deque[Call] = deque(maxlen=LOG_SIZE)
        # What went wrong inside the simulator itself; a test must find this empty.
        self.defects: list[str] = []

    @property
    def running(self) -> bool:
        """Whether commands are being served."""
        return self._thread is not None

    def start(self) -> None:
        """Opens the socket and starts the thread."""
        self._path.unlink(missing_ok=True)
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._listening.bind(str(self._path))
        self._path.chmod(0o777)
        self._listening.listen(4096)
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ, self._accept)
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._drain)
        self._stopping = False
        self._server.timers.on_earlier = self.wake
        self._thread = threading.Thread(target=self._loop, name="pbs-simulator", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Closes the socket; calls that are under way break off, later ones find no server."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with self._server.lock:
            self._stopping = True
            self._server.changed.notify_all()
        self.wake()
        thread.join()
        self._server.timers.on_earlier = lambda: None
        self._path.unlink(missing_ok=True)
        self._listening.close()
        for connection in list(self._connections):
            self._close(connection)
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def wake(self) -> None:
        """Makes the thread look at its timers again."""
        if threading.current_thread() is self._thread:
            return
        try:
            os.write(self._wake_write, b"!")
        except BlockingIOError:
            return  # The pipe is full of wakes that have not been seen yet.

    def _loop(self) -> None:
        server = self._server
        while not self._stopping:
            with server.lock:
                paused = self.paused
                if not paused:
                    server.timers.run_due()
                timeout = None if paused else server.timers.seconds_to_next()
            for key, _ in self._selector.select(timeout):
                # Paused means stopped like a process by SIGSTOP: connections pile up unanswered.
                if self.paused and key.fileobj is not self._wake_read:
                    self._wait_for_resume()
                key.data()

    def _wait_for_resume(self) -> None:
        with self._server.lock:
            self._server.changed.wait_for(lambda: not self.paused or self._stopping)

    def _drain(self) -> None:
        os.read(self._wake_read, 4096)

    def _accept(self) -> None:
        for _ in range(16):
            try:
                link, _ = self._listening.accept()
            except BlockingIOError:
                return
            link.setblocking(False)
            connection = _Connection(link)
            self._connections.add(connection)
            # The request is mostly there already, and its answer can be sent whole: then epoll need not know.
            self._read(connection)
            if connection in self._connections and not connection.watched:
                self._watch(connection, selectors.EVENT_READ, self._read)

    def _watch(self, connection: _Connection, event: int, call: Callable[[_Connection], None]) -> None:
        change = self._selector.modify if connection.watched else self._selector.register
        change(connection.link, event, lambda: call(connection))
        connection.watched = True

    def _close(self, connection: _Connection) -> None:
        if connection in self._connections:
            self._connections.discard(connection)
            if connection.watched:
                self._selector.unregister(connection.link)
            connection.link.close()

    def _read(self, connection: _Connection) -> None:
        try:
            data = connection.link.recv(262144)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(connection)
            return
        connection.received += data
        frame = _take_frame(connection.received)
        if frame is None:
            return
        if connection.call is None:
            connection.call = _decode(frame, _peer_uid(connection.link))
        else:
            connection.call.standard_input = frame
        self._serve(connection, connection.call)

    def _serve(self, connection: _Connection, call: Invocation) -> None:
        with self._server.lock:
            if call.standard_input is None:
                connection.logged = Call(time.monotonic(), call.program, tuple(call.arguments), call.user)
                self.calls.append(connection.logged)
                connection.fault = self._faults.strike(call.kind, call.arguments)
            fault = connection.fault
            kind = fault.kind if fault is not None else None
            if fault is not None and kind is FaultKind.FAIL:
                self._answer(connection, Answer(fault.status, err=[f"{fault.text}\n"] if fault.text else []))
            elif fault is not None and kind is FaultKind.SLOW:
                self._server.timers.after(fault.seconds, lambda: self._carry_out(connection, call))
            elif kind is not FaultKind.HANG:
                self._carry_out(connection, call)

    def _carry_out(self, connection: _Connection, call: Invocation) -> None:
        """Runs the command and answers, in the way that the connection's fault leaves it."""
        try:
            answer = self._execute(call)
        except NeedsStandardInput:
            self._send(connection, b"stdin\n", last=False)
            return
        if connection.logged is not None:
            connection.logged.connections = answer.connections
        fault = connection.fault
        if fault is None or fault.kind is FaultKind.SLOW:
            self._answer(connection, answer)
        elif fault.kind is FaultKind.LOST:
            self._send(connection, b"kill\n")
        elif fault.kind is FaultKind.CUT:
            length = self._faults.cut_at(len(answer.stdout))
            self._answer(connection, Answer(fault.status, out=[answer.stdout[:length]]))
        elif fault.kind is FaultKind.SILENT:
            self._answer(connection, Answer(fault.status))
        else:
            self._answer(connection, Answer(0, out=[GARBAGE]))

    def _execute(self, call: Invocation) -> Answer:
        self.served[call.kind] = self.served.get(call.kind, 0) + 1
        self._server.changed.notify_all()
        shown = self._server.by_state
        if self.empty_listings and _is_listing(call):
            self.empty_listings -= 1
            self._server.by_state = {state: {} for state in shown}
        try:
            return execute(self._server, call)
        except NeedsStandardInput:
            raise
        except Exception:
            # A defect of the simulator: said to the command, and kept for the test to fail on.
            self.defects.append(traceback.format_exc())
            return Answer(70, err=[f"{call.program}: defect of the PBS simulator\n{self.defects[-1]}"])
        finally:
            self._server.by_state = shown

    def _answer(self, connection: _Connection, answer: Answer) -> None:
        out = answer.stdout.encode(errors="surrogateescape")
        err = answer.stderr.encode(errors="surrogateescape")
        self._send(connection, b"%d %d %d\n" % (answer.status, len(out), len(err)) + out + err)

    def _send(self, connection: _Connection, data: bytes, last: bool = True) -> None:
        if connection not in self._connections:
            return  # The command was killed while it waited.
        connection.to_send += data
        connection.last_answer = last
        self._continue_sending(connection)

    def _continue_sending(self, connection: _Connection) -> None:
        try:
            sent = connection.link.send(connection.to_send)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(connection)
            return
        connection.to_send = connection.to_send[sent:]
        if connection.to_send:
            self._watch(connection, selectors.EVENT_WRITE, self._continue_sending)
        elif connection.last_answer:
            self._close(connection)
        else:
            self._watch(connection, selectors.EVENT_READ, self._read)


def _take_frame(data: bytearray) -> bytes | None:
    """Takes one frame "LENGTH octets" off the front, or None while it is not complete."""
    blank = data.find(b" ", 0, 20)
    if blank < 0:
        return None
    end = blank + 1 + int(data[:blank])
    if end > _MAXIMUM_REQUEST or len(data) < end:
        return None
    frame = bytes(data[blank + 1:end])
    del data[:end]
    return frame


def _decode(frame: bytes, uid: int) -> Invocation:
    fields = frame.decode(errors="surrogateescape").split("\0")
    called_as, directory, count = fields[0], fields[1], int(fields[2])
    return Invocation(called_as.rpartition("/")[2], called_as, fields[3:3 + count], directory, fields[3 + count:], uid)


def _peer_uid(link: socket.socket) -> int:
    data = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
    _, uid, _ = _PEER_CREDENTIALS.unpack(data)
    return int(uid)


def _is_listing(call: Invocation) -> bool:
    """Whether the call lists jobs in general rather than asking for jobs by their ids."""
    if call.program == "qselect":
        return True
    return call.program == "qstat" and not any(
        word[:1].isdigit() or word[:2] in ("-B", "-Q", "-q") for word in call.arguments)
