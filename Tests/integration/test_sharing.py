"""Two brokers share the pods, two binders the bindings; when one dies or hangs, the other does its share too."""

from __future__ import annotations

import signal
import socket
import time
from collections import Counter
from contextlib import contextmanager
from typing import Any, Callable, Iterable, Iterator

import pytest

from integration.connector import RunningProcess
from integration.peer import Peer
from integration.site import Site
from simulators.kubernetes import Delay, Fault

BROKERS = ("broker-a", "broker-b")
BINDERS = ("binder-a", "binder-b")
# That one of two gets none of so many pods happens once in 500 million runs.
PODS = 30
TAKEOVER = 20.0  # seconds in which a share has moved, on a busy machine too; 6 s are its own


def create(site: Site, prefix: str, count: int = PODS) -> dict[str, str]:
    """Create so many pods; their UIDs by name."""
    return {name: site.create(name)["metadata"]["uid"] for name in (f"{prefix}-{index}" for index in range(count))}


@contextmanager
def pretended_broker(site: Site, name: str) -> Iterator[socket.socket]:
    """A socket on which a test is the broker."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(site.connector.socket(name)))
        site.connector.socket(name).chmod(0o660)
        listener.listen()
        listener.settimeout(10)
        yield listener


@contextmanager
def asks_to_bind(listener: socket.socket, pod: dict[str, Any]) -> Iterator[Peer]:
    """The connection of a broker to the binder, which it asks to bind this pod."""
    connection, _ = listener.accept()
    with Peer(connection=connection) as peer:
        peer.hello("pbs-broker")
        peer.send({"type": "ping", "ownsUntil": time.monotonic() + 60})
        metadata = pod["metadata"]
        peer.send({"type": "bind", "owner": "binder", "node": "node1", "job": "1.pbsserver", "runCount": 1,
                   "pod": {key: metadata[key] for key in ("uid", "namespace", "name")}})
        peer.send({"type": "synced"})
        yield peer


@pytest.fixture
def shared(site: Site) -> Site:
    """A site with room for all pods of a test, on which nothing runs yet."""
    for host in site.nodes:
        site.pbs.set_ncpus(host, 200)
    return site


@pytest.fixture
def brokers(shared: Site) -> Site:
    """Two brokers on one watcher, and one binder on both."""
    connector = shared.connector
    connector.start("kube-watcher")
    for broker in BROKERS:
        connector.start_process("pbs-broker", broker)
    connector.start_process("binder", brokers=BROKERS)
    for broker in BROKERS:
        connector[broker].wait_for_log("kube-watcher has told all")
    return shared


@pytest.fixture
def binders(shared: Site) -> Site:
    """Two binders on one broker."""
    connector = shared.connector
    connector.start("kube-watcher", "pbs-broker")
    for binder in BINDERS:
        connector.start_process("binder", binder)
        connector["pbs-broker"].wait_for_log(f"binder {binder} has connected")
    connector["pbs-broker"].wait_for_log("kube-watcher has told all")
    return shared


def submitted_by(site: Site, broker: str) -> set[str]:
    """The pods whose jobs this broker has submitted."""
    return {line.split(" to pod default/", 1)[1] for line in site.connector[broker].lines if "associating job " in line}


def bound_by(site: Site, binder: str, names: Iterable[str]) -> set[str]:
    """Those of the pods that this binder has bound."""
    return {name for name in names if site.wait_event(name, "Scheduled")["reportingInstance"] == binder}


def owners(site: Site, server: str = "kube-watcher") -> dict[str, str]:
    """Who is to act on each pod that a server tells of, by UID."""
    with Peer(site.connector.socket(server)) as peer:
        peer.hello("observer")
        return {message["pod"]["metadata"]["uid"]: message["owner"] for message in peer.until("synced")
                if message["type"] == "pod" and "owner" in message}


def owner_told_within(site: Site, others: Callable[[str], bool], uids: set[str], seconds: float) -> None:
    """Wait until each of these pods has been told with an owner that the predicate likes."""
    deadline = time.monotonic() + seconds
    with Peer(site.connector.socket("kube-watcher")) as peer:
        peer.hello("observer")
        missing = set(uids)
        while missing:
            message = peer.receive(max(deadline - time.monotonic(), 0.001))
            assert message is not None
            if message["type"] == "pod" and others(message.get("owner", "")):
                missing.discard(message["pod"]["metadata"]["uid"])


def wait_for_return(server: RunningProcess, gone: str, back: str) -> None:
    """Wait until a server has logged that a client went, and after that, that it came."""
    line = server.wait_for_log(gone)
    server.wait_for_log(back, after=server.lines.index(line))


def all_bound_within(site: Site, pods: Iterable[str], begun: float) -> None:
    """The pods are bound before a share that must move, and PBS, have had their time."""
    for name in pods:
        site.wait_bound(name, timeout=20)
    assert time.monotonic() - begun < TAKEOVER * site.patience


def check(site: Site, pods: dict[str, str]) -> None:
    """Each pod is bound once, to the host of its one live job, and none has had a job deleted or been deleted."""
    bound_pods = {name: site.wait_bound(name, timeout=20) for name in pods}

    def has_one_job_each(_: object) -> bool:
        live = Counter(job.pod_uid for job in site.live_jobs())
        return all(live[pod_uid] == 1 for pod_uid in pods.values())

    # A broker that was stopped in the middle may slip a second one in, which goes within seconds.
    site.pbs.wait(has_one_job_each, 15, "one live job of each pod")
    jobs = {job.pod_uid: job for job in site.live_jobs()}
    for name, pod_uid in pods.items():
        assert site.job_id_of(name) == jobs[pod_uid].id
        assert bound_pods[name]["spec"]["nodeName"] == jobs[pod_uid].hosts[0]
    bound = Counter(entry.uid for entry in site.kubernetes.record if entry.kind == "bound")
    assert all(bound[pod_uid] == 1 for pod_uid in pods.values())
    assert not [entry for entry in site.kubernetes.record if entry.kind == "deleting"]


def jobs_ever(site: Site, pods: dict[str, str]) -> list[int]:
    """How many jobs each pod has had."""
    count = Counter(job.pod_uid for job in list(site.pbs.jobs.values()))
    return [count[pod_uid] for pod_uid in pods.values()]


def test_two_brokers_share_the_pods(brokers: Site) -> None:
    pods = create(brokers, "pod")
    check(brokers, pods)
    assert jobs_ever(brokers, pods) == [1] * PODS
    first, second = (submitted_by(brokers, broker) for broker in BROKERS)
    assert first and second and not first & second
    assert first | second == set(pods)
    # Of another broker's pods the jobs are nobody's orphans, whatever the grace.
    looks = brokers.pbs.served["listing"]
    brokers.pbs.wait(lambda pbs: pbs.served["listing"] > looks + 60, 30)
    assert len(brokers.live_jobs()) == PODS


def test_a_killed_brokers_share_moves_and_comes_back(brokers: Site) -> None:
    connector = brokers.connector
    pods = create(brokers, "before")
    check(brokers, pods)
    shares = owners(brokers)
    assert set(shares.values()) == set(BROKERS)

    connector["broker-b"].kill()
    begun = time.monotonic()
    pods |= create(brokers, "during", 10)
    all_bound_within(brokers, pods, begun)
    check(brokers, pods)
    assert set(owners(brokers).values()) == {"broker-a"}
    # Pods that it did not submit are followed as well: a job's end is its pod's.
    orphaned = next(name for name in pods if shares.get(pods[name]) == "broker-b")
    (job,) = brokers.jobs_of(pods[orphaned])
    brokers.pbs.delete(job.id)
    brokers.wait_gone(orphaned, timeout=TAKEOVER)

    connector.start_process("pbs-broker", "broker-b")
    connector["broker-b"].wait_for_log("kube-watcher has told all")
    again = owners(brokers)
    del shares[pods.pop(orphaned)]
    assert {pod_uid: again[pod_uid] for pod_uid in shares} == shares, "the very same share"
    later = create(brokers, "later")
    for name in later:
        brokers.wait_bound(name)
    live = Counter(job.pod_uid for job in brokers.live_jobs())
    assert all(live[pod_uid] == 1 for pod_uid in later.values())
    assert submitted_by(brokers, "broker-b") & set(later)
    assert jobs_ever(brokers, pods | later) == [1] * len(pods | later)


def test_a_broker_that_was_stopped_does_no_harm_when_woken(brokers: Site) -> None:
    connector = brokers.connector
    check(brokers, create(brokers, "before", 4))
    # Many submissions under way, and more to come, when it stops in the middle of them.
    brokers.pbs.faults.slow("qsub", 0.3, count=20)
    pods = create(brokers, "pod", 40)
    connector["broker-b"].wait_for_log("to pod default/pod-")
    connector["broker-b"].signal(signal.SIGSTOP)
    owner_told_within(brokers, lambda owner: owner == "broker-a", set(pods.values()), TAKEOVER)
    for name in pods:
        brokers.wait_bound(name)
    connector["broker-b"].signal(signal.SIGCONT)
    watcher = connector["kube-watcher"]
    wait_for_return(watcher, "closing the connection of broker-b", "pbs-broker broker-b has connected")
    # It has its share again, and uses it; what it was about to do before is no longer to be done.
    later = create(brokers, "later")
    check(brokers, pods | later)
    assert submitted_by(brokers, "broker-b") & set(later)


def test_two_binders_share_the_bindings(binders: Site) -> None:
    pods = create(binders, "pod")
    check(binders, pods)
    first, second = (bound_by(binders, binder, pods) for binder in BINDERS)
    assert first and second and not first & second
    assert first | second == set(pods)


def test_a_killed_binders_share_moves_and_comes_back(binders: Site) -> None:
    connector = binders.connector
    connector["binder-b"].kill()
    begun = time.monotonic()
    pods = create(binders, "during")
    all_bound_within(binders, pods, begun)
    check(binders, pods)
    assert bound_by(binders, "binder-a", pods) == set(pods)
    connector.start_process("binder", "binder-b")
    wait_for_return(connector["pbs-broker"], "binder-b has disconnected", "binder binder-b has connected")
    later = create(binders, "later")
    check(binders, pods | later)
    assert bound_by(binders, "binder-b", later)


def test_a_binder_that_was_stopped_does_no_harm_when_woken(binders: Site) -> None:
    connector = binders.connector
    connector["binder-b"].signal(signal.SIGSTOP)
    begun = time.monotonic()
    pods = create(binders, "pod")
    all_bound_within(binders, pods, begun)
    check(binders, pods)
    # The bindings that wait in its socket are no longer its own.
    connector["binder-b"].signal(signal.SIGCONT)
    wait_for_return(connector["pbs-broker"], "closing the connection of binder-b", "binder binder-b has connected")
    later = create(binders, "later")
    check(binders, pods | later)
    assert not bound_by(binders, "binder-b", pods)
    assert bound_by(binders, "binder-b", later)


def test_a_broker_that_takes_over_hears_the_outcome_of_what_it_asks_for(site: Site) -> None:
    """The first broker dies while its binding is under way; the other one asks for the same in the same words."""
    pod = site.create("one")
    delayed = site.kubernetes.faults.add(Fault("/binding", Delay(2.0), count=1))
    with pretended_broker(site, "broker-a") as first, pretended_broker(site, "broker-b") as second:
        site.connector.start_process("binder", brokers=BROKERS)
        with asks_to_bind(first, pod):
            # The simulator tells of requests when they are answered only.
            deadline = time.monotonic() + 10
            while not delayed.hits:
                assert time.monotonic() < deadline, "no binding was asked for"
                time.sleep(0.01)
        with asks_to_bind(second, pod) as peer:
            outcome = peer.until("outcome", 10)[-1]
    assert (outcome["request"], outcome["result"]) == ("bind", "bound")
    assert site.node_of("one") == "node1"
