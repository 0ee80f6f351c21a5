"""What the stand-in library tells, of which server, and what that costs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from simulators.pbs import BACKEND, PBSSimulator

from .libpbs import EQ, GE
from .libpbs_fixtures import library, simulator, start  # noqa: F401
from .libpbs_process import LibpbsProcess, Said, states
from .libpbs_scenarios import NEEDED, STATE, job

SYSTEM, PROTOCOL, UNKNOWN_HOST = 15010, 15031, 15008


def test_the_library_is_there_only_if_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default a simulator has commands alone."""
    monkeypatch.delenv(BACKEND, raising=False)
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
