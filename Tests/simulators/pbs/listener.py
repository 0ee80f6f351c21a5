"""The socket that commands and libraries connect to, and the one thread that serves it and the timers."""

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

from . import commands, invocation, library
from .calls import LOG_SIZE, Call
from .faults import Fault, FaultKind, Faults
from .invocation import Answer, Invocation, NeedsStandardInput
from .library import LibraryAnswer, LibraryCall
from .server import PBSServer

_PEER_CREDENTIALS = struct.Struct("iII")
_MAXIMUM_REQUEST = 64 << 20


class _Connection:
    """A command, or a library, that is under way: what has arrived of its request, what is still to be sent."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.received = bytearray()
        self.to_send = memoryview(b"")
        self.last_answer = False
        self.call: Invocation | LibraryCall | None = None
        self.logged: Call | None = None
        self.fault: Fault | None = None
        # What the selector waits for, 0 where it does not know the connection.
        self.watched = 0


class Listener:
    """Serves requests one after the other, as pbs_server does, and runs the server's timers between them."""

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

    def end_kept_connections(self) -> None:
        """Closes what libraries have opened, with what is under way there."""
        for connection in list(self._connections):
            if connection.call is not None and connection.call.keeps_connection:
                self._close(connection)

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
        if connection.watched == event:
            return
        change = self._selector.modify if connection.watched else self._selector.register
        change(connection.link, event, lambda: call(connection))
        connection.watched = event

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
        if connection.call is None or connection.call.keeps_connection:
            decode = library.decode if library.is_library_frame(frame) else invocation.decode
            connection.call = decode(frame, _peer_uid(connection.link))
        else:
            connection.call.standard_input = frame
        self._serve(connection, connection.call)

    def _serve(self, connection: _Connection, call: Invocation | LibraryCall) -> None:
        if call.ends_connection:
            self._close(connection)
            return
        with self._server.lock:
            if call.standard_input is None:
                connection.logged = Call(time.monotonic(), call.program, tuple(call.arguments), call.user, call.connections)
                self.calls.append(connection.logged)
                connection.fault = self._faults.strike(call.kind, call.arguments)
            fault = connection.fault
            kind = fault.kind if fault is not None else None
            if fault is not None and kind is FaultKind.FAIL:
                self._send(connection, *call.failed(fault))
            elif fault is not None and kind is FaultKind.SLOW:
                self._server.timers.after(fault.seconds, lambda: self._carry_out(connection, call))
            elif kind is not FaultKind.HANG:
                self._carry_out(connection, call)

    def _carry_out(self, connection: _Connection, call: Invocation | LibraryCall) -> None:
        """Does what is asked and answers, in the way that the connection's fault leaves it."""
        try:
            answer = self._execute(call)
        except NeedsStandardInput:
            self._send(connection, b"stdin\n", last=False)
            return
        if isinstance(call, LibraryCall) and isinstance(answer, LibraryAnswer):
            self._send(connection, *call.reply(answer, connection.fault, self._faults))
        elif isinstance(call, Invocation) and isinstance(answer, Answer):
            if connection.logged is not None:
                connection.logged.connections = answer.connections
            self._send(connection, *call.reply(answer, connection.fault, self._faults))

    def _execute(self, call: Invocation | LibraryCall) -> Answer | LibraryAnswer:
        self.served[call.kind] = self.served.get(call.kind, 0) + 1
        self._server.changed.notify_all()
        shown = self._server.by_state
        if self.empty_listings and call.is_listing:
            self.empty_listings -= 1
            self._server.by_state = {state: {} for state in shown}
        try:
            return library.execute(self._server, call) if isinstance(call, LibraryCall) else commands.execute(self._server, call)
        except NeedsStandardInput:
            raise
        except Exception:
            # A defect of the simulator: said to the client, and kept for the test to fail on.
            self.defects.append(traceback.format_exc())
            return call.defect(self.defects[-1])
        finally:
            self._server.by_state = shown

    def _send(self, connection: _Connection, data: bytes, last: bool = True) -> None:
        if connection not in self._connections:
            return  # The command was killed while it waited.
        connection.to_send = memoryview(bytes(connection.to_send) + data)
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


def _peer_uid(link: socket.socket) -> int:
    data = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
    _, uid, _ = _PEER_CREDENTIALS.unpack(data)
    return int(uid)
