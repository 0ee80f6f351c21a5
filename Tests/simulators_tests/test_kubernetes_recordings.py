"""Each recording of a real Kubernetes API server, replayed: the simulator must answer to the letter.

A test fails where status, headers or body differ in anything but times, UIDs,
resourceVersions and the random ends of names, and so also where keys come in
another order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from simulators.kubernetes import KubernetesSimulator

from .kubernetes_client import Answer, request

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings" / "kube"
VERSIONS = ("1.20", "1.36")

# The order in which they were recorded, as their resourceVersions tell.
ORDER = ("version", "unauthorized", "forbidden", "pod-create", "pod-create-exists", "pod-create-invalid-quantity",
         "list", "list-next-page", "list-bad-selector", "not-found", "patch-status", "patch-annotation", "binding",
         "binding-again", "binding-wrong-uid", "binding-no-pod", "delete-wrong-uid", "delete-grace", "delete-now",
         "watch", "event", "events-v1", "node-list", "lease-create", "watch-gone")
# The recorded watch of 8 seconds need not take 8 seconds: its bookmarks come before its end, whenever that is.
TIMEOUTS = {"timeoutSeconds=8": "timeoutSeconds=3"}

VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"), "TIME"),
    (re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UID"),
    (re.compile(r'"resourceVersion":"\d+"'), '"resourceVersion":"N"'),
    (re.compile(r'"continue":"[\w-]+"'), '"continue":"TOKEN"'),
    (re.compile(r"too old resource version: 1 \(\d+\)"), "too old resource version: 1 (N)"),
    (re.compile(r'(?<=")a\.[a-z0-9]{5}(?=["\\])'), "a.RANDOM"),
)


@dataclass(frozen=True)
class Exchange:
    """One recorded request and its answer."""

    method: str
    path: str
    content_type: str
    body: str
    status: int
    reason: str
    headers: dict[str, str]
    answer: str


def read(version: str, name: str) -> Exchange:
    """Reads a file: "METHOD path", "(content type) body" if any, "-> status reason headers", the answer's body."""
    asked, _, rest = (RECORDINGS / version / f"{name}.txt").read_text().partition("\n-> ")
    head, _, answer = rest.partition("\n")
    found = re.fullmatch(r"(\S+) (\S+)(?:\n\((\S+)\) (.*))?", asked, re.S)
    answered = re.fullmatch(r"(\d+) ([^{]*) (\{.*\})", head)
    assert found and answered, f"{version}/{name} is not a recording"
    return Exchange(found[1], found[2], found[3] or "", found[4] or "", int(answered[1]), answered[2],
                    json.loads(answered[3]), answer)


def normalised(text: str) -> str:
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return text.rstrip("\n")


class Replay:
    """Sends recorded requests, with the identifiers of this run in the place of those recorded."""

    def __init__(self, simulator: KubernetesSimulator) -> None:
        self._simulator = simulator
        self._identifiers: dict[str, str] = dict(TIMEOUTS)

    def send(self, exchange: Exchange) -> Answer:
        """The request as the user who sent the recorded one; identifiers are learnt from the answer."""
        token = {401: "nobody's token", 403: "watchertoken"}.get(exchange.status, "admintoken")
        path, body = self._translated(exchange.path), self._translated(exchange.body)
        answer = request(self._simulator, exchange.method, path, body.encode() or None, exchange.content_type, token)
        if answer.status == exchange.status < 300 and "watch=" not in path:
            self._learn(json.loads(exchange.answer), answer.json)
        return answer

    def _translated(self, text: str) -> str:
        for recorded, own in self._identifiers.items():
            text = text.replace(recorded, own)
        return text

    def _learn(self, recorded: Any, own: Any) -> None:
        if isinstance(recorded, dict) and isinstance(own, dict):
            for key in recorded.keys() & own.keys():
                if key in ("uid", "continue"):
                    self._identifiers[recorded[key]] = own[key]
                elif key == "resourceVersion" and "continue" in recorded:
                    self._identifiers[f"resourceVersion={recorded[key]}&"] = f"resourceVersion={own[key]}&"
                else:
                    self._learn(recorded[key], own[key])
        elif isinstance(recorded, list) and isinstance(own, list):
            for pair in zip(recorded, own):
                self._learn(*pair)


def recorded(version: str) -> list[str]:
    """The names of a version's recordings, in the order in which they were made."""
    return [name for name in ORDER if (RECORDINGS / version / f"{name}.txt").exists()]


def prepare_nodes(simulator: KubernetesSimulator, version: str) -> None:
    """Create the recorded nodes in the way they were: by kubectl apply, which left its manifest in them."""
    for node in json.loads(read(version, "node-list").answer)["items"]:
        annotations = node["metadata"]["annotations"]
        manifest = json.loads(annotations["kubectl.kubernetes.io/last-applied-configuration"])
        manifest["metadata"]["annotations"] = annotations
        answer = request(simulator, "POST", "/api/v1/nodes?fieldManager=kubectl-client-side-apply", manifest,
                         token="admintoken")
        assert answer.status == 201, answer.body


@pytest.fixture(scope="module")
def replayed(request: pytest.FixtureRequest) -> Iterator[dict[str, tuple[Exchange, Answer]]]:
    """All recordings of a version sent to a fresh simulator, in order."""
    version: str = request.param
    simulator = KubernetesSimulator(version=version, rbac=True, tokens={
        "admintoken": ("admin", ["system:masters"]), "watchertoken": "kube-watcher"})
    answers: dict[str, tuple[Exchange, Answer]] = {}
    with simulator:
        prepare_nodes(simulator, version)
        replay = Replay(simulator)
        for name in recorded(version):
            if name == "list":
                # Pods b, c and d were made like a, without a recording.
                for pod in ("b", "c", "d"):
                    exchange = read(version, "pod-create")
                    body = {**json.loads(exchange.body), "metadata": {"name": pod}}
                    replay.send(Exchange(exchange.method, exchange.path, exchange.content_type, json.dumps(body),
                                         0, "", {}, ""))
            if name == "watch-gone":
                simulator.compact()
            exchange = read(version, name)
            answers[name] = exchange, replay.send(exchange)
        yield answers


@pytest.mark.parametrize(
    ("replayed", "name"), [(version, name) for version in VERSIONS for name in recorded(version)],
    indirect=["replayed"], scope="module")
def test_simulator_answers_as_recorded(
        replayed: dict[str, tuple[Exchange, Answer]], name: str) -> None:
    exchange, answer = replayed[name]
    assert (answer.status, answer.reason) == (exchange.status, exchange.reason), answer.body
    for header in ("Content-Type", "Transfer-Encoding"):
        assert answer.headers.get(header) == exchange.headers.get(header), header
    assert normalised(answer.body.decode()) == normalised(exchange.answer)


@pytest.mark.parametrize("version", VERSIONS)
def test_no_recording_is_left_out(version: str) -> None:
    assert {path.stem for path in (RECORDINGS / version).glob("*.txt")} <= set(ORDER)
