"""An API server that answers without end: what a server that is broken, or taken over, may do to its clients."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Callable
from urllib.parse import parse_qs, urlsplit

Handler = Callable[[BaseHTTPRequestHandler, dict[str, list[str]]], None]


class EndlessAPI:
    """Serves kube-system and empty lists and watches, except where `endless` takes a path over."""

    def __init__(self, endless: dict[str, Handler]) -> None:
        self._endless = endless
        self._stopping = threading.Event()
        owner = self

        class Requests(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                owner.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="endless API", daemon=True).start()

    def __enter__(self) -> EndlessAPI:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def write_kubeconfig(self, path: Path) -> None:
        server = f"http://127.0.0.1:{self._server.server_address[1]}"
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": server}}], "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}))

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        query = parse_qs(parts.query)
        try:
            if parts.path in self._endless:
                self._endless[parts.path](request, query)
            elif parts.path.endswith("/kube-system"):
                send(request, {"metadata": {"name": "kube-system", "uid": "11111111-0000-0000-0000-000000000000"}})
            elif "watch" in query:
                begin_stream(request)
                self._stopping.wait()
            else:
                send(request, {"metadata": {"resourceVersion": "1"}, "items": []})
        except (BrokenPipeError, ConnectionResetError):
            request.close_connection = True  # The client has had enough.


def send(request: BaseHTTPRequestHandler, answer: object) -> None:
    body = json.dumps(answer).encode()
    request.send_response(200)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


def begin_stream(request: BaseHTTPRequestHandler) -> None:
    """An answer without a length, which ends with its connection."""
    request.send_response(200)
    request.send_header("Connection", "close")
    request.end_headers()
    request.wfile.flush()
