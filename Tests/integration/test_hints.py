"""Hints of PBS's server hooks: "look at this job now", and nothing more."""

from __future__ import annotations

import re
import socket

import pytest

from integration.peer import Message, frame
from integration.site import Site
from integration.test_sockets import MALFORMED, WRONG_SHAPES

PROMPT = 5.0  # seconds; the looks that come by themselves are half a minute apart

HARMLESS: dict[str, Message] = {
    "no such job": {"type": "hint", "job": "999.pbsserver", "event": "runjob"},
    "of another server": {"type": "hint", "job": "1.elsewhere"},
    "of no server": {"type": "hint", "job": "1"},
    "no job's id": {"type": "hint", "job": "5 or 6, I am not sure"},
    "not quite an id": {"type": "hint", "job": "5x.pbsserver"},
    "half an array": {"type": "hint", "job": "5[.pbsserver"},
    "an array": {"type": "hint", "job": "1[].pbsserver"},
    "an option": {"type": "hint", "job": "-x"},
    "empty": {"type": "hint", "job": ""},
    "very long": {"type": "hint", "job": "1" * 900},
    "a list": {"type": "hint", "job": ["1.pbsserver"]},
    "no job": {"type": "hint"},
    "another type": {"type": "praise", "job": "1.pbsserver"},
    "an event of no kind": {"type": "hint", "job": "999.pbsserver", "event": "two\nlines"},
}


def send(site: Site, octets: bytes) -> None:
    """Write to the hint socket and close at once, as a hook does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(site.connector.hints_socket()))
        connection.sendall(octets)


def hint(site: Site, job_id: str, event: str = "runjob") -> None:
    send(site, frame({"type": "hint", "job": job_id, "event": event}))


@pytest.fixture
def slow(bare_site: Site) -> Site:
    """A site whose broker looks at PBS every 30 s only, but for hints, with one pod whose job waits."""
    site = bare_site
    configuration = re.sub("look-interval: .*", "look-interval: 30\n  look-interval-with-hints: 30", site.connector.configuration)
    (site.connector.directory / "config.yaml").write_text(configuration)
    site.pbs.set_scheduling(False)
    site.connector.start()
    site.connector["pbs-broker"].wait_for_log("kube-watcher has told all")
    pod = site.create("waits")
    (job,) = site.wait_jobs(pod["metadata"]["uid"], 1)
    # From the first hint that proves true the broker relies on hints, also right after a submission. While it
    # polls often by itself, a poll may see a change before the hint does: then the hint proved nothing.
    for _ in range(10):
        site.pbs.hold(job.id)
        hint(site, job.id, "modifyjob")
        try:
            site.connector["pbs-broker"].wait_for_log("hints prove true", 2)
            break
        except AssertionError:
            site.pbs.release(job.id)
    else:
        raise AssertionError("no hint proved true")
    # Not told: what the broker asks now might see the job start already.
    site.pbs.release(job.id)
    return site


def is_terminating(site: Site) -> bool:
    pod = site.pod("waits")
    assert pod is not None
    return "deletionTimestamp" in pod["metadata"]


def run(site: Site) -> str:
    """Let the pod's job run, unnoticed; its id."""
    (job,) = site.live_jobs()
    site.pbs.set_scheduling(True)
    site.pbs.wait_for_state(job.id, "R", 42)
    assert site.node_of("waits") is None
    return str(job.id)


def test_a_hint_makes_the_broker_look_at_that_job_at_once(slow: Site) -> None:
    job_id = run(slow)
    commands = dict(slow.pbs.served)
    hint(slow, job_id)
    slow.wait_bound("waits", timeout=PROMPT)
    # One job, one command: the others are not looked at.
    assert {name: count - commands.get(name, 0) for name, count in slow.pbs.served.items()
            if count != commands.get(name, 0)} == {"qstat": 1}

    slow.pbs.delete(job_id)
    slow.pbs.wait(lambda _: not slow.pbs.job(job_id).live)
    assert not is_terminating(slow)
    hint(slow, job_id, "jobobit")
    slow.kubernetes.wait(lambda _: is_terminating(slow), PROMPT)


def test_what_a_hint_says_is_not_believed(slow: Site) -> None:
    (job,) = slow.live_jobs()
    served = slow.pbs.served.get("qstat", 0)
    hint(slow, job.id, "runjob")
    slow.pbs.wait(lambda pbs: pbs.served.get("qstat", 0) > served)
    hint(slow, job.id, "jobobit")
    slow.pbs.wait(lambda pbs: pbs.served["qstat"] > served + 1)
    # It neither runs nor has ended, whatever they say.
    assert slow.node_of("waits") is None
    assert slow.live_jobs() == [job]
    hint(slow, run(slow))
    slow.wait_bound("waits", timeout=PROMPT)


@pytest.mark.parametrize("kind", list(HARMLESS))
def test_hints_that_mean_nothing_harm_nothing(slow: Site, kind: str) -> None:
    job_id = run(slow)
    # In one write, so that the good hint is taken together with the bad one.
    send(slow, frame(HARMLESS[kind]) + frame({"type": "hint", "job": job_id}))
    slow.wait_bound("waits", timeout=PROMPT)
    assert not [line for line in slow.connector["pbs-broker"].lines if "error" in line or "does not answer" in line]


def test_qstat_is_not_sent_to_a_server_that_a_hint_names(slow: Site) -> None:
    slow.connector.log_level = "trace"
    slow.connector["pbs-broker"].kill()
    broker = slow.connector.start_process("pbs-broker")
    broker.wait_for_log("kube-watcher has told all")
    looks = slow.pbs.served["listing"]
    hint(slow, "1.elsewhere")
    broker.wait_for_log("hint: runjob of job 1.elsewhere")
    slow.pbs.wait(lambda pbs: pbs.served["listing"] > looks)
    # A broker that has just started looks by itself as well.
    (job,) = slow.live_jobs()
    slow.pbs.set_scheduling(True)
    slow.pbs.wait_for_state(job.id, "R", 42)
    hint(slow, job.id)
    slow.wait_bound("waits", timeout=PROMPT)
    assert [line for line in broker.lines if "qstat" in line]
    assert not [line for line in broker.lines if "qstat" in line and "1.elsewhere" in line]


def test_garbage_on_the_hint_socket_harms_nothing(slow: Site) -> None:
    job_id = run(slow)
    broker = slow.connector["pbs-broker"]
    for octets, words in MALFORMED.values():
        before = len(broker.lines)
        send(slow, octets)
        broker.wait_for_log(words, after=before)
    for text, _ in WRONG_SHAPES.values():
        send(slow, b"%d %s\n" % (len(text) + 1, text))
    broker.wait_for_log("a message is no hint, ignored")
    send(slow, frame({"type": "hint", "job": "999.pbsserver"}) * 20_000)
    hint(slow, job_id)
    slow.wait_bound("waits", timeout=PROMPT)
    assert len([line for line in broker.lines if "is no hint" in line]) == 1
