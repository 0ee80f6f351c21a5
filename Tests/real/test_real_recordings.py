"""The recordings of Kubernetes, replayed against a real server of their release: it must answer to the letter as recorded.

The simulator of the API is measured by the same recordings with the same replay;
this shows that they are true of the server that everything else runs on.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from simulators_tests.test_kubernetes_recordings import (ORDER, TIMEOUTS, VERSIONS, Exchange, Replay, normalised, read)

from .kubernetes import RealKubernetes
from .kubernetes_client import Answer, KubernetesClient

pytestmark = pytest.mark.real_api

# A version that is too old for the server's store: the one of a server that has been compacted, which a fresh one is not.
NAMES = [name for name in ORDER if name != "watch-gone"]
# Which build of a release it is.
BUILD = (re.compile(r'"(gitVersion|gitCommit|goVersion)":\s*"[^"]*"'), r'"\1": "BUILD"')


class RealReplay(Replay):
    """Sends recorded requests to a real cluster."""

    def __init__(self, cluster: RealKubernetes) -> None:
        self._clients = {
            401: KubernetesClient(cluster.url, cluster.authority.certificate, "nobody's token"),
            403: cluster.client_of("kube-watcher"),
        }
        self._admin = cluster.client
        self._identifiers = dict(TIMEOUTS)

    def send(self, exchange: Exchange) -> Answer:  # type: ignore[override]  # the answer's type is this client's
        """The request as the user who sent the recorded one; identifiers are learnt from the answer."""
        path, body = self._translated(exchange.path), self._translated(exchange.body)
        client = self._clients.get(exchange.status, self._admin)
        answer = client.request(exchange.method, path, body.encode() or None, exchange.content_type)
        if answer.status == exchange.status < 300:
            self._learn(json.loads(exchange.answer), json.loads(answer.body))
        return answer

    def watch(self, exchange: Exchange, meanwhile: Iterator[Exchange]) -> tuple[Answer, list[Answer]]:
        """Begins the recorded watch, sends what came meanwhile, and reads the watch to its end.

        The order matters for bookmarks: the server sends none that is not newer than
        the events which were there already when the watch began.
        """
        with closing(self._admin.open(self._translated(exchange.path))) as stream:
            answers = [self.send(each) for each in meanwhile]
            return Answer(stream.status, stream.reason, stream.headers, b"".join(stream)), answers


def create_recorded_nodes(cluster: RealKubernetes, version: str) -> None:
    """Creates the nodes as they were: by kubectl apply, which left its manifest in them."""
    for node in json.loads(read(version, "node-list").answer)["items"]:
        annotations = node["metadata"]["annotations"]
        manifest = json.loads(annotations["kubectl.kubernetes.io/last-applied-configuration"])
        manifest["metadata"]["annotations"] = annotations
        cluster.client.json("POST", "/api/v1/nodes?fieldManager=kubectl-client-side-apply", manifest)


def lines(body: str) -> list[str]:
    """The lines of an answer, normalised; how many bookmarks follow each other is a matter of the clock."""
    return [line for line, _ in itertools.groupby(BUILD[0].sub(BUILD[1], normalised(body)).splitlines())]


@pytest.fixture(scope="module")
def answers() -> Iterator[dict[str, tuple[Exchange, Answer]]]:
    """The answers of a fresh cluster to all requests recorded of its release, sent in the order in which they were
    recorded."""
    reason = RealKubernetes.missing()
    if reason is not None:
        pytest.skip(f"real Kubernetes: {reason}")
    with RealKubernetes() as cluster:
        version = release_of(cluster)
        recorded = {name: read(version, name) for name in NAMES}
        create_recorded_nodes(cluster, version)
        found: dict[str, Answer] = {}
        replay = RealReplay(cluster)
        before, after = (NAMES[:NAMES.index("list")], NAMES[NAMES.index("list") + 1:])
        after.remove("watch")
        for name in before:
            found[name] = replay.send(recorded[name])
        for pod in ("b", "c", "d"):  # made like a, without a recording
            body = {**json.loads(recorded["pod-create"].body), "metadata": {"name": pod}}
            assert replay.send(replace(recorded["pod-create"], body=json.dumps(body), status=0)).status == 201
        found["list"] = replay.send(recorded["list"])
        found["watch"], others = replay.watch(recorded["watch"], (recorded[name] for name in after))
        found.update(zip(after, others))
        yield {name: (recorded[name], answer) for name, answer in found.items()}


def release_of(cluster: RealKubernetes) -> str:
    version = cluster.client.json("GET", "/version")
    numbers = [json.loads(read(release, "version").answer) for release in VERSIONS]
    for release, recorded in zip(VERSIONS, numbers):
        if (recorded["major"], recorded["minor"]) == (version["major"], version["minor"]):
            return release
    pytest.skip(f"there are recordings of Kubernetes {' and '.join(VERSIONS)}, the server here is {version['gitVersion']}")


@pytest.mark.parametrize("name", NAMES)
def test_the_server_answers_as_recorded(answers: dict[str, tuple[Exchange, Answer]], name: str) -> None:
    exchange, answer = answers[name]
    assert (answer.status, answer.reason) == (exchange.status, exchange.reason), answer.body
    for header in ("Content-Type", "Transfer-Encoding"):
        assert answer.headers.get(header) == exchange.headers.get(header), header
    assert lines(answer.body.decode()) == lines(exchange.answer)
