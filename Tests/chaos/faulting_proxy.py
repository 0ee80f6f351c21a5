"""A TCP proxy that fails on request: what lies between a client and a server it has not to understand (TLS, say)."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable

_CHUNK = 65536
# Closing with SO_LINGER on and 0 seconds sends RST in place of FIN (socket(7)).
_RESET = struct.pack("ii", 1, 0)


class _Link:
    """One client's connection and the one to the server."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.writers = (client, server)
        self.is_silent = False

    def reset(self) -> None:
        for writer in self.writers:
            _reset(writer)


class FaultingProxy:
    """Forwards 127.0.0.1:`port` to another port of this host, in a thread of its own.

    The settings may be changed at any time: `refuses`: new connections are
    reset; `delay`: seconds before each chunk is forwarded, either way; `cuts`:
    the probability with which a chunk from the server ends in its middle and
    both connections are reset. `struck` counts the connections and chunks that
    met a fault.
    """

    def __init__(self, server_port: int, seed: int) -> None:
        self._server_port = server_port
        self._random = random.Random(f"proxy {seed}")
        self.refuses = False
        self.delay = 0.0
        self.cuts = 0.0
        self.struck = 0
        self._flows = asyncio.Event()
        self._flows.set()
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, name="faulting proxy", daemon=True)
        self._thread.start()

    def reset_all(self) -> None:
        """Resets all connections."""
        def strike() -> None:
            for link in list(self._links):
                self._strike_down(link)

        self._call(strike)

    def silence_all(self) -> None:
        """The connections that are open swallow whatever comes from now on, and stay open; new ones work."""
        def silence() -> None:
            for link in self._links:
                link.is_silent = True

        self._call(silence)

    def close_all(self) -> None:
        """Closes all connections in good order (FIN)."""
        def close() -> None:
            for link in self._links:
                for writer in link.writers:
                    writer.close()

        self._call(close)

    def lead_to(self, server_port: int) -> None:
        """Where new connections go."""
        self._server_port = server_port

    def hang(self) -> None:
        """Forwards nothing more, either way; connections stay open, and are accepted."""
        self._call(self._flows.clear)

    def flow(self) -> None:
        """Goes on after `hang`."""
        self._call(self._flows.set)

    def close(self) -> None:
        """Ends all connections and the thread."""
        self._call(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._finish())
        self._loop.close()

    async def _finish(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in list(self._links):
            link.reset()

    def _call(self, call: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(call)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            self.struck += 1
            _reset(writer)
            return
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            # The server is away: its clients are told so by a reset.
            _reset(writer)
            return
        link = _Link(writer, server_writer)
        self._links.add(link)
        for pump in (self._pump(link, reader, server_writer, 0.0), self._pump(link, server_reader, writer, None)):
            task = self._loop.create_task(pump)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cuts: float | None) -> None:
        """Forwards one way until either end closes. `cuts` None: as the proxy is set."""
        try:
            while data := await reader.read(_CHUNK):
                if link.is_silent:
                    self.struck += 1
                    continue
                if self.delay:
                    self.struck += 1
                    await asyncio.sleep(self.delay)
                if not self._flows.is_set():
                    self.struck += 1
                    await self._flows.wait()
                if self._random.random() < (self.cuts if cuts is None else cuts):
                    writer.write(data[:len(data) // 2])
                    await writer.drain()
                    self._strike_down(link)
                    return
                writer.write(data)
                await writer.drain()
        except OSError:
            # One end has reset its connection: so does the proxy with the other one.
            link.reset()
        else:
            writer.close()
        finally:
            self._links.discard(link)

    def _strike_down(self, link: _Link) -> None:
        self.struck += 1
        link.reset()


def _reset(writer: asyncio.StreamWriter) -> None:
    link = writer.get_extra_info("socket")
    if link is not None and not writer.transport.is_closing():
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()
