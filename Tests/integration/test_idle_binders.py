"""A binder that was taken over, or hangs, beside one that works: what it does not do, the other one does."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Iterator

import pytest

from hooks.timing import awaited
from integration.conftest import BRISK, running_site
from integration.peer import Message, Peer
from integration.site import Site
from simulators.kubernetes import Kubelet, KubernetesSimulator

SIMULATED = "nothing here is PBS's"
PODS = 12


class PlayedBinder:
    """Says that it is a binder, answers pings, and to what it is asked for answers as a test wants: `answer` makes the
    result of a request ("bound", "retry"), or None for silence."""

    def __init__(self, path: Path, name: str, answer: Any) -> None:
        self.name, self._answer = name, answer
        self.asked: list[Message] = []
        self._peer = Peer(path)
        self._peer.hello("binder", name)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._peer.socket.shutdown(2)
        self._thread.join()
        self._peer.socket.close()

    def _serve(self) -> None:
        try:
            while (message := self._peer.receive(60)) is not None:
                if message["type"] == "ping":
                    self._peer.send({"type": "pong"})
                elif message["type"] in ("bind", "evict"):
                    self._asked(message)
        except OSError as error:
            print(f"{self.name}: {error}")

    def _asked(self, message: Message) -> None:
        self.asked.append(message)
        result = self._answer(message)
        if result is not None:
            self._peer.send({"type": "outcome", "request": message["type"], "result": result,
                             **{key: message[key] for key in ("pod", "job", "id")}})


@pytest.fixture
def shared(tmp_path: Path, pbs: Any) -> Iterator[Site]:
    """A site with one real binder, whose broker is not patient."""
    sites = running_site(tmp_path, KubernetesSimulator(kubelet=Kubelet()), pbs, BRISK + "  binder-patience: 3\n")
    try:
        site = next(sites)
        site.connector.start()
        site.connector["pbs-broker"].wait_for_log("binder binder has connected")
        yield site
    finally:
        sites.close()


def join(site: Site, answer: Any) -> PlayedBinder:
    """A second binder, once it has its share."""
    played = PlayedBinder(site.connector.socket("pbs-broker"), "played", answer)
    site.connector["pbs-broker"].wait_for_log("binder played has connected")
    return played


def all_bound(site: Site, count: int = PODS) -> None:
    for index in range(count):
        site.create(f"pod-{index}")
    for index in range(count):
        site.wait_bound(f"pod-{index}", 60)


@pytest.mark.simulated_pbs(SIMULATED)
@pytest.mark.parametrize("result", [None, "retry", "refused"])
def test_the_share_of_a_binder_that_does_nothing_moves_on(shared: Site, result: str | None) -> None:
    played = join(shared, lambda _: result)
    try:
        all_bound(shared)
        owned = [message for message in played.asked if message["owner"] == "played"]
        assert owned, "it had a share"
        broker = shared.connector["pbs-broker"]
        broker.wait_for_log("binder played has brought nothing about for a while: its pods are the others' for 300 s")
        before = len(played.asked)
        shared.create("later")
        shared.wait_bound("later")
        assert all(message["owner"] == "binder" for message in played.asked[before:])
    finally:
        played.close()


@pytest.mark.simulated_pbs(SIMULATED)
def test_answers_count_from_the_owner_alone(shared: Site) -> None:
    """Whoever is a binder hears what all are asked for, and could answer first."""
    played = join(shared, lambda message: "bound" if message["owner"] != "played" else None)
    try:
        all_bound(shared)
        ignored = [line for line in shared.connector["pbs-broker"].lines if "the answer of played is ignored" in line]
        assert ignored and any(message["owner"] == "binder" for message in played.asked)
    finally:
        played.close()


@pytest.mark.simulated_pbs(SIMULATED)
def test_a_binding_is_believed_when_kube_watcher_shows_it(shared: Site) -> None:
    played = join(shared, lambda _: "bound")
    broker = shared.connector["pbs-broker"]
    try:
        all_bound(shared)
        broker.wait_for_log("binder played has brought nothing about for a while")
    finally:
        played.close()


@pytest.mark.simulated_pbs(SIMULATED)
def test_the_only_binder_is_asked_again_for_what_does_not_show(shared: Site) -> None:
    broker = shared.connector["pbs-broker"]
    shared.connector["binder"].stop()
    played = join(shared, lambda _: "bound")
    try:
        shared.create("pod")
        broker.wait_for_log("pod default/pod: binder played has answered, and nothing shows of it: it is asked again", timeout=60)
        awaited(lambda: len(played.asked) == 2, 30)
        assert "brought nothing about" not in broker.log()
        shared.connector.start_process("binder")
        shared.wait_bound("pod", 30)
    finally:
        played.close()
