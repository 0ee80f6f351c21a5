"""A small Kubernetes API with TLS: pods can be read and deleted, and it can misbehave.

It holds what these tests need and no more: GET and DELETE of one pod, preconditions, a
node and its pods, bearer tokens or client certificates, and faults in the middle of an answer.
"""
import json
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

TOKEN = "node1token"


def make_certificates(directory: Path) -> None:
    """A certificate authority, a server's certificate for 127.0.0.1, and a client's."""
    def openssl(*arguments: str) -> None:
        subprocess.run(("openssl",) + arguments, cwd=str(directory), check=True, stderr=subprocess.DEVNULL)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=test-ca")
    for name, subject, extension in (("server", "/CN=kube-apiserver", "subjectAltName=IP:127.0.0.1"),
                                     ("client", "/O=system:nodes/CN=system:node:node1", "extendedKeyUsage=clientAuth")):
        openssl("req", *new_key, "-keyout", name + ".key", "-out", name + ".csr", "-subj", subject)
        (directory / "extensions").write_text(extension)
        openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", name + ".crt", "-days", "2", "-extfile", "extensions")


class KubernetesAPI:
    """The server. `pods` is what it holds, `requests` what it was asked."""

    def __init__(self, directory: Path, require_client_certificate: bool = False) -> None:
        """Start it on a free port of 127.0.0.1, with certificates in a directory of its own."""
        directory.mkdir()
        make_certificates(directory)
        self.directory = directory
        self.pods = {}  # type: Dict[str, Dict[str, Any]]
        self.nodes = {}  # type: Dict[str, Dict[str, Any]]
        self.requests = []  # type: List[Tuple[str, str, Optional[Dict[str, Any]]]]
        # Called with the handler before an answer; a true result means that it has answered.
        self.fault = None  # type: Optional[Callable[[Any], bool]]
        self.stopped = threading.Event()
        self.require_client_certificate = require_client_certificate
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(str(directory / "server.crt"), str(directory / "server.key"))
        if require_client_certificate:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(str(directory / "ca.crt"))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = "https://127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Stop serving; answers that hang end."""
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()

    def add(self, name: str, uid: str, namespace: str = "default", phase: str = "Running", node: Optional[str] = "node1",
            **metadata: Any) -> Dict[str, Any]:
        """Put a pod in."""
        pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"nodeName": node} if node else {}, "status": {"phase": phase},
               "metadata": dict({"name": name, "namespace": namespace, "uid": uid, "resourceVersion": "7"}, **metadata)}
        self.pods[namespace + "/" + name] = pod
        return pod

    def add_node(self, name: str, **allocatable: str) -> None:
        """Put a node in."""
        self.nodes[name] = {"metadata": {"name": name}, "status": {"allocatable": dict({"pods": "110"}, **allocatable)}}

    def deletions(self) -> List[Dict[str, Any]]:
        """The bodies of all DELETE requests."""
        return [body or {} for method, _, body in self.requests if method == "DELETE"]

    def answer(self, method: str, path: str, body: Optional[Dict[str, Any]]) -> Tuple[int, Dict[str, Any]]:
        """Status and object for a request, as kube-apiserver answers it."""
        self.requests.append((method, path, body))
        parts = path.split("/")  # /api/v1/namespaces/NAMESPACE/pods/NAME
        if path.startswith("/api/v1/nodes/"):
            node = self.nodes.get(parts[4])
            return (200, node) if node else (404, status(404, "NotFound", 'nodes "%s" not found' % parts[4]))
        if path.startswith("/api/v1/pods?fieldSelector=spec.nodeName%3D"):
            items = [pod for pod in self.pods.values() if pod["spec"].get("nodeName") == path.partition("%3D")[2]]
            return 200, {"kind": "PodList", "items": items}
        key = parts[4] + "/" + parts[6]
        pod = self.pods.get(key)
        if pod is None:
            return 404, status(404, "NotFound", 'pods "%s" not found' % parts[6])
        if method == "GET":
            return 200, pod
        for name, wanted in ((body or {}).get("preconditions") or {}).items():
            if pod["metadata"][name] != wanted:
                return 409, status(409, "Conflict", "Precondition failed: %s" % name)
        pod["metadata"]["deletionTimestamp"] = "2026-11-24T03:34:47Z"
        return 200, pod

    def handler(self) -> Any:
        """The class of request handlers, bound to this server."""
        api = self

        class Handler(BaseHTTPRequestHandler):
            """One connection."""
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                """Any method: read the body, ask for faults, answer."""
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                if api.fault is not None and api.fault(self):
                    return
                authorized = api.require_client_certificate or self.headers.get("Authorization") == "Bearer " + TOKEN
                code, answer = api.answer(self.command, self.path, body) if authorized else (
                    401, status(401, "Unauthorized", "Unauthorized"))
                self.send(code, answer)

            do_DELETE = do_GET

            def send(self, code: int, answer: Dict[str, Any]) -> None:
                """One JSON answer."""
                text = json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *arguments: Any) -> None:
                """Tests look at `requests` instead of a log."""

        return Handler

    def hang(self, handler: Any) -> bool:
        """A fault: take the request and never answer."""
        self.stopped.wait(60)
        return True

    def trickle(self, handler: Any) -> bool:
        """A fault: answer one octet at a time, for ever."""
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
        while not self.stopped.wait(0.05):
            handler.wfile.write(b" ")
        return True


def status(code: int, reason: str, message: str) -> Dict[str, Any]:
    """A Status object."""
    return {"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}


def elapsed(work: Callable[[], Any]) -> Tuple[float, Any]:
    """Seconds that work takes, and its result."""
    start = time.monotonic()
    result = work()
    return time.monotonic() - start, result
