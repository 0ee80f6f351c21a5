"""What goes wrong with a kept connection of the stand-in library, and what a call costs: only a simulator does that at will."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simulators.pbs import Fault, FaultKind, PBSSimulator

from .libpbs import EQ, GE
from .libpbs_process import LibpbsProcess, Said
from .libpbs_scenarios import NEEDED, STATE, job

SYSTEM, PROTOCOL, UNKNOWN_HOST, QUEUE_DISABLED = 15010, 15031, 15008, 15021
# Seconds after which a call that hangs has been waited for.
WHILE = 0.3


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[PBSSimulator]:
    """One host, and the library."""
    with PBSSimulator(tmp_path / "pbs", {"node1": {"ncpus": 2, "mem": "1gb"}}, libpbs=True) as running:
        yield running


@pytest.fixture
def start(simulator: PBSSimulator) -> Iterator[Callable[..., LibpbsProcess]]:
    """Starts processes that have loaded the library, with further variables in their environment."""
    started: list[LibpbsProcess] = []

    def one(**variables: str) -> LibpbsProcess:
        started.append(LibpbsProcess(simulator.directory / "lib" / "libpbs.so", {**simulator.environment, **variables}))
        return started[-1]

    yield one
    for process in started:
        process.close()


@pytest.fixture
def library(start: Callable[..., LibpbsProcess]) -> LibpbsProcess:
    """One process with the library."""
    return start()


def states(said: Said) -> dict[str, str]:
    """The states of jobs by id, of an answer with job_state alone."""
    return {job_id: attributes[0][2] for job_id, attributes in (said.result or {}).items()}


def test_the_library_is_there_only_if_asked_for(tmp_path: Path) -> None:
    """By default a simulator has commands alone."""
    with PBSSimulator(tmp_path, {"node1": {"ncpus": 2}}) as without:
        assert not (without.exec_dir / "lib").exists()


def test_a_kept_connection_is_one(simulator: PBSSimulator, library: LibpbsProcess) -> None:
    """Whatever is asked on it; calls are counted as the commands in whose place they are."""
    connection = library.connect()
    ids = [library.call("pbs_submit", connection, job("a"), None, None, None).result for _ in range(10)]
    assert set(states(library.call("pbs_selstat", connection, None, [STATE], None))) == set(ids)
    library.call("pbs_statjob", connection, ids[0], None, None)
    library.call("pbs_deljoblist", connection, ids[:2], None)
    library.call("pbs_deljob", connection, ids[2], None)
    library.call("pbs_statvnode", connection, None, None, None)
    assert simulator.connections() == 1
    assert simulator.served == {"pbs_connect": 1, "qsub": 10, "listing": 1, "qstat": 1, "qdel": 2, "pbsnodes": 1}
    assert [call.job_ids for call in simulator.calls() if call.program == "qdel"] == [tuple(ids[:2]), (ids[2],)]
    assert library.call("pbs_disconnect", connection).result == 0
    assert library.call("pbs_statserver", connection, None, None).errno == PROTOCOL
    assert library.call("pbs_statserver", -1, None, None).errno == SYSTEM


def test_jobs_of_library_and_commands_are_the_same(simulator: PBSSimulator, library: LibpbsProcess) -> None:
    """What one submits, the other sees and deletes."""
    connection = library.connect()
    job_id = library.call("pbs_submit", connection, job("mine"), None, None, None).result
    shown = subprocess.run(["qstat", "-f", "-w", job_id], env=simulator.environment, capture_output=True, text=True, check=True)
    assert "    Job_Name = mine\n" in shown.stdout
    assert "    executable = <jsdl-hpcpa:Executable>/bin/sleep</jsdl-hpcpa:Executable>\n" in shown.stdout
    subprocess.run(["qdel", job_id], env=simulator.environment, check=True)
    assert states(library.call("pbs_statjob", connection, job_id, [STATE], "x")) == {job_id: "F"}


def test_a_script_is_sent(simulator: PBSSimulator, library: LibpbsProcess, tmp_path: Path) -> None:
    """Its text becomes the job's."""
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\nsleep 1000\n")
    attributes = [item for item in job("a") if item[0] not in ("executable", "argument_list")]
    submitted = library.call("pbs_submit", library.connect(), attributes, str(script), None, None)
    assert simulator.job(submitted.result).script == "#!/bin/sh\nsleep 1000\n"


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


def test_which_server(simulator: PBSSimulator, start: Callable[..., LibpbsProcess], tmp_path: Path) -> None:
    """That of the environment, else that of PBS_CONF_FILE, else that of pbs.conf beside the library."""
    assert start().call("pbs_default").result == "pbsserver"
    other = start(PBS_SERVER="elsewhere")
    assert other.call("pbs_default").result == "elsewhere"
    assert other.call("pbs_connect", None).errno == UNKNOWN_HOST
    assert other.call("pbs_connect", "pbsserver").result >= 0
    conf = tmp_path / "pbs.conf"
    conf.write_text("PBS_HOME=/nowhere\nPBS_EXEC=/nowhere\nPBS_SERVER=elsewhere\n")
    assert start(PBS_CONF_FILE=str(conf)).call("pbs_connect", None).errno == UNKNOWN_HOST


def test_without_a_configuration(simulator: PBSSimulator, start: Callable[..., LibpbsProcess], tmp_path: Path) -> None:
    """It cannot connect, and leaves no number: seen on 23.06.06."""
    library = start(PBS_CONF_FILE=str(tmp_path / "missing"))
    assert library.call("pbs_default").result is None
    assert library.call("pbs_connect", None) == Said(-1, 0, None)


def test_secondary_server(simulator: PBSSimulator, start: Callable[..., LibpbsProcess]) -> None:
    """It is connected to when the primary one is not there."""
    library = start(PBS_PRIMARY="pbsserver", PBS_SECONDARY="standby")
    assert library.call("pbs_default").result == "pbsserver"
    assert library.connect() >= 0
    simulator.stop()
    assert library.call("pbs_connect", None).result == -1
    simulator.start()
    (simulator.directory / "socket").rename(simulator.directory / "socket.standby")
    assert states(library.call("pbs_selstat", library.connect(), None, [STATE], None)) == {}
    (simulator.directory / "socket.standby").rename(simulator.directory / "socket")


def test_values_that_are_not_utf_8(simulator: PBSSimulator, library: LibpbsProcess) -> None:
    """They come as they are."""
    name, value = "octets", b"A=\xff\xfe".decode(errors="surrogateescape")
    attributes = [item for item in job(name) if item[0] != "Variable_List"] + [["Variable_List", None, value]]
    connection = library.connect()
    job_id = library.call("pbs_submit", connection, attributes, None, None, None).result
    shown = library.call("pbs_statjob", connection, job_id, [["Variable_List"]], None).result[job_id][0][2]
    assert shown.startswith(value + ",")


def test_job_of_another_user(simulator: PBSSimulator, library: LibpbsProcess) -> None:
    """It may be looked at and not deleted, unless by a manager."""
    simulator.settings.root_manages, simulator.settings.manager = False, "manager"
    theirs = simulator.submit("theirs", held=True, user="alice").id
    connection = library.connect()
    assert library.call("pbs_deljob", connection, theirs, None) == Said(15007, 15007, None)
    assert library.call("pbs_deljoblist", connection, [theirs], None).result == [[theirs, 15007]]
    visible = library.call("pbs_statjob", connection, theirs, [["euser"], ["Job_Name"]], None).result[theirs]
    assert visible == [["Job_Name", None, "theirs"]]


def test_a_killed_process_harms_nobody(simulator: PBSSimulator, start: Callable[..., LibpbsProcess]) -> None:
    """Its connection is forgotten, in the middle of a request as well."""
    first, second = start(), start()
    connection = first.connect()
    simulator.pause()
    first.begin("pbs_submit", connection, job("a"), None, None, None)
    time.sleep(WHILE)
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


def test_a_comment_that_changes_is_a_change(tmp_path: Path) -> None:
    """The scheduler's words move mtime when they become others, and not when they are repeated."""
    now = [1000.0]
    with PBSSimulator(tmp_path, {"node1": {"ncpus": 2}, "node2": {"ncpus": 2}}, libpbs=True, clock=lambda: now[0]) as simulator:
        library = LibpbsProcess(simulator.directory / "lib" / "libpbs.so", simulator.environment)
        connection = library.connect()

        def changed(since: int) -> set[str]:
            criteria = [["User_List", None, simulator.user, EQ], ["mtime", None, str(since), GE]]
            return set(library.call("pbs_selectjob", connection, criteria, None).result)

        def cycle() -> None:
            with simulator.lock:
                simulator.server.schedule()

        simulator.submit("runs", select="1:ncpus=1")
        waits = simulator.submit("waits", select="1:ncpus=4").id
        cycle()
        assert waits in changed(1000) and not changed(1001)
        now[0] = 2000
        cycle()
        assert not changed(1001)
        now[0] = 3000
        simulator.host_down("node2")
        cycle()
        assert changed(1001) == {waits} and not changed(3001)
        library.close()


def test_many_jobs_are_one_look(simulator: PBSSimulator, library: LibpbsProcess) -> None:
    """Thousands of jobs come whole, in one answer on the one connection."""
    with simulator.lock:
        ids = {simulator.submit("a", held=True).id for _ in range(5000)}
    connection = library.connect()
    found = library.call("pbs_selstat", connection, [["User_List", None, simulator.user, EQ]], NEEDED, None).result
    assert set(found) == ids
    assert set(library.call("pbs_selectjob", connection, None, None).result) == ids
    assert simulator.connections() == 1
