"""A TLS server before one that speaks plain HTTP: its certificates can be changed, and it knows its clients' certificates."""

from __future__ import annotations

import asyncio
import re
import ssl
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")
_CHUNK = 65536


class TLSFront:
    """Listens on 127.0.0.1:`port` while `serve` has given it a certificate; in a thread of its own.

    `clients` holds the common name in the client certificate of each connection, "" for none;
    `hosts` all Host headers.
    """

    # The protocols that are offered in the TLS handshake.
    alpn = ["http/1.1"]

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.clients: list[str] = []
        self.hosts: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="TLS front", daemon=True)
        self._thread.start()

    def serve(self, certificate: Path, key: Path, clients_authority: Path | None = None) -> None:
        """Starts with this certificate, or starts again with it on the same port: connections are closed.

        With `clients_authority` only clients with a certificate of that authority come in.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        context.set_alpn_protocols(self.alpn)
        if clients_authority is not None:
            context.load_verify_locations(clients_authority)
            context.verify_mode = ssl.CERT_REQUIRED
        self._run(self._serve(context))

    def close(self) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _serve(self, context: ssl.SSLContext) -> None:
        await self._stop()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        certificate = writer.get_extra_info("peercert") or {}
        names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
        self.clients.append(names[0] if names else "")
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._writers |= {writer, server_writer}
        try:
            await asyncio.gather(_pump(reader, server_writer, self.hosts), _pump(server_reader, writer, set()))
        finally:
            self._writers -= {writer, server_writer}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hosts: set[str]) -> None:
    """Forwards one way, and notes the Host headers in what passes."""
    try:
        while data := await reader.read(_CHUNK):
            hosts.update(host.decode() for host in re.findall(rb"^Host: (\S+)", data, re.M | re.I))
            writer.write(data)
            await writer.drain()
    except (OSError, ssl.SSLError):
        pass  # The other end is told by the close that follows.
    writer.close()
