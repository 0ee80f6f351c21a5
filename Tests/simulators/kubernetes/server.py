"""Connections: an asyncio server in a thread of its own that carries requests to the API and watches to clients."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable

from . import errors, faults, http, lists, requests, watches
from .access import User
from .api import API, Response, error_response
from .errors import APIError
from .faults import Faults
from .requests import LoggedRequest, Request, RequestInfo, RequestLog
from .store import Change

_LOG = logging.getLogger(__name__)

# A watcher that lets this many octets pile up is dropped, as the watch cache drops a slow one.
_SLOW_WATCHER = 32 * 1024 * 1024
# A watch's last bookmarks, in seconds before its timeout: the recordings have two of
# them in a watch of 8 s (watch.txt; cacher.go sends from 2 s before the deadline on).
_LAST_BOOKMARKS = (2.0, 1.0)


class WatchStream:
    """A watch on a connection: its events, bookmarks, end, and what a test has asked to go wrong with it."""

    def __init__(self, server: Server, connection: Connection, request: Request, watch: watches.Watch,
                 action: faults.Action | None) -> None:
        self._server = server
        self._connection = connection
        self.request = request
        self.watch = watch
        self._silent = False
        self._cut = isinstance(action, faults.Cut)
        self._timers: list[asyncio.TimerHandle] = []
        self._action = action

    def begin(self) -> None:
        connection, watch = self._connection, self.watch
        connection.write(http.WATCH_HEAD)
        self._server.streams.add(self)
        if isinstance(self._action, faults.SilenceWatch) and self._action.after <= 0:
            self._silent = True
        for line in watch.first:
            self._send(line)
        watch.first = []
        if watch.error is not None:
            self.fail(watch.error)
            return
        self._later(watch.timeout, self.end)
        if watch.bookmarks:
            for before in _LAST_BOOKMARKS:
                if watch.timeout > before:
                    self._later(watch.timeout - before, self._bookmark)
            self._bookmark_later()
        match self._action:
            case faults.CloseWatch(after):
                self._later(after, self.end)
            case faults.SilenceWatch(after):
                self._later(after, self.silence)
            case faults.Gone(after):
                self._later(after, lambda: self.fail(watches.gone(self._server.api.store, watch.revision)))

    def change(self, change: Change) -> None:
        if change.resource == self.watch.resource.stored_as and change.revision > self.watch.revision:
            self.watch.revision = change.revision
            line = self.watch.line(change)
            if line is not None:
                self._send(line)

    def fail(self, error: APIError) -> None:
        """Send an ERROR event and end."""
        self._send(watches.error_line(error))
        self.end()

    def silence(self) -> None:
        """From now on send nothing, and stay open."""
        self._silent = True
        self._cancel_timers()

    def end(self) -> None:
        """End in good order; the connection may carry further requests."""
        if self in self._server.streams and not self._silent:
            self.forget()
            self._connection.write(http.LAST_CHUNK)
            self._connection.finished()

    def forget(self) -> None:
        self._server.streams.discard(self)
        self._cancel_timers()

    def _send(self, line: bytes) -> None:
        if self._silent or self not in self._server.streams:
            return
        if self._cut:
            self.forget()
            self._connection.write(http.chunk(line[:len(line) // 2]))
            self._connection.reset_when_written()
        elif self._connection.unwritten > _SLOW_WATCHER:
            self.forget()
            self._connection.reset()
        else:
            self._connection.write(http.chunk(line))

    def _bookmark(self) -> None:
        """A bookmark says that all changes up to a resourceVersion were sent, so those under way go first."""
        self._server.deliver()
        if not self._server.paused:
            self._send(self.watch.bookmark(self._server.api.store.table(self.watch.resource.stored_as).revision))

    def _bookmark_later(self) -> None:
        def fire() -> None:
            self._bookmark()
            self._bookmark_later()
        self._later(self._server.bookmark_interval, fire)

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self._timers = [timer for timer in self._timers if not timer.cancelled()
                        and timer.when() >= self._server.loop.time()]
        self._timers.append(self._server.loop.call_later(seconds, action))

    def _cancel_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()


class Connection(asyncio.Protocol):
    """One client connection: one request after the other, each answered before the next is looked at."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._reader = http.RequestReader()
        self._busy = False
        self._closing = False
        self._stream: WatchStream | None = None
        self._transport: asyncio.Transport | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._server.connections.discard(self)
        if self._stream is not None:
            self._stream.forget()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        if not self._busy:
            self._next()

    def _next(self) -> None:
        while self._transport is not None and not self._busy:
            try:
                request = self._reader.next()
            except http.MalformedRequest as problem:
                self._closing = True
                self._busy = True
                self.answer("", Response(400, f"400 Bad Request: {problem}".encode(), "text/plain; charset=utf-8"))
                return
            if self._reader.wants_continue:
                self._reader.wants_continue = False
                if request is None:
                    self.write(http.CONTINUE)
            if request is None:
                return
            self._busy = True
            self._closing = request.headers.get("connection", "").lower() == "close"
            self._server.received(self, request)

    # What the server does with it

    @property
    def open(self) -> bool:
        return self._transport is not None

    @property
    def unwritten(self) -> int:
        """Octets that the client has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    def certificate_user(self) -> User | None:
        """The user of a client certificate: common name, and organizations as groups."""
        found = self._transport.get_extra_info("peercert") if self._transport else None
        if not found:
            return None
        subject = [pair for part in found.get("subject", ()) for pair in part]
        name = next((value for key, value in subject if key == "commonName"), "")
        return User(name, frozenset(value for key, value in subject if key == "organizationName"))

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def answer(self, method: str, response: Response) -> None:
        self.write(http.encoded(response, method, self._closing))
        self.finished()

    def answer_half(self, method: str, response: Response) -> None:
        data = http.encoded(response, method, False)
        body = data.index(b"\r\n\r\n") + 4
        self.write(data[:body + (len(data) - body) // 2])
        self.reset_when_written()

    def stream(self, stream: WatchStream) -> None:
        self._stream = stream
        stream.begin()

    def finished(self) -> None:
        """The request is answered: close, or go on with the next one."""
        self._stream = None
        self._busy = False
        if self._closing and self._transport is not None:
            self._transport.close()
        elif self._transport is not None:
            self._server.loop.call_soon(self._next)

    def reset(self) -> None:
        """Drop the connection with a RST: what was not sent is lost."""
        if self._transport is not None:
            found: socket.socket | None = self._transport.get_extra_info("socket")
            if found is not None:
                found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def reset_when_written(self) -> None:
        """Close once the client has what was written so far; it then misses the rest."""
        if self._transport is not None:
            self._transport.close()


class Server:
    """The listening socket, all connections, all watches. start() and stop() may be called again and again."""

    def __init__(self, api: API, found_faults: Faults, log: RequestLog, bookmark_interval: float,
                 tls: Callable[[], ssl.SSLContext] | None) -> None:
        self.api = api
        self.bookmark_interval = bookmark_interval
        self.connections: set[Connection] = set()
        self.streams: set[WatchStream] = set()
        self.paused = False
        self._faults = found_faults
        self._log = log
        self._tls = tls
        self._waiting: list[tuple[Connection, Request]] = []
        self._changes: list[Change] = []
        self._delivery_scheduled = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._serving: asyncio.Server | None = None
        # Held by whoever starts, stops or commands the server's thread.
        self._control = threading.RLock()
        api.store.listeners.append(self._changed)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None, "the server is not running"
        return self._loop

    @property
    def running(self) -> bool:
        return self._loop is not None

    def start(self, host: str, port: int) -> int:
        """Listen and serve; returns the port."""
        with self._control:
            assert self._thread is None, "the server runs already"
            listening = socket.create_server((host, port), backlog=1024)
            loop = asyncio.new_event_loop()
            self._serving = loop.run_until_complete(loop.create_server(
                lambda: Connection(self), sock=listening, ssl=self._tls() if self._tls else None))
            with self.api.store.lock:
                self._changes.clear()
                self._loop = loop
            self._thread = threading.Thread(target=loop.run_forever, name="kubernetes-simulator", daemon=True)
            self._thread.start()
            return int(listening.getsockname()[1])

    def stop(self) -> None:
        """Drop every connection and stop listening, as a killed server does."""
        with self._control:
            if self._thread is None or self._serving is None:
                return
            loop, serving = self.loop, self._serving

            def shut() -> None:
                serving.close()
                for connection in list(self.connections):
                    connection.reset()
                self._waiting.clear()
                # Two more turns of the loop carry the resets out.
                loop.call_soon(lambda: loop.call_soon(loop.stop))

            loop.call_soon_threadsafe(shut)
            self._thread.join()
            # Under the store's lock, so that no writer hands work to a loop that is closed.
            with self.api.store.lock:
                loop.run_until_complete(serving.wait_closed())
                loop.close()
                self._thread, self._loop, self._serving = None, None, None
                self._delivery_scheduled, self.paused = False, False
            self.connections.clear()
            self.streams.clear()

    def pause(self) -> None:
        self.call(lambda: setattr(self, "paused", True))

    def resume(self) -> None:
        def go_on() -> None:
            self.paused = False
            waiting, self._waiting = self._waiting, []
            for connection, request in waiting:
                self.received(connection, request)
            self.deliver()
        self.call(go_on)

    def call(self, action: Callable[[], None]) -> None:
        """Run something in the server's thread and wait for it."""
        done = threading.Event()

        def run() -> None:
            try:
                action()
            finally:
                done.set()

        with self._control:
            self.loop.call_soon_threadsafe(run)
            done.wait()

    def streams_of(self, pattern: Callable[[str], bool]) -> list[WatchStream]:
        return [stream for stream in self.streams if pattern(f"{stream.request.method} {stream.request.target}")]

    # Changes on their way to watches

    def _changed(self, change: Change) -> None:
        """Called by the store, under its lock, from any thread."""
        if self._loop is None:
            return
        self._changes.append(change)
        if not self._delivery_scheduled:
            self._delivery_scheduled = True
            self._loop.call_soon_threadsafe(self.deliver)

    def deliver(self) -> None:
        if self.paused:
            return
        with self.api.store.lock:
            changes, self._changes = self._changes, []
            self._delivery_scheduled = False
        for change in changes:
            for stream in list(self.streams):
                stream.change(change)

    # Requests

    def received(self, connection: Connection, request: Request) -> None:
        if self.paused:
            self._waiting.append((connection, request))
            return
        action = self._faults.strike(request.method, request.target)
        match action:
            case faults.Delay(seconds):
                self.loop.call_later(seconds, self._after_delay, connection, request)
            case faults.Reset():
                self._note(request, requests.read(request), "", 0)
                connection.reset()
            case faults.Status(code):
                error = errors.service_unavailable() if code == 503 else errors.internal_error("fault on request")
                error.code = code
                self._refuse(connection, request, error_response(error))
            case faults.Proxy(code, body, content_type, headers):
                self._refuse(connection, request, Response(code, body, content_type, headers))
            case faults.TooManyRequests(retry_after):
                self._refuse(connection, request, Response(
                    429, b"Too many requests, please try again later.\n", "text/plain; charset=utf-8",
                    (("Retry-After", str(retry_after)), ("X-Content-Type-Options", "nosniff"))))
            case _:
                self._process(connection, request, action)

    def _after_delay(self, connection: Connection, request: Request) -> None:
        if self.paused:
            self._waiting.append((connection, request))
        elif connection.open:
            self._process(connection, request, None)

    def _refuse(self, connection: Connection, request: Request, response: Response) -> None:
        self._note(request, requests.read(request), "", response.status)
        connection.answer(request.method, response)

    def _process(self, connection: Connection, request: Request, action: faults.Action | None) -> None:
        info = requests.read(request)
        user_name = ""
        try:
            user = self.api.access.user(request.headers.get("authorization"), connection.certificate_user())
            user_name = user.name
            token = request.query.get("continue")
            if isinstance(action, faults.Gone) and info.verb == "list":
                raise lists.continue_expired(token) if token else errors.expired(
                    "The resourceVersion for the provided list is too old.")
            with self.api.store.lock:
                result = self.api.handle(request, info, user)
        except APIError as error:
            result = error_response(error)
        except Exception as error:  # what a real server's handler does with a panic: say so, answer 500, serve on
            _LOG.exception("%s %s", request.method, request.target)
            result = error_response(errors.internal_error(repr(error)))
        if isinstance(result, watches.Watch):
            self._note(request, info, user_name, 200)
            if isinstance(action, faults.LoseAnswer):
                connection.reset()
            else:
                connection.stream(WatchStream(self, connection, request, result, action))
            return
        lost = isinstance(action, faults.LoseAnswer)
        self._note(request, info, user_name, 0 if lost else result.status)
        if lost:
            connection.reset()
        elif isinstance(action, faults.Cut):
            connection.answer_half(request.method, result)
        else:
            connection.answer(request.method, result)

    def _note(self, request: Request, info: RequestInfo, user: str, status: int) -> None:
        with self.api.store.lock:
            self._log.append(LoggedRequest(
                time.monotonic(), user, info.verb, info.group, info.resource, info.subresource, info.namespace,
                info.name, request.method, request.target, status, request.headers.get("user-agent", "")))
            self.api.store.changed.notify_all()
