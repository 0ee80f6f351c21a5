#!/usr/bin/env python3
"""A binder in Python, written from docs/protocol.md alone: it stands in for the one of this package.

    replacement_binder.py --broker /run/pbs-connector/pbs-broker.sock --kubeconfig FILE

It binds, reports, evicts and gives volume claims their node, one request after the other. The kubeconfig must be JSON, since Python has no reader
for YAML; `kubectl config view --raw --minify -o json` prints any kubeconfig so. Server, certificate authority, token
and client certificate are understood, inline or as files.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import re
import select
import signal
import socket
import ssl
import sys
import tempfile
import time
import unicodedata
import urllib.parse
from collections import OrderedDict
from datetime import datetime, timezone
from typing import Any, Callable

Message = dict[str, Any]
Key = tuple[str, str]

PROTOCOL = 1
FRAME_LIMIT = 4 << 20  # octets (docs/protocol.md, "Limits and errors")
# Seconds. Pings are answered between requests only: one that hangs longer costs the connection, and no more than that.
REQUEST_TIMEOUT = 4
ANOTHER = (409, 422)  # what a change answers when the pod is another one, or in another state, than it says
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
ROUNDS = 5  # how often a pod is looked at again that changes while it is acted on
SELECTED_NODE = "volume.kubernetes.io/selected-node"
TEXT_LIMIT = 1024  # octets of a condition's or an Event's message
EVENT_INTERVAL = 300.0  # seconds before an Event of the same words is written again
EVENTS_REMEMBERED = 4096

# What is a name (docs/protocol.md, "Pod reference").
ALNUM = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
LABEL = re.compile(rf"(?=.{{1,63}}\Z){ALNUM}\Z")
SUBDOMAIN = re.compile(rf"(?=.{{1,253}}\Z){ALNUM}(\.{ALNUM})*\Z")
UID = re.compile(r"(?=.{1,64}\Z)[A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?\Z")
JOB = re.compile(r"(?=.{1,255}\Z)[0-9]{1,12}(\[[0-9]{0,9}\])?(\.[A-Za-z0-9_][-._A-Za-z0-9]*)?\Z")
REASON = re.compile(r"[A-Za-z0-9]{1,128}\Z")


def log(text: str) -> None:
    """Write one line to standard error."""
    print(f"binder: {text}", file=sys.stderr, flush=True)


class ProtocolError(Exception):
    """The peer does not keep to the protocol; the connection is of no use any more."""


class Refused(Exception):
    """An answer of the API server that is no success: its HTTP status, its words, and seconds to wait (Retry-After)."""

    def __init__(self, status: int, words: str, rest: float) -> None:
        super().__init__(f"{status}: {words}")
        self.status = status
        self.rest = rest


class Kubernetes:
    """Requests to the API server of a kubeconfig's current context, one at a time."""

    def __init__(self, path: str) -> None:
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
        context = self._named(config, "contexts", "context", config["current-context"])
        cluster = self._named(config, "clusters", "cluster", context["cluster"])
        user = self._named(config, "users", "user", context["user"])
        self._url = urllib.parse.urlsplit(cluster["server"])
        self._headers = {"Accept": "application/json"}
        if "token" in user:
            self._headers["Authorization"] = f"Bearer {user['token']}"
        self._tls = self._security(cluster, user) if self._url.scheme == "https" else None
        self._connection: http.client.HTTPConnection | None = None

    @staticmethod
    def _named(config: Message, collection: str, member: str, name: str) -> Message:
        return next(item[member] for item in config[collection] if item["name"] == name)

    @staticmethod
    def _security(cluster: Message, user: Message) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=cluster.get("certificate-authority"))
        if "certificate-authority-data" in cluster:
            context.load_verify_locations(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        if cluster.get("insecure-skip-tls-verify"):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if "client-certificate-data" in user:
            # The ssl module loads client certificates from files only.
            with tempfile.NamedTemporaryFile() as file:
                file.write(b"\n".join(base64.b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key")))
                file.flush()
                context.load_cert_chain(file.name)
        elif "client-certificate" in user:
            context.load_cert_chain(user["client-certificate"], user["client-key"])
        return context

    def request(self, method: str, path: str, body: Message | None = None,
                content_type: str = "application/json") -> Message:
        """Send one request and return the answer's object.

        Raises Refused for any other status than 2xx, OSError or http.client.HTTPException where no whole answer came.
        """
        headers = {**self._headers, "Content-Type": content_type}
        data = json.dumps(body).encode() if body is not None else None
        connection = self._connection or self._connect()
        self._connection = None
        connection.request(method, self._url.path.rstrip("/") + path, data, headers)
        response = connection.getresponse()
        answer = response.read()
        if not response.will_close:
            self._connection = connection
        if not 200 <= response.status < 300:
            try:
                words = json.loads(answer)["message"]
            except (ValueError, KeyError, TypeError):
                words = answer[:200].decode(errors="replace")
            raise Refused(response.status, words, float(response.headers.get("Retry-After") or 1))
        parsed: Message = json.loads(answer)
        return parsed

    def _connect(self) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(self._url.netloc, timeout=REQUEST_TIMEOUT, context=self._tls)
        return http.client.HTTPConnection(self._url.netloc, timeout=REQUEST_TIMEOUT)


class Broker:
    """One connection to pbs-broker: frames both ways, hello, pings, ownership and the messages that stand."""

    def __init__(self, path: str, instance: str) -> None:
        self.instance = instance
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise
        self._buffer = b""
        self._owns_until = 0.0
        self._unknown: set[str] = set()
        # The newest message of each pod, or of each claim of a pod, that is ours to act on.
        self.wanted: OrderedDict[Key, Message] = OrderedDict()
        self.send({"type": "hello", "protocol": PROTOCOL, "role": "binder", "instance": instance})

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def send(self, message: Message) -> None:
        """Send one frame."""
        text = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        self._socket.sendall(b"%d %s" % (len(text), text))

    def owns(self, message: Message) -> bool:
        """Whether this message still stands, and is still ours to act on, at this moment."""
        return (self.wanted.get(key_of(message)) is message
                and time.clock_gettime(time.CLOCK_BOOTTIME) < self._owns_until)

    def receive(self, timeout: float | None) -> None:
        """Take in what the broker has sent, after waiting for it so many seconds (None: for ever).

        Raises ProtocolError when the connection is of no use any more, its end included.
        """
        while select.select([self._socket], [], [], timeout)[0]:
            octets = self._socket.recv(1 << 16)
            if not octets:
                raise ProtocolError("pbs-broker has closed the connection")
            self._buffer += octets
            while (json_text := self._next_frame()) is not None:
                self._take(json_text)
            timeout = 0

    def _next_frame(self) -> bytes | None:
        digits, space, rest = self._buffer.partition(b" ")
        if digits and not (digits.isdigit() and len(digits) <= 7 and not digits.startswith(b"0")):
            raise ProtocolError(f"not a frame: {self._buffer[:20]!r}")
        if not space:
            return None
        length = int(digits or b"0")
        if not 0 < length <= FRAME_LIMIT:
            raise ProtocolError(f"a frame of {length} octets")
        if len(rest) < length:
            return None
        if rest[length - 1:length] != b"\n":
            raise ProtocolError("a frame does not end in a line feed")
        self._buffer = rest[length:]
        return rest[:length]

    def _take(self, json_text: bytes) -> None:
        try:
            message: Message = json.loads(json_text)
            kind = message["type"]
        except (ValueError, KeyError, TypeError):
            raise ProtocolError("a message is not a JSON object with a type") from None
        if kind == "hello":
            if message["protocol"] != PROTOCOL:
                raise ProtocolError(f"pbs-broker speaks protocol {message['protocol']}, not {PROTOCOL}")
        elif kind == "ping":
            self._owns_until = message["ownsUntil"]
            self.send({"type": "pong"})
        elif kind == "goodbye":
            raise ProtocolError(message["reason"])
        elif kind in ("bind", "report", "evict", "select-node"):
            key = key_of(message)
            self.wanted.pop(key, None)
            is_withdrawn = kind == "select-node" and "node" not in message
            if message.get("owner") == self.instance and not is_withdrawn:
                self.wanted[key] = message
        elif kind == "withdraw":
            self.wanted.pop(key_of(message), None)
        elif kind != "synced" and kind not in self._unknown:
            self._unknown.add(kind)
            log(f"message {kind} is unknown, ignored")

    def answer(self, message: Message, result: str, words: str | None) -> None:
        """Send the outcome of a message, unless it was replaced or withdrawn meanwhile."""
        key = key_of(message)
        if self.wanted.get(key) is not message:
            return
        del self.wanted[key]
        outcome = {"pod": message["pod"], "result": result}
        if message["type"] == "select-node":
            outcome |= {"type": "claim-outcome", "claim": message["claim"]}
            members: tuple[str, ...] = ("id",)
        else:
            outcome |= {"type": "outcome", "request": message["type"]}
            members = ("id", "job")
        for member in members:
            if message.get(member) is not None:
                outcome[member] = message[member]
        if words:
            outcome["message"] = words
        self.send(outcome)


class Binder:
    """What is done for each message: returns the outcome's result and the API server's words."""

    def __init__(self, kubernetes: Kubernetes, instance: str, scheduler_names: list[str]) -> None:
        self._kubernetes = kubernetes
        self._instance = instance
        self._scheduler_names = scheduler_names
        # When an Event was last written, by pod, reason and the message without its numbers.
        self._events: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def perform(self, message: Message, owns: Callable[[], bool]) -> tuple[str, str | None, float]:
        """Do what a message asks for. Returns result, words, and seconds to wait before the next request."""
        actions = {"bind": self._bind, "report": self._report, "evict": self._evict, "select-node": self._select_node}
        problem = problem_of(message)
        if problem is not None:
            log(f"message {message['type']} is refused: {problem}")
            return "refused", problem, 0.0
        try:
            return *actions[message["type"]](message, owns), 0.0
        except Refused as refusal:
            if refusal.status == 404:
                return "gone", str(refusal), 0.0
            if refusal.status in (401, 429) or refusal.status >= 500:
                return "retry", str(refusal), refusal.rest if refusal.status == 429 else 0.0
            return "refused", str(refusal), 0.0
        except (OSError, http.client.HTTPException, ValueError) as error:
            return "retry", f"{type(error).__name__}: {error}", 0.0

    def _bind(self, message: Message, owns: Callable[[], bool]) -> tuple[str, str | None]:
        pod, node, job = message["pod"], message["node"], message["job"]
        answer = self._state(pod, node)
        if answer is not None:
            return answer
        if not owns():
            return "retry", "no longer ours"
        annotations = {"pbs-connector/job-id": job, "pbs-connector/run-count": str(message["runCount"])}
        if message.get("devices"):
            annotations["pbs-connector/devices"] = message["devices"]
        if "execVnode" in message:
            annotations["pbs-connector/exec-vnode"] = message["execVnode"]
        try:
            self._kubernetes.request("POST", self._path(pod) + "/binding", {
                "apiVersion": "v1", "kind": "Binding", "metadata": {**pod, "annotations": annotations},
                "target": {"apiVersion": "v1", "kind": "Node", "name": node}})
        except Refused as refusal:
            if refusal.status != 409:
                raise
            return self._state(pod, node) or ("retry", str(refusal))
        log(f"successfully assigned {pod['namespace']}/{pod['name']} to {node}")
        self._event(pod, "Scheduled", f"Successfully assigned {pod['namespace']}/{pod['name']} to {node} (job {job})",
                    warning=False)
        return "bound", None

    def _state(self, pod: Message, node: str) -> tuple[str, str | None] | None:
        """The outcome that the pod's present state gives to a bind; None when it can be bound."""
        present, outcome = self._look(pod)
        if present is None:
            return outcome
        bound_to = present["spec"].get("nodeName")
        if bound_to:
            return ("bound", None) if bound_to == node else ("conflict", f"it is already assigned to {bound_to}")
        return ("finished", None) if has_finished(present) or is_terminating(present) else None

    def _report(self, message: Message, owns: Callable[[], bool]) -> tuple[str, str | None]:
        pod = message["pod"]
        for _ in range(ROUNDS):
            present, outcome = self._look(pod)
            if present is None:
                return outcome
            if message["unscheduled"]:
                if present["spec"].get("nodeName") or has_finished(present) or is_terminating(present):
                    return "finished", None
                if not owns():
                    return "retry", "no longer ours"
                if not self._set_condition(present, "PodScheduled", "False", "Unschedulable", message["message"],
                                           {"pbs-connector/estimated-start": message.get("estimatedStart")}):
                    continue
            self._event(pod, message["reason"], message["message"], message["warning"])
            return "reported", None
        return "retry", "the pod keeps changing"

    def _evict(self, message: Message, owns: Callable[[], bool]) -> tuple[str, str | None]:
        pod, words = message["pod"], message["message"]
        for _ in range(ROUNDS):
            present, outcome = self._look(pod)
            if present is None:
                return outcome
            if has_finished(present):
                return "finished", None
            if is_terminating(present):
                return "deleted", None
            if not present["spec"].get("nodeName"):
                return "conflict", "it is bound to no node"
            if not owns():
                return "retry", "no longer ours"
            patched = self._set_condition(present, "DisruptionTarget", "True", "PBSJobEnded", words)
            if not patched:
                continue
            if has_finished(patched):
                return "finished", None
            try:
                version = patched["metadata"]["resourceVersion"]
                self._kubernetes.request("DELETE", self._path(pod), {
                    "apiVersion": "v1", "kind": "DeleteOptions",
                    "preconditions": {"uid": pod["uid"], "resourceVersion": version}})
            except Refused as refusal:
                if refusal.status in ANOTHER:
                    continue
                raise
            log(f"deleting pod {pod['namespace']}/{pod['name']}: {plain(words)}")
            self._event(pod, "JobEnded", words, warning=True)
            return "deleted", None
        return "retry", "the pod keeps changing"

    def _select_node(self, message: Message, owns: Callable[[], bool]) -> tuple[str, str | None]:
        pod, claim, node = message["pod"], message["claim"], message["node"]
        present, outcome = self._look(pod)
        if present is None:
            return outcome
        if present["spec"].get("nodeName") or has_finished(present) or is_terminating(present):
            return "finished", None
        if claim["name"] not in claims_of(present):
            return "refused", f"the pod does not use volume claim {claim['name']}"
        path = f"{self._path(pod).partition('/pods/')[0]}/persistentvolumeclaims/{urllib.parse.quote(claim['name'], safe='')}"
        for _ in range(ROUNDS):
            there = self._kubernetes.request("GET", path)
            if there["metadata"]["uid"] != claim["uid"] or is_terminating(there):
                return "gone", None
            selected = (there["metadata"].get("annotations") or {}).get(SELECTED_NODE)
            if selected or there["spec"].get("volumeName"):
                return ("selected", None) if selected == node else ("conflict", f"it has {selected or there['spec']['volumeName']}")
            if not owns():
                return "retry", "no longer ours"
            metadata = {member: there["metadata"][member] for member in ("uid", "resourceVersion")}
            try:
                self._kubernetes.request("PATCH", path, {"metadata": {**metadata, "annotations": {SELECTED_NODE: node}}}, MERGE_PATCH)
            except Refused as refusal:
                if refusal.status in ANOTHER:
                    continue
                raise
            log(f"volume claim {pod['namespace']}/{claim['name']} is to be provisioned on {node}")
            return "selected", None
        return "retry", "the claim keeps changing"

    def _look(self, pod: Message) -> tuple[Message | None, tuple[str, str | None]]:
        """The pod of this UID, if it is ours to touch; None with the outcome where it is not."""
        present = self._get(pod)
        if present is None:
            return None, ("gone", None)
        name = present["spec"].get("schedulerName")
        if name not in self._scheduler_names:
            return None, ("refused", f"its scheduler is {plain(str(name))}")
        return present, ("retry", None)

    @staticmethod
    def _path(pod: Message) -> str:
        namespace, name = (urllib.parse.quote(pod[member], safe="") for member in ("namespace", "name"))
        return f"/api/v1/namespaces/{namespace}/pods/{name}"

    def _get(self, pod: Message) -> Message | None:
        """The pod of this UID; None when there is none."""
        try:
            present = self._kubernetes.request("GET", self._path(pod))
        except Refused as refusal:
            if refusal.status == 404:
                return None
            raise
        return present if present["metadata"]["uid"] == pod["uid"] else None

    def _set_condition(self, pod: Message, kind: str, status: str, reason: str, words: str,
                       annotations: dict[str, str | None] | None = None) -> Message | None:
        """Set a condition of a pod as it was looked at, and annotations. Returns the pod with it; None when it has changed since."""
        condition = {"type": kind, "status": status, "reason": reason, "message": plain(words)}
        old = next((each for each in pod.get("status", {}).get("conditions") or [] if each["type"] == kind), {})
        there = pod["metadata"].get("annotations") or {}
        changes = {key: value for key, value in (annotations or {}).items() if there.get(key) != value}
        if not changes and all(old.get(member) == value for member, value in condition.items()):
            return pod
        if old.get("status") != status:
            # Left out, it stays as it is.
            condition["lastTransitionTime"] = now()
        metadata = {member: pod["metadata"][member] for member in ("uid", "resourceVersion")}
        if changes:
            metadata["annotations"] = changes
        try:
            return self._kubernetes.request("PATCH", self._path(pod["metadata"]) + "/status",
                                            {"metadata": metadata, "status": {"conditions": [condition]}},
                                            STRATEGIC_MERGE_PATCH)
        except Refused as refusal:
            if refusal.status in ANOTHER:
                return None
            raise

    def _event(self, pod: Message, reason: str, words: str, warning: bool) -> None:
        """Write an Event, unless one of these words was lately; that it cannot be does not matter to the outcome."""
        key = (pod["uid"], reason, re.sub("[0-9]+", "0", words))
        if time.monotonic() - self._events.get(key, -EVENT_INTERVAL) < EVENT_INTERVAL:
            return
        name = f"{pod['name'][:230]}.{time.time_ns():x}"
        try:
            self._kubernetes.request("POST", self._path(pod).partition("/pods/")[0] + "/events", {
                "apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": pod["namespace"]},
                "involvedObject": {"apiVersion": "v1", "kind": "Pod", **pod},
                "type": "Warning" if warning else "Normal", "reason": reason, "message": plain(words),
                "source": {"component": "pbs-connector"}, "reportingComponent": "pbs-connector",
                "reportingInstance": self._instance, "firstTimestamp": now(), "lastTimestamp": now(), "count": 1})
        except (Refused, OSError, http.client.HTTPException, ValueError) as error:
            log(f"an Event of pod {pod['namespace']}/{pod['name']} could not be written: {error}")
            return
        self._events[key] = time.monotonic()
        if len(self._events) > EVENTS_REMEMBERED:
            self._events.popitem(last=False)


def problem_of(message: Message) -> str | None:
    """Why no honest broker sends this, where that is so: something that should be a name is none."""
    pod = message["pod"]
    names = [(UID, pod["uid"]), (LABEL, pod["namespace"]), (SUBDOMAIN, pod["name"])]
    if message["type"] in ("bind", "select-node"):
        names.append((SUBDOMAIN, message["node"]))
    if message["type"] == "select-node":
        names += [(UID, message["claim"]["uid"]), (SUBDOMAIN, message["claim"]["name"])]
    if message["type"] == "report":
        names.append((REASON, message["reason"]))
    if message.get("job") is not None:
        names.append((JOB, message["job"]))
    return next((f'"{plain(text)[:80]}" is no name' for pattern, text in names if not pattern.match(text)), None)


def key_of(message: Message) -> Key:
    """What a message is about: a pod, or a claim of a pod."""
    return message["pod"]["uid"], message["claim"]["uid"] if message["type"] == "select-node" else ""


def claims_of(pod: Message) -> list[str]:
    """The names of the volume claims that a pod uses."""
    volumes = pod["spec"].get("volumes") or []
    return ([volume["persistentVolumeClaim"]["claimName"] for volume in volumes if "persistentVolumeClaim" in volume]
            + [f"{pod['metadata']['name']}-{volume['name']}" for volume in volumes if "ephemeral" in volume])


def plain(text: str) -> str:
    """Text of others on one line, without characters that act on a terminal, and not too long."""
    line = " | ".join(part for part in re.split("[\r\n]+", text) if part).replace("\t", " ")
    line = "".join(f"\\u{{{ord(character):x}}}" if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")
                   else character for character in line)
    octets = line.encode(errors="replace")
    return line if len(octets) <= TEXT_LIMIT else octets[:TEXT_LIMIT - 3].decode(errors="ignore") + "..."


def has_finished(pod: Message) -> bool:
    """Whether the pod's containers have ended for good."""
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def is_terminating(pod: Message) -> bool:
    """Whether the pod has been deleted, but is still there."""
    return "deletionTimestamp" in pod["metadata"]


def now() -> str:
    """This moment as the Kubernetes API writes it (RFC 3339, UTC, whole seconds)."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def serve(broker: Broker, binder: Binder) -> None:
    """Do what the broker wants until the connection ends (ProtocolError, OSError)."""
    rest_until = 0.0
    order = ("bind", "evict", "select-node", "report")
    while True:
        rest = max(0.0, rest_until - time.monotonic())
        work = [message for message in broker.wanted.values() if broker.owns(message)]
        if rest or not work:
            # A second, since the next ping may give back what a silence has taken.
            broker.receive(rest or (1.0 if broker.wanted else None))
            continue
        message = min(work, key=lambda message: order.index(message["type"]))
        result, words, rest = binder.perform(message, lambda: broker.owns(message))
        rest_until = time.monotonic() + rest
        # What came meanwhile, pings among it, is taken in before the next step.
        broker.receive(0)
        broker.answer(message, result, words)


def main() -> None:
    """Connect, serve, and connect again, until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description="Binds, reports and evicts for pbs-broker.")
    parser.add_argument("--broker", default="/run/pbs-connector/pbs-broker.sock", help="pbs-broker's socket")
    parser.add_argument("--kubeconfig", required=True, help="kubeconfig file, in JSON")
    parser.add_argument("--instance", default=f"{socket.gethostname()}-{os.getpid()}",
                        help="this binder's name among others")
    parser.add_argument("--scheduler-name", nargs="+", default=["pbs"],
                        help="only pods with one of these in spec.schedulerName are touched")
    arguments = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))

    binder = Binder(Kubernetes(arguments.kubeconfig), arguments.instance, arguments.scheduler_name)
    delay = 0.1
    last_words = ""
    while True:
        try:
            broker = Broker(arguments.broker, arguments.instance)
            try:
                delay, last_words = 0.1, ""
                serve(broker, binder)
            finally:
                broker.close()
        except (ProtocolError, OSError) as error:
            if str(error) != last_words:
                last_words = str(error)
                log(f"{arguments.broker}: {last_words}; connecting again")
        time.sleep(delay)
        delay = min(delay * 2, 2.0)


if __name__ == "__main__":
    main()
