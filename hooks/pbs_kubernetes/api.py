"""The Kubernetes API, with kubelet's own credential."""
import json
import os
import re
import tempfile
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Tuple, TypeVar

from .context import Host
from .jobs import Pod
from .kubeconfig import KubernetesError, credential, read_kubeconfig
from .settings import LONGEST_API_TIMEOUT
from .text import LONGEST_FILE, printable, read_file


# Octets. An object is at most 1.5 MiB in etcd; a host's pods come in one answer.
LONGEST_OBJECT = 4 * 2 ** 20
LONGEST_LIST = 16 * 2 ** 20
# Of an answer that is nested too deep to be read at once.
LONGEST_NESTED = 4 * 2 ** 20
CONTENT_TYPES = {"PATCH": "application/strategic-merge-patch+json"}


class TooLong(KubernetesError):
    """An answer that is not read to its end, or nested too deep in too much text: of less at once it may be."""


class KubernetesAPI:
    """The few requests this hook makes, each bounded by the time that is left of api_timeout."""

    def __init__(self, kubeconfig: str, deadline: float) -> None:
        """Read the kubeconfig; `deadline` is a time.monotonic() value."""
        # Only here: most events need neither, and ssl takes longer to load than the rest of the hook to run.
        import http.client
        import urllib.parse
        self.deadline = deadline
        # When the server sent its last answer by its own clock, in seconds since the epoch.
        self.date: Optional[float] = None
        self.cluster = read_kubeconfig(kubeconfig)
        url = urllib.parse.urlsplit(self.cluster.server)
        if url.scheme not in ("https", "http") or not url.hostname:
            raise KubernetesError("kubeconfig %s: server %r is no URL" % (kubeconfig, self.cluster.server))
        self.prefix = url.path.rstrip("/")
        self.headers = {"Accept": "application/json", "User-Agent": "pbs_kubernetes"}
        try:
            if url.scheme == "https":
                self.connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                    url.hostname, url.port or 443, timeout=self.time_left(), context=self.tls_context())
            else:
                self.connection = http.client.HTTPConnection(url.hostname, url.port or 80, timeout=self.time_left())
            self.authorize()
        except (OSError, ValueError) as error:
            raise KubernetesError("kubeconfig %s: %s" % (kubeconfig, error))

    def time_left(self) -> float:
        """Seconds until the deadline."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise KubernetesError("no time left")
        return left

    def tls_context(self) -> Any:
        """How the server is verified, and kubelet's client certificate."""
        import ssl
        authority = credential(self.cluster, self.cluster.cluster, "certificate-authority")
        context = ssl.create_default_context(cadata=authority)
        # On by default since Python 3.13: it refuses authorities without key identifiers, of which clusters have many.
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
        if self.cluster.cluster.get("insecure-skip-tls-verify"):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        certificate = credential(self.cluster, self.cluster.user, "client-certificate")
        key = credential(self.cluster, self.cluster.user, "client-key")
        if certificate and key:
            # Python loads them from files only. NamedTemporaryFile makes one that only its owner may read.
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
                file.write(certificate + "\n" + key + "\n")
                file.flush()
                context.load_cert_chain(file.name)
        return context

    def authorize(self) -> None:
        """Set the bearer token, where the user has one."""
        user = self.cluster.user
        token = user.get("token")
        if user.get("tokenFile"):
            token = read_file(os.path.join(self.cluster.directory, user["tokenFile"]), LONGEST_FILE).strip()
        if token:
            self.headers["Authorization"] = "Bearer " + str(token)

    def request(self, method: str, path: str, body: Optional[Dict[str, Any]] = None,
                most: int = LONGEST_OBJECT) -> Tuple[int, Dict[str, Any]]:
        """Status and JSON object of one answer of at most `most` octets."""
        import http.client
        headers = dict(self.headers)
        if body is not None:
            headers["Content-Type"] = CONTENT_TYPES.get(method, "application/json")
        try:
            self.connection.timeout = self.time_left()
            if self.connection.sock is not None:
                self.connection.sock.settimeout(self.time_left())
            self.connection.request(method, self.prefix + path, json.dumps(body) if body is not None else None, headers)
            # A server that closes after its answer leaves the socket to the response alone.
            with self.connection.getresponse() as response:
                # An API server passes on what is no UTF-8 in keys of managedFields.
                answer = parse(self.read(response, most).decode("utf-8", "replace"))
                self.date = date_of(response.getheader("Date"))
        except (KubernetesError, RecursionError, OSError, http.client.HTTPException, ValueError) as error:
            # The rest of this answer must not be taken for the next one.
            self.connection.close()
            if isinstance(error, RecursionError):
                raise TooLong("%s %s: the answer is nested too deep" % (method, path))
            if isinstance(error, KubernetesError):
                raise
            raise KubernetesError("%s %s: %s" % (method, path, error or type(error).__name__))
        if not isinstance(answer, dict):
            raise KubernetesError("%s %s: the answer is no object" % (method, path))
        return response.status, answer

    def read(self, response: Any, most: int) -> bytes:
        """A body of at most `most` octets, until the deadline however it comes."""
        parts: List[bytes] = []
        length = 0
        while True:
            if self.connection.sock is not None:
                self.connection.sock.settimeout(self.time_left())
            part = response.read1(2 ** 16)
            if not part:
                response.close()  # frees the connection for the next request
                return b"".join(parts)
            parts.append(part)
            length += len(part)
            if length > most:
                raise TooLong("the answer is longer than %d octets" % most)


def date_of(header: Optional[str]) -> Optional[float]:
    """Seconds since the epoch of a Date header; None where there is none that can be read."""
    import email.utils
    try:
        return email.utils.parsedate_to_datetime(header).timestamp() if header else None
    except (TypeError, ValueError):
        return None


Answer = TypeVar("Answer")


def within(seconds: float, work: Callable[[], Answer]) -> Answer:
    """The result of `work`, or KubernetesError when it takes longer.

    A socket timeout bounds one wait, not their sum, and nothing bounds a name lookup; so the
    work is left to a thread that dies with this process.
    """
    results: List[Answer] = []
    errors: List[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:  # handed to the caller below
            errors.append(error)

    worker = threading.Thread(target=run)
    worker.daemon = True
    worker.start()
    worker.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise KubernetesError("no answer within %g s" % seconds)
    return results[0]


def quote(text: str) -> str:
    """Text as one segment of a URL."""
    import urllib.parse
    # "." and ".." would be taken for directories, whatever is escaped.
    return urllib.parse.quote(text, safe="") if text.strip(".") else text.replace(".", "%2E")


def pod_path(pod: Pod) -> str:
    """The API path of a pod."""
    return "/api/v1/namespaces/%s/pods/%s" % (quote(pod.namespace), quote(pod.name))


def parse(text: str) -> Any:
    """JSON, of which what is nested deeper than anything of Kubernetes' is left out: users may nest
    managedFields as deep as they like, and one pod is not to hide the others of its node."""
    try:
        return json.loads(text)
    except RecursionError:
        if len(text) > LONGEST_NESTED:
            raise
        return json.loads(shallow(text))


def shallow(text: str, most: int = 100) -> str:
    """The same with empty objects and arrays in place of those deeper than `most`."""
    parts: List[str] = []
    depth, start = 0, 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[{\]}]', text):
        if token.group() in "[{":
            depth += 1
            if depth == most + 1:
                parts.append(text[start:token.end()])
        elif token.group() in "]}":
            if depth == most + 1:
                start = token.start()
            depth -= 1
    parts.append(text[start:])
    return "".join(parts)


def failure(status: int, answer: Dict[str, Any]) -> KubernetesError:
    """The error that an answer of the API tells of."""
    return KubernetesError("%d: %s" % (
        status, printable(str(answer.get("message") or answer.get("reason") or "no reason given"))))


def member(value: Dict[str, Any], key: str) -> Dict[str, Any]:
    """An object's member that is an object; empty where it is missing or of another kind."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


# Seconds.
LONGEST_WAIT_OF_MOM = 1


def ask_api(host: Host, work: Callable[[KubernetesAPI], Answer], most: float = LONGEST_API_TIMEOUT) -> Answer:
    """The result of `work` on the API, within `most` seconds, and within what this event has
    left of api_timeout."""
    seconds = min(most, host.api_time_left)
    if seconds <= 0:
        raise KubernetesError("no time left")
    start = time.monotonic()
    try:
        return within(seconds, lambda: work(KubernetesAPI(host.settings.kubeconfig, start + seconds)))
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise KubernetesError("an answer that makes no sense: %r" % error)
    finally:
        host.api_time_left -= time.monotonic() - start
