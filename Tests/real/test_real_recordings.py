"""The recordings of Kubernetes 1.20 against the server that the tests run: it must answer as recorded.

They are what the simulator of the API is measured by; this shows that they, and
so the simulator, are true of the server that everything else runs on.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

import pytest

from .kubernetes import RealKubernetes
from .kubernetes_client import Answer, KubernetesClient, Stream

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("PBS_CONNECTOR_SHARED", REPOSITORY.parent / "shared"))
RECORDINGS = SHARED / "kube-recordings/1.20"

# The order in which they were recorded, as resource versions and contents tell; the
# pods b, c and d were created like a, without a recording. node-list is left out: it
# shows the nodes of the site where it was recorded.
BEFORE_OTHER_PODS = ["version", "unauthorized", "forbidden", "pod-create", "pod-create-exists", "pod-create-invalid-quantity"]
LIST = "list"
# Begun right after the list: a bookmark comes only after an event that was not already there when the watch began.
WATCH = "watch"
AFTER = ["list-next-page", "list-bad-selector", "not-found", "patch-status", "patch-annotation", "binding",
         "binding-again", "binding-wrong-uid", "binding-no-pod", "delete-wrong-uid", "delete-grace", "delete-now",
         "event", "events-v1", "lease-create"]
ALL = [*BEFORE_OTHER_PODS, LIST, *AFTER, WATCH]

# What differs from one run to the next: times, UIDs and the ends of generated names.
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
GENERATED_NAME = re.compile(r"\ba\.[a-z0-9]{5}\b")
VARYING = {"resourceVersion", "continue"}


@dataclass(frozen=True)
class Exchange:
    """One recorded request and its answer."""

    method: str
    path: str
    content_type: str
    body: str
    status: int
    answer: str

    @staticmethod
    def read(name: str) -> Exchange:
        """Reads a file: "METHOD path", "(content type) body" if any, "-> status reason headers", the answer's body."""
        request, _, rest = (RECORDINGS / f"{name}.txt").read_text().partition("\n-> ")
        head, _, answer = rest.partition("\n")
        found = re.fullmatch(r"(\S+) (\S+)(?:\n\((\S+)\) (.*))?", request, re.S)
        assert found is not None, f"{name} is not a recording"
        return Exchange(found[1], found[2], found[3] or "", found[4] or "", int(head.split()[0]), answer)


class Replay:
    """Sends recorded requests, with the identifiers of this run in place of those recorded."""

    def __init__(self, cluster: RealKubernetes) -> None:
        self._cluster = cluster
        self._identifiers: dict[str, str] = {}

    def open(self, exchange: Exchange) -> Stream:
        """Begins a watch."""
        return self._cluster.client.open(self._translate(exchange.path))

    def send(self, exchange: Exchange) -> Answer:
        """Sends the request as the user who sent the recorded one, and learns identifiers from the answer."""
        client = self._cluster.client
        if exchange.status == 401:
            client = KubernetesClient(self._cluster.url, self._cluster.authority.certificate, "nobody's token")
        elif exchange.status == 403:
            client = self._cluster.client_of("kube-watcher")
        path, body = self._translate(exchange.path), self._translate(exchange.body)
        answer = client.request(exchange.method, path, body.encode() or None, exchange.content_type)
        if answer.status == exchange.status < 300:
            self._learn(json.loads(exchange.answer), json.loads(answer.body))
        return answer

    def _translate(self, text: str) -> str:
        for recorded, own in self._identifiers.items():
            text = text.replace(recorded, own)
        return text

    def _learn(self, recorded: Any, own: Any) -> None:
        if isinstance(recorded, dict) and isinstance(own, dict):
            for key in recorded.keys() & own.keys():
                if key in ("uid", "continue"):
                    self._identifiers[recorded[key]] = own[key]
                elif key == "resourceVersion" and "items" not in own and "continue" in recorded:
                    self._identifiers[f"resourceVersion={recorded[key]}&"] = f"resourceVersion={own[key]}&"
                else:
                    self._learn(recorded[key], own[key])
        elif isinstance(recorded, list) and isinstance(own, list):
            for each in zip(recorded, own):
                self._learn(*each)


def normalised(value: Any) -> Any:
    """The value with what differs from run to run replaced by the name of its kind."""
    if isinstance(value, dict):
        return {key: key if key in VARYING else normalised(each) for key, each in value.items()}
    if isinstance(value, list):
        return [normalised(each) for each in value]
    if isinstance(value, str):
        return GENERATED_NAME.sub("a.GENERATED", UID.sub("UID", TIME.sub("TIME", value)))
    return value


def objects(name: str, body: str) -> Any:
    """The answer's object; of a watch its events, without bookmarks but the first, whose number depends on the clock."""
    if name != WATCH:
        return normalised(json.loads(body))
    events = [normalised(json.loads(line)) for line in body.strip().splitlines()]
    bookmarks = [event for event in events if event["type"] == "BOOKMARK"]
    return [event for event in events if event["type"] != "BOOKMARK"] + bookmarks[:1]


@pytest.fixture(scope="module")
def replayed() -> Iterator[dict[str, tuple[Exchange, Answer]]]:
    """All recordings sent to a fresh cluster, in order."""
    if not RECORDINGS.is_dir():
        pytest.skip(f"recordings: no {RECORDINGS}")
    reason = RealKubernetes.missing()
    if reason is not None:
        pytest.skip(f"real Kubernetes: {reason}")
    exchanges = {name: Exchange.read(name) for name in ALL}
    answers: dict[str, Answer] = {}
    with RealKubernetes() as cluster:
        version = cluster.client.json("GET", "/version")["gitVersion"]
        if version != json.loads(exchanges["version"].answer)["gitVersion"]:
            pytest.skip(f"recordings: they are of Kubernetes 1.20 as Debian has it, the server here is {version}")
        replay = Replay(cluster)
        for name in BEFORE_OTHER_PODS:
            answers[name] = replay.send(exchanges[name])
        for pod in ("b", "c", "d"):
            cluster.create_pod({**json.loads(exchanges["pod-create"].body), "metadata": {"name": pod}})
        answers[LIST] = replay.send(exchanges[LIST])
        with closing(replay.open(exchanges[WATCH])) as watch:
            for name in AFTER:
                answers[name] = replay.send(exchanges[name])
            answers[WATCH] = Answer(watch.status, "", {}, b"".join(watch))
        yield {name: (exchanges[name], answers[name]) for name in ALL}


@pytest.mark.parametrize("name", ALL)
def test_the_server_answers_as_recorded(replayed: dict[str, tuple[Exchange, Answer]], name: str) -> None:
    exchange, answer = replayed[name]
    assert answer.status == exchange.status, answer.body
    assert objects(name, answer.body.decode()) == objects(name, exchange.answer)


def test_no_recording_is_left_out() -> None:
    if not RECORDINGS.is_dir():
        pytest.skip(f"recordings: no {RECORDINGS}")
    assert {path.stem for path in RECORDINGS.glob("*.txt")} == {*ALL, "node-list"}
