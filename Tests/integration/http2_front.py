"""HTTP/2 by TLS before a server that speaks plain HTTP/1.1, as a kube-apiserver speaks it: with libnghttp2, which libcurl brings."""

from __future__ import annotations

import asyncio
import ctypes
import ssl
from ctypes import POINTER, byref, c_char_p, c_int, c_int32, c_size_t, c_ssize_t, c_uint8, c_uint32, c_void_p
from dataclasses import dataclass, field
from typing import Any

from integration.tls_front import TLSFront

LIBRARY = "libnghttp2.so.14"
_DATA, _HEADERS, _END_STREAM = 0, 1, 1
_DEFERRED, _DATA_FLAG_EOF = -508, 1
_CHUNK = 65536


class _FrameHead(ctypes.Structure):
    """nghttp2_frame_hd, which each frame begins with."""

    _fields_ = [("length", c_size_t), ("stream_id", c_int32), ("type", c_uint8), ("flags", c_uint8), ("reserved", c_uint8)]


class _Header(ctypes.Structure):
    """nghttp2_nv."""

    _fields_ = [("name", c_char_p), ("value", c_char_p), ("name_length", c_size_t), ("value_length", c_size_t), ("flags", c_uint8)]


_Read = ctypes.CFUNCTYPE(c_ssize_t, c_void_p, c_int32, c_void_p, c_size_t, POINTER(c_uint32), c_void_p, c_void_p)


class _Provider(ctypes.Structure):
    """nghttp2_data_provider."""

    _fields_ = [("source", c_void_p), ("read", _Read)]


_OnHeader = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(_FrameHead), c_void_p, c_size_t, c_void_p, c_size_t, c_uint8, c_void_p)
_OnFrame = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(_FrameHead), c_void_p)
_OnData = ctypes.CFUNCTYPE(c_int, c_void_p, c_uint8, c_int32, c_void_p, c_size_t, c_void_p)
_OnClose = ctypes.CFUNCTYPE(c_int, c_void_p, c_int32, c_uint32, c_void_p)


def missing() -> str | None:
    """Why there can be no HTTP/2 here; None where there can."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError as error:
        return str(error)
    return None


@dataclass
class _Stream:
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    # What the client is still to get, and whether that is all.
    answer: bytearray = field(default_factory=bytearray)
    is_whole: bool = False
    provider: Any = None


class HTTP2Front(TLSFront):
    """A TLSFront whose clients speak HTTP/2. `connections` counts them."""

    alpn = ["h2"]

    def __init__(self, server_port: int) -> None:
        super().__init__(server_port)
        self.connections = 0
        self._open: set[_Connection] = set()

    def go_away(self) -> int:
        """Tells all clients to take their further requests elsewhere, as a server that shuts down does; what it has
        begun it ends, save for watches, which are cut off in good order. Returns how many clients there were."""
        async def tell() -> int:
            connections = [connection for connection in self._open if not connection.leaves]
            for connection in connections:
                connection.go_away()
            return len(connections)

        return self._run(tell())

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = _Connection(writer, self._server_port)
        self._open.add(connection)
        self._writers.add(writer)
        try:
            while data := await reader.read(_CHUNK):
                connection.receive(data)
        except (OSError, ssl.SSLError):
            pass  # The client is gone.
        finally:
            self._writers.discard(writer)
            self._open.discard(connection)
            connection.close()


class _Connection:
    """One client's session."""

    def __init__(self, writer: asyncio.StreamWriter, server_port: int) -> None:
        self._writer = writer
        self._server_port = server_port
        self._streams: dict[int, _Stream] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.leaves = False
        self._library = ctypes.CDLL(LIBRARY)
        self._library.nghttp2_session_mem_recv.restype = c_ssize_t
        self._library.nghttp2_session_mem_send.restype = c_ssize_t
        # Kept as long as the session: the library holds their addresses.
        self._callbacks = (_OnHeader(self._on_header), _OnFrame(self._on_frame), _OnData(self._on_data), _OnClose(self._on_close))
        names = ("on_header", "on_frame_recv", "on_data_chunk_recv", "on_stream_close")
        table = c_void_p()
        self._library.nghttp2_session_callbacks_new(byref(table))
        for name, callback in zip(names, self._callbacks):
            getattr(self._library, f"nghttp2_session_callbacks_set_{name}_callback")(table, callback)
        self._session = c_void_p()
        self._library.nghttp2_session_server_new(byref(self._session), table, None)
        self._library.nghttp2_session_callbacks_del(table)
        self._library.nghttp2_submit_settings(self._session, c_uint8(0), None, c_size_t(0))
        self._send()

    def receive(self, data: bytes) -> None:
        read = self._library.nghttp2_session_mem_recv(self._session, data, c_size_t(len(data)))
        if read < 0:
            raise ConnectionError(f"nghttp2: {read}")
        self._send()

    def go_away(self) -> None:
        last = self._library.nghttp2_session_get_last_proc_stream_id(self._session)
        self._library.nghttp2_submit_goaway(self._session, c_uint8(0), c_int32(last), c_uint32(0), None, c_size_t(0))
        self.leaves = True
        self._send()
        for stream in self._streams.values():
            if any(name == ":path" and "watch=" in value for name, value in stream.headers):
                stream.is_whole = True
        self._resume()

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._library.nghttp2_session_del(self._session)
        self._session = c_void_p()
        self._writer.close()

    def _send(self) -> None:
        pointer = c_void_p()
        while (length := self._library.nghttp2_session_mem_send(self._session, byref(pointer))) > 0:
            if not self._writer.is_closing():
                self._writer.write(ctypes.string_at(pointer, length))
        if self.leaves and not self._streams:
            self._writer.close()

    def _resume(self) -> None:
        if self._session:
            for identifier in list(self._streams):
                self._library.nghttp2_session_resume_data(self._session, c_int32(identifier))
            self._send()

    # What nghttp2 tells

    def _on_header(self, _: int, frame: Any, name: int, name_length: int, value: int, value_length: int, *__: object) -> int:
        stream = self._streams.setdefault(frame.contents.stream_id, _Stream())
        stream.headers.append((ctypes.string_at(name, name_length).decode(), ctypes.string_at(value, value_length).decode()))
        return 0

    def _on_data(self, _: int, flags: int, identifier: int, data: int, length: int, __: object) -> int:
        self._streams[identifier].body += ctypes.string_at(data, length)
        return 0

    def _on_frame(self, _: int, frame: Any, __: object) -> int:
        head = frame.contents
        if head.type in (_DATA, _HEADERS) and head.flags & _END_STREAM:
            task = asyncio.get_running_loop().create_task(self._serve(head.stream_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return 0

    def _on_close(self, _: int, identifier: int, __: int, ___: object) -> int:
        self._streams.pop(identifier, None)
        return 0

    # One request

    async def _serve(self, identifier: int) -> None:
        stream = self._streams.get(identifier)
        if stream is None:
            return
        fields = dict(stream.headers)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        try:
            lines = [f"{fields[':method']} {fields[':path']} HTTP/1.1", f"host: {fields[':authority']}", "connection: close",
                     f"content-length: {len(stream.body)}"]
            lines += [f"{name}: {value}" for name, value in stream.headers if name[0] != ":" and name != "content-length"]
            writer.write("\r\n".join([*lines, "", ""]).encode() + stream.body)
            status, *headers = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
            pairs = [(name.lower(), value.strip()) for name, value in (line.split(":", 1) for line in headers)]
            self._answer(identifier, stream, status.split()[1], pairs)
            await self._forward(reader, dict(pairs), stream)
        except (OSError, asyncio.IncompleteReadError):
            pass  # The server has gone: so does the client's stream, with what it got.
        finally:
            stream.is_whole = True
            writer.close()
            self._resume()

    def _answer(self, identifier: int, stream: _Stream, status: str, pairs: list[tuple[str, str]]) -> None:
        kept = [(":status", status), *(pair for pair in pairs if pair[0] not in ("connection", "transfer-encoding", "content-length"))]
        encoded = [(name.encode(), value.encode()) for name, value in kept]
        table = (_Header * len(encoded))(*[_Header(name, value, len(name), len(value), 0) for name, value in encoded])

        def read(_: int, __: int, buffer: int, size: int, flags: Any, *___: object) -> int:
            piece = bytes(stream.answer[:size])
            if not piece and not stream.is_whole:
                return _DEFERRED
            del stream.answer[:len(piece)]
            ctypes.memmove(buffer, piece, len(piece))
            if stream.is_whole and not stream.answer:
                flags[0] |= _DATA_FLAG_EOF
            return len(piece)

        stream.provider = _Provider(None, _Read(read))
        self._library.nghttp2_submit_response(self._session, c_int32(identifier), table, c_size_t(len(encoded)), byref(stream.provider))
        self._send()

    async def _forward(self, reader: asyncio.StreamReader, headers: dict[str, str], stream: _Stream) -> None:
        def take(data: bytes) -> None:
            stream.answer += data
            self._resume()

        if headers.get("transfer-encoding") != "chunked":
            take(await reader.readexactly(int(headers.get("content-length", "0"))))
            return
        while size := int(await reader.readline(), 16):
            take(await reader.readexactly(size))
            await reader.readline()
