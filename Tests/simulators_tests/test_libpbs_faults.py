"""What goes wrong with a kept connection of the stand-in library: only a simulator does that at will."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from simulators.pbs import Fault, FaultKind, PBSSimulator

from .libpbs_fixtures import library, simulator, start  # noqa: F401
from .libpbs_process import LibpbsProcess, Said, states
from .libpbs_scenarios import NEEDED, STATE, job

SYSTEM, PROTOCOL, QUEUE_DISABLED = 15010, 15031, 15021
# Seconds after which a call that hangs has been waited for.
WHILE = 0.3


def test_restarted_server_closes_connections(simulator: PBSSimulator, library: LibpbsProcess) -> None:
    """A call on the old one is a protocol error; a new one works when the server is back, and sees the jobs."""
    connection = library.connect()
    job_id = library.call("pbs_submit", connection, job("a"), None, None, None).result
    simulator.stop()
    assert library.call("pbs_selstat", connection, None, [STATE], None) == Said(None, PROTOCOL, "End of File")
    refused = library.call("pbs_connect", None)
    assert (refused.result, refused.errno) == (-1, SYSTEM)
    simulator.start()
    assert library.call("pbs_selstat", connection, None, [STATE], None).errno == PROTOCOL
    assert states(library.call("pbs_selstat", library.connect(), None, [STATE], None)) == {job_id: "H"}


def test_connection_that_the_server_ends(simulator: PBSSimulator, start: Callable[..., LibpbsProcess]) -> None:
    """It is noticed at the next call, and one that waits for its answer ends; a new connection works."""
    first, second = start(), start()
    with simulator.lock:
        simulator.faults.hang("pbsnodes", count=1)
    connection, other = first.connect(), second.connect()
    waiting = second.begin("pbs_statvnode", other, None, None, None)
    simulator.wait(lambda pbs: pbs.faults.struck)
    simulator.end_connections()
    assert waiting.end() == Said(None, PROTOCOL, "End of File")
    assert first.call("pbs_statserver", connection, [["server_state"]], None) == Said(None, PROTOCOL, "End of File")
    assert first.call("pbs_statserver", first.connect(), [["server_state"]], None).errno == 0


def test_cut_answer_is_a_protocol_error(simulator: PBSSimulator, library: LibpbsProcess) -> None:
    """Wherever it is cut; and the connection is over."""
    for _ in range(5):
        simulator.submit("a", held=True)
    for _ in range(20):
        connection = library.connect()
        with simulator.lock:
            simulator.faults.cut("listing", count=1)
        said = library.call("pbs_selstat", connection, None, NEEDED, None)
        assert (said.result, said.errno) == (None, PROTOCOL)
        assert library.call("pbs_selstat", connection, None, NEEDED, None).errno == PROTOCOL
        library.call("pbs_disconnect", connection)


def test_submission_whose_answer_is_cut_or_lost_has_taken_effect(simulator: PBSSimulator, library: LibpbsProcess) -> None:
    """The caller cannot know."""
    for fault in (simulator.faults.cut, simulator.faults.lose_answer, simulator.faults.garbage):
        with simulator.lock:
            fault("qsub", count=1)
        said = library.call("pbs_submit", library.connect(), job("a"), None, None, None)
        assert (said.result, said.errno) == (None, PROTOCOL)
    assert len(simulator.jobs) == 3


def test_deletion_without_an_answer_returns_success(simulator: PBSSimulator, library: LibpbsProcess) -> None:
    """As the real pbs_deljob() of 23.06.06 does: only pbs_errno tells."""
    connection = library.connect()
    simulator.stop()
    assert library.call("pbs_deljob", connection, "1", None) == Said(0, PROTOCOL, None)
    simulator.start()


def test_attributes_that_the_library_refuses_to_submit(simulator: PBSSimulator, library: LibpbsProcess) -> None:
    """pbs_errno says PBSE_SYSTEM, since pbs_submit() fails at its unlocking, and an older text of the server may stay."""
    connection = library.connect()
    bad = job("a", ["Priority", None, "3000"])
    assert library.call("pbs_submit", connection, bad, None, None, None) == Said(None, SYSTEM, "Illegal attribute or resource value")
    assert library.call("pbs_submit", connection, job("a"), None, "nosuch", None) == Said(None, 15018, "Unknown queue")
    assert library.call("pbs_submit", connection, bad, None, None, None) == Said(None, SYSTEM, "Unknown queue")
    assert library.call("pbs_submit", connection, job("a"), None, None, None).text is None


def test_hanging_server(simulator: PBSSimulator, start: Callable[..., LibpbsProcess]) -> None:
    """A call waits as long as the server hangs, and ends with it; connecting as well."""
    first, second = start(), start()
    connection = first.connect()
    simulator.pause()
    look, connecting = first.begin("pbs_selstat", connection, None, [STATE], None), second.begin("pbs_connect", None)
    assert not look.is_over(WHILE) and not connecting.is_over(WHILE)
    simulator.resume_server()
    assert look.end() == Said(None, 0, None)
    assert connecting.end().result >= 0


def test_hanging_call(simulator: PBSSimulator, start: Callable[..., LibpbsProcess]) -> None:
    """One that is never answered harms no other process, and is over when its own is killed."""
    with simulator.lock:
        simulator.faults.hang("qsub", count=1)
    first, second = start(), start()
    submission = first.begin("pbs_submit", first.connect(), job("a"), None, None, None)
    simulator.wait(lambda pbs: pbs.faults.struck)
    assert not submission.is_over(WHILE)
    assert second.call("pbs_submit", second.connect(), job("b"), None, None, None).errno == 0
    first.kill()
    assert [job.name for job in simulator.jobs.values()] == ["b"]


@pytest.mark.parametrize(("fault", "said"), [
    (Fault("qsub", FaultKind.FAIL, status=QUEUE_DISABLED & 255, text="qsub: Queue is not enabled"),
     Said(None, QUEUE_DISABLED, "Queue is not enabled")),
    (Fault("qsub", FaultKind.FAIL, status=188, text="qsub: Job violates queue and/or server resource limits\n"),
     Said(None, 15036, "Job violates queue and/or server resource limits")),
    (Fault("qsub", FaultKind.FAIL, status=SYSTEM & 255, text="qsub: cannot connect to server pbsserver (errno=15010)"),
     Said(None, PROTOCOL, "End of File")),
])
def test_failing_call(simulator: PBSSimulator, library: LibpbsProcess, fault: Fault, said: Said) -> None:
    """A command's exit status and words are the library's error; a server out of reach is the connection's end."""
    with simulator.lock:
        simulator.faults.add(fault)
    assert library.call("pbs_submit", library.connect(), job("a"), None, None, None) == said
    assert not simulator.jobs


def test_silent_and_slow_answers(simulator: PBSSimulator, library: LibpbsProcess) -> None:
    """A listing of nothing though jobs exist, and one that comes late."""
    job_id = simulator.submit("a", held=True).id
    connection = library.connect()
    with simulator.lock:
        simulator.faults.silent("listing", count=1)
    assert library.call("pbs_selstat", connection, None, [STATE], None) == Said(None, 0, None)
    simulator.empty_listing()
    assert library.call("pbs_selstat", connection, None, [STATE], None) == Said(None, 0, None)
    with simulator.lock:
        simulator.faults.slow("listing", WHILE, count=1)
    look = library.begin("pbs_selstat", connection, None, [STATE], None)
    assert not look.is_over(WHILE / 2)
    assert states(look.end()) == {job_id: "H"}


def test_connection_that_is_refused(simulator: PBSSimulator, library: LibpbsProcess) -> None:
    """By the server, which is there."""
    with simulator.lock:
        simulator.faults.fail("pbs_connect", 15117 & 255, "server connection table full", count=1)
    said = library.call("pbs_connect", None)
    assert (said.result, said.errno) == (-1, 15117)
    assert library.connect() >= 0


def test_a_killed_process_harms_nobody(simulator: PBSSimulator, start: Callable[..., LibpbsProcess]) -> None:
    """Its connection is forgotten, in the middle of a request as well."""
    first, second = start(), start()
    connection = first.connect()
    simulator.pause()
    submission = first.begin("pbs_submit", connection, job("a"), None, None, None)
    assert not submission.is_over(WHILE)
    first.kill()
    simulator.resume_server()
    assert second.call("pbs_statserver", second.connect(), [["server_state"]], None).errno == 0


def test_the_second_call_on_a_closed_connection_is_a_signal(simulator: PBSSimulator) -> None:
    """As with the real library, which does not catch SIGPIPE: a program has to."""
    program = (
        "import ctypes, signal, sys\n"
        "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
        "pbs = ctypes.CDLL(sys.argv[1])\n"
        "connection = pbs.pbs_connect(None)\n"
        "print(connection, flush=True)\n"
        "input()\n"
        "pbs.pbs_statserver(connection, None, None)\n"
        "print(flush=True)\n"
        "pbs.pbs_statserver(connection, None, None)\n")
    process = subprocess.Popen([sys.executable, "-c", program, str(simulator.directory / "lib" / "libpbs.so")],
                               env=simulator.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and int(process.stdout.readline()) >= 0
    simulator.stop()
    output, _ = process.communicate("\n", timeout=60)
    assert output == "\n"
    assert process.returncode == -signal.SIGPIPE
