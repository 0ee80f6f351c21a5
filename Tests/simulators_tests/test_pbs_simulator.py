"""The PBS simulator itself: scheduling, ends, requests, faults, restart, the record, and that it stays cheap."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators.pbs import PBSSimulator
from simulators.pbs.job import Allocation
from simulators.pbs.selection import Chunk

HOSTS: dict[str, dict[str, int | str]] = {name: {"ncpus": 2, "mem": "24684096kb"} for name in ("node1", "node2")}
FOREVER = ["--", "/bin/sleep", "infinity"]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[PBSSimulator]:
    """Two hosts of two cpus; jobs start at once."""
    with PBSSimulator(tmp_path, HOSTS) as running:
        yield running


@pytest.fixture
def run(simulator: PBSSimulator) -> Run:
    """Runs a command of the simulator."""
    return lambda *arguments, **options: execute(simulator, *arguments, **options)


def execute(simulator: PBSSimulator, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs a command of the simulator and gives what it printed."""
    return subprocess.run(arguments, env=simulator.environment, capture_output=True, text=True, timeout=30, **options)


def qsub(simulator: PBSSimulator, *options: str) -> str:
    """Submits a job that runs until it is ended, and gives its id."""
    answer = execute(simulator, "qsub", *options, *FOREVER)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip()


def comment(simulator: PBSSimulator, job_id: str) -> str:
    """The comment that a job gets from the next scheduling cycle."""
    simulator.wait(lambda p: p.server.comment(p.job(job_id)), what=f"a comment on {job_id}")
    return simulator.server.comment(simulator.job(job_id)) or ""


def kinds(simulator: PBSSimulator, job_id: str) -> list[str]:
    """The kinds of events recorded for a job."""
    return [entry.kind for entry in simulator.record if entry.job_id == simulator.server.full_id(job_id)]


# Scheduling


def test_jobs_start_in_order_and_fill_the_hosts(simulator: PBSSimulator) -> None:
    """First host first; the fifth job of one cpu waits for the first to end."""
    ids = [qsub(simulator, "-l", "select=1:ncpus=1") for _ in range(5)]
    for job_id in ids[:4]:
        simulator.wait_for_state(job_id, "R", 42)
    assert [simulator.job(job_id).exec_host for job_id in ids[:4]] == ["node1/0", "node1/1", "node2/0", "node2/1"]
    assert comment(simulator, ids[4]) == "Not Running: Not enough free nodes available"
    simulator.end_job(ids[2])
    assert simulator.wait_for_state(ids[4], "R", 42).exec_vnode == "(node2:ncpus=1)"


def test_a_job_that_does_not_fit_is_skipped(simulator: PBSSimulator) -> None:
    """PBS's default has no strict ordering: a small job behind a big one runs."""
    qsub(simulator, "-l", "select=1:ncpus=1")
    big = [qsub(simulator, "-l", "select=1:ncpus=2") for _ in range(2)]
    small = qsub(simulator, "-l", "select=1:ncpus=1")
    assert simulator.wait_for_state(small, "R", 42).hosts == ["node1"]
    assert simulator.wait_for_state(big[0], "R", 42).hosts == ["node2"]
    assert simulator.job(big[1]).state == "Q"


# Asked of OpenPBS 23.06.06 with two hosts of two cpus, one cpu on each taken.
COMMENTS = [
    ("select=1:ncpus=3", "Not Running: Insufficient amount of resource: ncpus (R: 3 A: 2 T: 4)"),
    ("select=1:ncpus=100", "Can Never Run: Insufficient amount of resource: ncpus (R: 100 A: 4 T: 4)"),
    ("select=1:ncpus=1:host=nosuch", "Can Never Run: Insufficient amount of resource: host (nosuch != node1,node2)"),
    ("select=1:ncpus=1:mem=100tb", "Can Never Run: Insufficient amount of resource: mem (R: 100tb A: 48210mb T: 48210mb)"),
    ("select=1:ncpus=1:mem=30gb", "Not Running: Insufficient amount of resource: mem "),
    ("select=5:ncpus=1:mem=30gb -l place=scatter", "Can Never Run: Not enough total nodes available"),
]


@pytest.mark.parametrize(("request_", "expected"), COMMENTS, ids=[case[0] for case in COMMENTS])
def test_comments_of_jobs_that_wait(simulator: PBSSimulator, request_: str, expected: str) -> None:
    """The scheduler's own words, as real PBS gave them."""
    qsub(simulator, "-l", "select=2:ncpus=1", "-l", "place=scatter")
    assert comment(simulator, qsub(simulator, "-l", *request_.split())) == expected


PLACEMENTS = [
    ("select=1:ncpus=1:host=node2", "(node2:ncpus=1)", "node2/0"),
    ("select=1:ncpus=1:vnode=node2", "(node2:ncpus=1)", "node2/0"),
    ("select=2:ncpus=1:mem=10mb -l place=scatter",
     "(node1:ncpus=1:mem=10240kb)+(node2:ncpus=1:mem=10240kb)", "node1/0+node2/0"),
    ("select=2:ncpus=1", "(node1:ncpus=1)+(node1:ncpus=1)", "node1/0+node1/1"),
    ("select=1:ncpus=2+1:ncpus=1", "(node1:ncpus=2)+(node2:ncpus=1)", "node1/0*2+node2/0"),
    ("ncpus=2,mem=1gb", "(node1:mem=1048576kb:ncpus=2)", "node1/0*2"),
    ("select=1:ncpus=0:mem=1gb", "(node1:ncpus=0:mem=1048576kb)", "node1/0*0"),
]


@pytest.mark.parametrize(("request_", "exec_vnode", "exec_host"), PLACEMENTS, ids=[case[0] for case in PLACEMENTS])
def test_placement(simulator: PBSSimulator, request_: str, exec_vnode: str, exec_host: str) -> None:
    """Chunks go to the first host that has room, or where they ask to go."""
    job = simulator.wait_for_state(qsub(simulator, "-l", *request_.split()), "R", 42)
    assert (job.exec_vnode, job.exec_host) == (exec_vnode, exec_host)


def test_pack_keeps_all_chunks_on_one_host(simulator: PBSSimulator) -> None:
    """place=pack waits rather than spread."""
    qsub(simulator, "-l", "select=2:ncpus=1", "-l", "place=scatter")
    packed = qsub(simulator, "-l", "select=2:ncpus=1", "-l", "place=pack")
    assert comment(simulator, packed).startswith("Not Running: ")
    assert simulator.job(packed).state == "Q"


def test_exclusive_job_has_its_host_alone(simulator: PBSSimulator) -> None:
    """place=excl: nobody else gets the rest of the host, though it has a free cpu."""
    alone = simulator.wait_for_state(qsub(simulator, "-l", "select=1:ncpus=1", "-l", "place=excl"), "R", 42)
    assert alone.hosts == ["node1"]
    assert simulator.wait_for_state(qsub(simulator, "-l", "select=1:ncpus=1"), "R", 42).hosts == ["node2"]
    assert simulator.server.hosts["node1"].state == "job-exclusive"


def test_consumable_resource_of_a_site(tmp_path: Path) -> None:
    """A number beside ncpus and mem is a resource that jobs consume."""
    with PBSSimulator(tmp_path, {"node1": {"ncpus": 8, "mem": "8gb", "ngpus": 1}}) as simulator:
        first = qsub(simulator, "-l", "select=1:ncpus=1:ngpus=1")
        second = qsub(simulator, "-l", "select=1:ncpus=1:ngpus=1")
        assert simulator.wait_for_state(first, "R", 42).exec_vnode == "(node1:ncpus=1:ngpus=1)"
        assert comment(simulator, second) == "Not Running: Insufficient amount of resource: ngpus (R: 1 A: 0 T: 1)"


def test_set_ncpus_lets_more_jobs_run(simulator: PBSSimulator) -> None:
    """A host that grows takes jobs that waited."""
    job_id = qsub(simulator, "-l", "select=1:ncpus=4")
    assert comment(simulator, job_id)
    simulator.set_ncpus("node2", 4)
    assert simulator.wait_for_state(job_id, "R", 42).hosts == ["node2"]


def test_start_delay_and_sched_interval(tmp_path: Path) -> None:
    """Substate 41 lasts start_delay; two scheduling cycles are sched_interval apart."""
    with PBSSimulator(tmp_path, HOSTS, start_delay=0.3, sched_interval=0.3) as simulator:
        first = simulator.submit()
        simulator.wait_for_state(first.id, "R", 42)
        second = simulator.submit()
        simulator.wait_for_state(second.id, "R", 42)
    moments = {(entry.job_id, entry.kind): entry.monotonic for entry in simulator.record}
    assert moments[first.id, "running"] - moments[first.id, "started"] >= 0.3
    assert moments[second.id, "started"] - moments[first.id, "started"] >= 0.3


# Ends


def test_program_ends_by_itself(simulator: PBSSimulator, run: Run) -> None:
    """/bin/sleep N ends after N seconds with exit status 0: state E, then F with substate 92."""
    job_id = run("qsub", "--", "/bin/sleep", "0.2").stdout.strip()
    job = simulator.wait_for_state(job_id, "F")
    assert (job.exit_status, job.substate) == (0, 92)
    assert (job.comment or "").endswith("on (node1:ncpus=1) and finished")
    assert kinds(simulator, job_id) == ["queued", "started", "running", "ended"]


def test_walltime(simulator: PBSSimulator) -> None:
    """A job past its walltime ends with -29 and substate 93."""
    job = simulator.wait_for_state(qsub(simulator, "-l", "select=1:ncpus=1", "-l", "walltime=1"), "F")
    assert (job.exit_status, job.substate) == (-29, 93)
    assert (job.comment or "").endswith(" and exceeded resource walltime")
    ended = simulator.record[-1]
    assert (ended.kind, ended.exit_status, ended.why, ended.host) == ("ended", -29, "exceeded resource walltime", "node1")


def test_qdel_of_a_running_job(tmp_path: Path) -> None:
    """The comment changes at once; E with 271 follows, then F with substate 91."""
    with PBSSimulator(tmp_path, HOSTS, end_delay=0.2) as simulator:
        job_id = qsub(simulator)
        simulator.wait_for_state(job_id, "R", 42)
        assert execute(simulator, "qdel", job_id).returncode == 0
        job = simulator.wait_for_state(job_id, "E", 51)
        assert (job.comment or "").endswith("on (node1:ncpus=1) and terminated by root@pbsserver")
        refused = execute(simulator, "qdel", job_id)
        assert (refused.returncode, refused.stderr) == (168, f"qdel: Request invalid for state of job {job_id}\n")
        simulator.wait_for_state(job_id, "F", 91)
        assert job.exit_status == 271
        finished = execute(simulator, "qdel", job_id)
        assert (finished.returncode, finished.stderr) == (35, f"qdel: Job has finished {job_id}\n")
        assert kinds(simulator, job_id) == ["queued", "started", "running", "deleted", "ended"]


def test_qdel_of_a_waiting_job(simulator: PBSSimulator, run: Run) -> None:
    """Gone at once, with substate 91 and no exit status."""
    job_id = qsub(simulator, "-h")
    assert run("qdel", job_id).returncode == 0
    job = simulator.job(job_id)
    assert (job.state, job.substate, job.exit_status) == ("F", 91, None)
    assert kinds(simulator, job_id) == ["queued", "deleted"]


def test_qdel_force_and_of_history(simulator: PBSSimulator, run: Run) -> None:
    """-W force ends a job at once with 265; -x takes it out of the history."""
    job_id = qsub(simulator)
    simulator.wait_for_state(job_id, "R", 42)
    assert run("qdel", "-W", "force", job_id).returncode == 0
    assert (simulator.job(job_id).state, simulator.job(job_id).exit_status) == ("F", 265)
    assert run("qdel", "-x", job_id).returncode == 0
    assert run("qstat", "-x", job_id).returncode == 153


def test_an_id_of_another_server_is_no_id(simulator: PBSSimulator, run: Run) -> None:
    """Its server's name leads nowhere; the other ids are shown all the same."""
    job_id = qsub(simulator, "-h")
    answer = run("qstat", "-f", "-F", "json", "1.elsewhere", job_id)
    assert list(json.loads(answer.stdout)["Jobs"]) == [job_id]
    assert (answer.returncode, answer.stderr) == (1, "qstat: illegally formed job identifier: 1.elsewhere\n")
    for command in ("qdel", "qhold", "qrls", "qrerun", "qrun"):
        answer = run(command, "1.elsewhere")
        assert (answer.returncode, answer.stderr) == (1, f"{command}: illegally formed job identifier: 1.elsewhere\n")


def test_several_ids_with_unknown_ones(simulator: PBSSimulator, run: Run) -> None:
    """The known ones are shown, the unknown ones reported, and the status is the last failure's."""
    first, second = qsub(simulator, "-h"), qsub(simulator, "-h")
    answer = run("qstat", "-f", "-F", "json", first, "98", second.split(".")[0], "99.pbsserver")
    assert list(json.loads(answer.stdout)["Jobs"]) == [first, second]
    assert answer.stderr == "qstat: Unknown Job Id 98.pbsserver\nqstat: Unknown Job Id 99.pbsserver\n"
    assert answer.returncode == 153
    answer = run("qdel", first, "98", second)
    assert (answer.returncode, answer.stderr) == (153, "qdel: Unknown Job Id 98.pbsserver\n")
    assert [simulator.job(job_id).state for job_id in (first, second)] == ["F", "F"]


def test_without_history_a_finished_job_is_unknown(tmp_path: Path) -> None:
    """job_history_enable unset: 153, and -x says so and exits with 0."""
    with PBSSimulator(tmp_path, HOSTS, history=False) as simulator:
        job_id = qsub(simulator, "-h")
        simulator.delete(job_id)
        assert execute(simulator, "qstat", "-f", job_id).returncode == 153
        answer = execute(simulator, "qstat", "-x", "-f", job_id)
        assert answer.returncode == 0
        assert answer.stderr == f"qstat: PBS is not configured to maintain job history {job_id}\n"


def test_refused_by_the_execution_host(simulator: PBSSimulator) -> None:
    """Back to Q with the host's comment, then it ends; with ends=False it is tried again."""
    job = simulator.submit(held=True)
    simulator.refuse_next_run(job.id, "Not Running: PBS Error: Execution server rejected request")
    simulator.release(job.id, "u")
    simulator.wait_for_state(job.id, "F")
    assert kinds(simulator, job.id) == ["queued", "released", "started", "run refused", "ended"]
    assert job.exit_status == -1 and job.exec_vnode is None
    again = simulator.submit(held=True)
    simulator.refuse_next_run(again.id, ends=False)
    simulator.release(again.id, "u")
    assert simulator.wait_for_state(again.id, "R", 42).run_count == 2


# Requests


def test_rerun_has_no_q_in_between(simulator: PBSSimulator, run: Run) -> None:
    """run_count 2, perhaps elsewhere; qrerun refuses a job that is not rerunable."""
    job_id = qsub(simulator)
    job = simulator.wait_for_state(job_id, "R", 42)
    simulator.rerun(job_id, "node2")
    assert (simulator.wait_for_state(job_id, "R", 42).run_count, job.hosts) == (2, ["node2"])
    assert run("qrerun", job_id).returncode == 0
    assert (simulator.wait_for_state(job_id, "R", 42).run_count, job.hosts) == (3, ["node1"])
    assert "requeued" not in kinds(simulator, job_id)
    refused = run("qrerun", qsub(simulator, "-r", "n"))
    assert refused.returncode == 190
    assert refused.stderr.startswith("qrerun: job is not rerunnable ")


def test_requeue(simulator: PBSSimulator) -> None:
    """The job waits again, at its old place in the queue."""
    job = simulator.wait_for_state(qsub(simulator, "-l", "select=2:ncpus=2"), "R", 42)
    waiting = qsub(simulator, "-l", "select=1:ncpus=2")
    assert comment(simulator, waiting)
    simulator.requeue(job.id)
    simulator.wait_for_state(job.id, "R", 42)
    assert (job.run_count, simulator.job(waiting).state) == (2, "Q")


def test_suspend_and_resume(simulator: PBSSimulator, run: Run) -> None:
    """S gives the resources back but keeps exec_vnode; the resume waits for room."""
    job_id = qsub(simulator, "-l", "select=1:ncpus=2:host=node1")
    job = simulator.wait_for_state(job_id, "R", 42)
    assert run("qsig", "-s", "suspend", job_id).returncode == 0
    assert (job.state, job.substate, job.exec_vnode) == ("S", 43, "(node1:ncpus=2)")
    assert run("qselect", "-s", "S").stdout == f"{job_id}\n"
    other = qsub(simulator, "-l", "select=1:ncpus=1:host=node1")
    simulator.wait_for_state(other, "R", 42)
    assert run("qsig", "-s", "resume", job_id).returncode == 0
    assert (job.state, job.substate) == ("S", 45)
    simulator.end_job(other)
    simulator.wait_for_state(job_id, "R", 42)
    assert kinds(simulator, job_id)[-2:] == ["suspended", "resumed"]


def test_hold_and_release(simulator: PBSSimulator, run: Run) -> None:
    """qhold and qrls of a waiting job; a system hold is the manager's."""
    qsub(simulator, "-l", "select=2:ncpus=2")
    job_id = qsub(simulator)
    assert comment(simulator, job_id)
    assert run("qhold", "-h", "s", job_id).returncode == 0
    job = simulator.job(job_id)
    assert (job.state, job.substate, job.holds) == ("H", 20, "s")
    assert (job.comment or "").startswith("Job held by root on ")
    assert run("qrls", "-h", "s", job_id).returncode == 0
    assert (job.state, job.holds) == ("Q", "")


def test_move(simulator: PBSSimulator, run: Run) -> None:
    """qmove to a stopped queue: the job waits there with PBS's words."""
    job_id = qsub(simulator, "-h")
    assert run("qmove", "nosuch", job_id).returncode == 170
    simulator.add_queue("later", started=False)
    assert run("qmove", "later", job_id).returncode == 0
    simulator.release(job_id, "u")
    assert comment(simulator, job_id) == "Not Running: Queue not started."
    assert run("qselect", "-q", "later").stdout == f"{job_id}\n"


def test_qrun_starts_a_job_where_it_is_told(simulator: PBSSimulator, run: Run) -> None:
    """qrun -H; an unknown host is refused with status 2."""
    simulator.set_scheduling(False)
    job_id = qsub(simulator)
    unknown = run("qrun", "-H", "nosuch", job_id)
    assert (unknown.returncode, unknown.stderr) == (2, "qrun: Unknown node  nosuch\n")
    assert run("qrun", "-H", "node2", job_id).returncode == 0
    assert simulator.wait_for_state(job_id, "R", 42).hosts == ["node2"]


def test_qalter(simulator: PBSSimulator, run: Run) -> None:
    """A waiting job can be changed wholly, a running one in what no host holds."""
    job_id = qsub(simulator, "-h", "-l", "select=1:ncpus=1")
    assert run("qalter", "-l", "select=1:ncpus=2", "-N", "renamed", "-l", "walltime=5:00", job_id).returncode == 0
    job = simulator.job(job_id)
    assert (job.name, job.request.schedselect, job.request.walltime) == ("renamed", "1:ncpus=2", 300)
    simulator.release(job_id, "u")
    simulator.wait_for_state(job_id, "R", 42)
    refused = run("qalter", "-l", "select=1:ncpus=1", job_id)
    assert refused.returncode == 167
    assert refused.stderr == f"qalter: Cannot modify attribute while job running  Resource_List.select {job_id}\n"
    assert run("qalter", "-l", "walltime=1", job_id).returncode == 0
    assert simulator.wait_for_state(job_id, "F").exit_status == -29


def _another_user() -> str | None:
    if os.getuid() != 0:
        return None
    return next((user for user in ("nobody", "daemon") if user in {entry.pw_name for entry in pwd.getpwall()}), None)


@pytest.mark.skipif(_another_user() is None, reason="acting as another user needs root")
def test_what_is_not_ones_own_is_refused(tmp_path: Path) -> None:
    """Owner is who submits; others get 159 for requests, and may look."""
    for directory in (tmp_path, *tmp_path.parents):
        if directory.owner() == "root" and str(directory).startswith("/tmp/"):
            directory.chmod(0o755)
    user = _another_user()
    with PBSSimulator(tmp_path, HOSTS) as simulator:
        mine = qsub(simulator)
        refused = execute(simulator, "qdel", mine, user=user)
        assert (refused.returncode, refused.stderr) == (159, f"qdel: Unauthorized Request  {mine}\n")
        assert execute(simulator, "qsig", "-s", "suspend", mine, user=user).returncode == 159
        assert execute(simulator, "qstat", mine, user=user).returncode == 0
        theirs = execute(simulator, "qsub", *FOREVER, user=user, cwd="/").stdout.strip()
        assert simulator.job(theirs).owner == user
        assert execute(simulator, "qhold", "-h", "s", theirs, user=user).returncode == 159
        assert execute(simulator, "qdel", theirs, user=user).returncode == 0
        assert execute(simulator, "qselect", "-u", str(user), "-x").stdout == f"{theirs}\n"


# Submitting


def test_script_from_standard_input_with_directives(simulator: PBSSimulator, run: Run) -> None:
    """Directives count unless the command line says otherwise."""
    script = "#!/bin/sh\n#PBS -N fromscript\n#PBS -l select=1:ncpus=2\n\nsleep 1000\n#PBS -p 5\n"
    job = simulator.job(run("qsub", "-p", "7", input=script).stdout.strip())
    assert (job.name, job.request.schedselect, job.priority, job.script) == ("fromscript", "1:ncpus=2", 7, script)


def test_large_script(simulator: PBSSimulator, run: Run) -> None:
    """A script far larger than a socket's buffer arrives whole."""
    script = "sleep 1000\n" + "# filler\n" * 200_000
    answer = run("qsub", "-h", input=script)
    assert answer.returncode == 0, answer.stderr
    assert simulator.job(answer.stdout.strip()).script == script


def test_script_file(simulator: PBSSimulator, run: Run, tmp_path: Path) -> None:
    """The job is named after its file, and its output goes beside the directory of submission."""
    (tmp_path / "work.sh").write_text("sleep 1000\n")
    job = simulator.job(run("qsub", "-h", "work.sh", cwd=tmp_path).stdout.strip())
    assert job.name == "work.sh"
    assert job.output_path == f"pbsserver:{os.path.realpath(tmp_path)}/work.sh.o1"
    missing = run("qsub", "nosuch.sh", cwd=tmp_path)
    assert (missing.returncode, missing.stderr) == (1, "qsub: script file:: No such file or directory\n")


# -v list, and Variable_List after it, both as seen on OpenPBS 23.06.06
VARIABLES = [
    ('A=1,B="x,y"', r"A=1,B=x\,y"),
    (r"A=1,B=x\,y", r"A=1,B=x\,y"),
    ("A='it is, so',C=d", r"A=it is\, so,C=d"),
    ("A=1,", "A=1"),
    ("A=a=b=c", "A=a=b=c"),
    ("PBS_O_FOO=1,X=2", "X=2"),
    ("A=x;y|z$HOME", "A=x;y|z$HOME"),
    ("A=a\\\\b", "A=a" + "\\" * 8 + "b"),
    ('A=back\\slash,B=q"uote', None),
    ("A=,NOT_IN_THE_ENVIRONMENT", None),
    (",A=1", None),
    ("A=it's", None),
    ('A={"k":"v","l":"w"}', None),
]


@pytest.mark.parametrize(("text", "expected"), VARIABLES, ids=[case[0] for case in VARIABLES])
def test_variables(simulator: PBSSimulator, run: Run, text: str, expected: str | None) -> None:
    """Quotes, commas and backslashes in a -v list."""
    answer = run("qsub", "-h", "-v", text, *FOREVER)
    if expected is None:
        assert (answer.returncode, answer.stderr) == (1, "qsub: cannot send environment with the job\n")
    else:
        variables = simulator.job(answer.stdout.strip()).variables
        assert variables.split("PBS_O_SYSTEM=Linux,")[1] == f"{expected},PBS_O_QUEUE=workq,PBS_O_HOST=pbsserver"


def test_variables_that_read_as_json(simulator: PBSSimulator, run: Run) -> None:
    """qstat -F json prints a variable as JSON where it reads as JSON: a trap for whoever parses it."""
    job_id = run("qsub", "-h", "-v", "A=007,B=true,C=1e5,D=12ab,E=null,F=", *FOREVER).stdout.strip()
    variables = json.loads(run("qstat", "-f", "-F", "json", job_id).stdout)["Jobs"][job_id]["Variable_List"]
    assert {name: variables[name] for name in "ABCDEF"} == {"A": 7, "B": True, "C": 100000, "D": "12ab", "E": None, "F": ""}


# Server refusals as seen on OpenPBS 23.06.06: options, status, standard error's first line
REFUSALS = [
    ("-l place=scatter", 7, 'qsub: Cannot have "place" without "select"'),
    ("-l select=1:ncpus=1 -l mem=1gb", 5, 'qsub: "-lresource=" cannot be used with "select" or "place", resource is: mem'),
    ("-l select=1:ncpus=1:ncpus=2", 12,
     "qsub: duplicated resource within a section of a select specification, resource is: ncpus"),
    ("-l select=1:walltime=2", 4, 'qsub: Resource invalid in "select" specification: walltime'),
    ("-l select=0:ncpus=2", 166, "qsub: Illegal attribute or resource value"),
    ("-l select=1:ncpus=x", 166, "qsub: Illegal attribute or resource value select.ncpus"),
    ("-l select=1:ncpus=-1", 166, "qsub: Illegal attribute or resource value select.ncpus"),
    ("-l select=1:mem=1Gi", 166, "qsub: Illegal attribute or resource value select.mem"),
    ("-l select=1:ncpus=1 -l walltime=abc", 166, "qsub: Illegal attribute or resource value Resource_List.walltime"),
    ("-l select=1:ncpus=1 -l place=foo", 166, "qsub: Illegal attribute or resource value Resource_List.place"),
    ("-l select=1:ncpus=1 -l nosuch=1", 187, "qsub: Unknown resource Resource_List.nosuch"),
    ("-l select=", 166, "qsub: Illegal attribute or resource value Resource_List.select"),
    ("-p 2000", 2, "qsub: illegal -p value"),
    ("-r x", 2, "qsub: illegal -r value"),
    ("-j xx", 2, "qsub: illegal -j value"),
    ("-W foo", 2, "qsub: illegal -W value"),
    ("-W foo=bar", 154, "qsub: Error (15002) submitting job"),
    ("-Z", 2, "qsub: invalid option -- 'Z'"),
]


@pytest.mark.parametrize(("options", "status", "line"), REFUSALS, ids=[case[0] for case in REFUSALS])
def test_refusals(run: Run, options: str, status: int, line: str) -> None:
    """What PBS does not accept, in its words."""
    answer = run("qsub", *options.split(), *FOREVER)
    assert (answer.returncode, answer.stderr.splitlines()[0], answer.stdout) == (status, line, "")


# Hosts


def test_host_down_and_back(simulator: PBSSimulator, run: Run) -> None:
    """Its jobs show R and cannot be deleted; when it is back within the time, they go on."""
    job_id = qsub(simulator, "-l", "select=1:ncpus=1:host=node1")
    simulator.wait_for_state(job_id, "R", 42)
    simulator.host_down("node1")
    nodes = json.loads(run("pbsnodes", "-a", "-F", "json").stdout)["nodes"]
    assert (nodes["node1"]["state"], nodes["node2"]["state"]) == ("down", "free")
    refused = run("qdel", job_id)
    assert (refused.returncode, refused.stderr) == (222, f"qdel: Server could not connect to MOM {job_id}\n")
    waiting = qsub(simulator, "-l", "select=1:ncpus=1:host=node1")
    assert comment(simulator, waiting) == "Not Running: Node is in an ineligible state: down"
    simulator.host_up("node1")
    # A host that is back starts no scheduling cycle; a new job does.
    qsub(simulator)
    simulator.wait_for_state(waiting, "R", 42)
    assert kinds(simulator, job_id) == ["queued", "started", "running"]


def test_an_owner_lets_go_of_a_job_whose_host_is_down(simulator: PBSSimulator, run: Run) -> None:
    """By force, as on 23.06.06: the job is over without an exit status."""
    simulator.settings.manager, simulator.settings.root_manages = "administrator", False
    job_id = qsub(simulator)
    simulator.host_down(simulator.wait_for_state(job_id, "R", 42).hosts[0])
    refused = run("qdel", job_id)
    assert (refused.returncode, refused.stderr) == (222, f"qdel: Server could not connect to MOM {job_id}\n")
    assert run("qdel", "-W", "force", job_id).returncode == 0
    job = simulator.job(job_id)
    assert (job.state, job.substate, job.exit_status) == ("F", 91, None)
    assert job.comment is not None and job.comment.endswith(" and terminated")


def test_hosts_are_unknown_until_they_report(tmp_path: Path) -> None:
    """After the server's start its hosts count as down, and no job starts there before a cycle after their reports."""
    with PBSSimulator(tmp_path, HOSTS, report_delay=0.3, scheduler_iteration=1) as simulator:
        job = simulator.submit()
        shown = subprocess.run([simulator.exec_dir / "bin/pbsnodes", "-a", "-F", "json"], capture_output=True, text=True)
        assert {node["state"] for node in json.loads(shown.stdout)["nodes"].values()} == {"state-unknown,down"}
        assert job.state == "Q"
        simulator.wait_for_state(job.id, "R", 42)


def test_a_host_that_reports_starts_no_scheduling_cycle(tmp_path: Path) -> None:
    """What waited goes on waiting, for up to scheduler_iteration (600 s), or until something else asks for a cycle."""
    with PBSSimulator(tmp_path, HOSTS, report_delay=0.3) as simulator:
        waiting = simulator.submit()
        simulator.wait(lambda p: not any(host.unknown for host in p.server.hosts.values()), what="reports")
        assert waiting.state == "Q"
        simulator.submit()
        simulator.wait_for_state(waiting.id, "R", 42)


def test_host_that_stays_away_loses_its_jobs(tmp_path: Path) -> None:
    """After node_fail_requeue a rerunable job runs elsewhere, another one ends."""
    with PBSSimulator(tmp_path, HOSTS, node_fail_requeue=0.1) as simulator:
        rerunable = simulator.submit()
        fixed = simulator.submit(rerunable=False)
        for job in (rerunable, fixed):
            assert simulator.wait_for_state(job.id, "R", 42).hosts == ["node1"]
        simulator.host_down("node1")
        simulator.wait(lambda p: rerunable.hosts == ["node2"], what="the rerunable job on node2")
        simulator.wait_for_state(fixed.id, "F")
        assert (rerunable.run_count, fixed.exit_status) == (2, -20)


def test_a_restarted_server_waits_anew_for_a_host_that_is_down(tmp_path: Path) -> None:
    """The time node_fail_requeue begins again: nothing remembers when the host went down."""
    with PBSSimulator(tmp_path, HOSTS, node_fail_requeue=0.3) as simulator:
        job = simulator.submit(rerunable=False)
        simulator.wait_for_state(job.id, "R", 42)
        simulator.host_down(job.hosts[0])
        simulator.stop()
        simulator.start()
        simulator.wait_for_state(job.id, "F")
        assert job.exit_status == -20


# Faults


def test_faults_of_the_seeded_dice_repeat(tmp_path: Path) -> None:
    """The same seed gives the same faults."""
    def strikes(seed: int) -> list[bool]:
        simulator = PBSSimulator(tmp_path, HOSTS, seed=seed)
        simulator.faults.fail("qstat", 1, "no", probability=0.5)
        return [simulator.faults.strike("qstat") is not None for _ in range(64)]

    assert strikes(7) == strikes(7) != strikes(8)
    assert True in strikes(7) and False in strikes(7)


def test_of_two_equal_faults_the_one_that_is_removed_goes(simulator: PBSSimulator, run: Run) -> None:
    first, second = (simulator.faults.fail("qselect", 1, "no", count=1) for _ in range(2))
    simulator.faults.remove(second)
    assert run("qselect").returncode == 1
    assert first.count == 0 and second.count == 1


def test_slow(simulator: PBSSimulator, run: Run) -> None:
    """The answer takes its time; others are served meanwhile."""
    simulator.faults.slow("qsub", 0.5, count=1)
    begin = time.monotonic()
    with subprocess.Popen(["qsub", "-h", *FOREVER], env=simulator.environment, stdout=subprocess.PIPE, text=True) as slow:
        assert run("qselect").stdout == ""
        assert slow.communicate()[0] == "1.pbsserver\n"
    assert time.monotonic() - begin >= 0.5


def test_fail(run: Run, simulator: PBSSimulator) -> None:
    """The command is not carried out."""
    simulator.faults.fail("qsub", 162, "qsub: something", count=1)
    answer = run("qsub", *FOREVER)
    assert (answer.returncode, answer.stderr, answer.stdout) == (162, "qsub: something\n", "")
    assert not simulator.jobs
    assert qsub(simulator) == "1.pbsserver"


def test_hang(simulator: PBSSimulator, run: Run) -> None:
    """Never answered; the next call is."""
    simulator.faults.hang("qstat", count=1)
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(["qstat"], env=simulator.environment, timeout=0.3, check=False)
    assert run("qstat").returncode == 0


def test_answer_lost(simulator: PBSSimulator, run: Run) -> None:
    """The job is there, its submitter died before it knew; also with a script from standard input."""
    simulator.faults.lose_answer("qsub", count=2)
    assert run("qsub", *FOREVER).returncode == -signal.SIGKILL
    assert run("qsub", input="sleep 1000\n").returncode == -signal.SIGKILL
    assert list(simulator.jobs) == ["1.pbsserver", "2.pbsserver"]


def test_cut_and_garbage_and_silent(simulator: PBSSimulator, run: Run) -> None:
    """Standard output stops in the middle, or is rubbish, or is not there."""
    job_id = qsub(simulator, "-h")
    whole = run("qstat", "-f", "-F", "json", job_id).stdout
    simulator.faults.cut("qstat", count=1)
    cut = run("qstat", "-f", "-F", "json", job_id).stdout
    assert len(cut) < len(whole)
    simulator.faults.garbage("qstat", count=1)
    with pytest.raises(ValueError):
        json.loads(run("qstat", "-f", "-F", "json", job_id).stdout)
    simulator.faults.silent("qsub", count=1)
    assert run("qsub", *FOREVER).stdout == ""
    assert len(simulator.jobs) == 2


def test_empty_listing(simulator: PBSSimulator, run: Run) -> None:
    """Listings are empty though the jobs exist; asking by id still works."""
    job_id = qsub(simulator)
    simulator.wait_for_state(job_id, "R", 42)
    simulator.empty_listing(2)
    assert run("qstat", "-f", "-F", "json", job_id).returncode == 0
    assert run("qselect", "-s", "R").stdout == ""
    assert "Jobs" not in json.loads(run("qstat", "-f", "-F", "json").stdout)
    assert run("qselect", "-s", "R").stdout == f"{job_id}\n"


def test_forget_all(simulator: PBSSimulator, run: Run) -> None:
    """An empty database: every id is unknown, hosts are free, numbers begin again."""
    job_id = qsub(simulator, "-l", "select=2:ncpus=2")
    simulator.wait_for_state(job_id, "R", 42)
    simulator.forget_all()
    assert run("qstat", "-f", job_id).returncode == 153
    assert run("qselect", "-x").stdout == ""
    assert kinds(simulator, job_id)[-1] == "forgotten"
    again = qsub(simulator, "-l", "select=2:ncpus=2")
    assert again == job_id
    simulator.wait_for_state(again, "R", 42)


def test_pause(simulator: PBSSimulator, run: Run) -> None:
    """A paused server answers nobody and lets nothing happen; then everybody gets an answer."""
    job_id = run("qsub", "--", "/bin/sleep", "0.2").stdout.strip()
    simulator.wait_for_state(job_id, "R", 42)
    simulator.pause()
    with subprocess.Popen(["qselect"], env=simulator.environment, stdout=subprocess.PIPE, text=True) as waiting:
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(0.5)
        assert simulator.job(job_id).state == "R"
        simulator.resume_server()
        assert waiting.wait(10) == 0
    simulator.wait_for_state(job_id, "F")


# Restart


def test_a_restarted_server_has_no_word_on_a_job_that_ran(tmp_path: Path) -> None:
    """As seen on OpenPBS 23.06.06: no comment, neither while the job runs on nor at its end."""
    with PBSSimulator(tmp_path, HOSTS) as simulator:
        running = qsub(simulator, "-l", "select=1:ncpus=1")
        simulator.wait_for_state(running, "R", 42)
        assert simulator.job(running).comment is not None
        simulator.stop()
        simulator.start()
        assert "comment" not in execute(simulator, "qstat", "-f", running).stdout
        simulator.delete(running)
        simulator.wait_for_state(running, "F")
        assert "comment" not in execute(simulator, "qstat", "-x", "-f", running).stdout


def test_stop_and_start_keep_the_jobs(tmp_path: Path) -> None:
    """Commands find no server in between; jobs run on, what was due meanwhile happens."""
    simulator = PBSSimulator(tmp_path, HOSTS)
    simulator.start()
    running, queued = qsub(simulator, "-l", "select=1:ncpus=2"), qsub(simulator, "-l", "select=2:ncpus=2")
    held = qsub(simulator, "-h")
    ending = execute(simulator, "qsub", "-l", "select=1:ncpus=1", "--", "/bin/sleep", "0.3").stdout.strip()
    simulator.wait_for_state(ending, "R", 42)
    simulator.stop()
    for command, status in (("qstat", 255), ("qselect", 162), ("qsub", 162), ("qdel", 162), ("pbsnodes", 1)):
        answer = execute(simulator, command, "1", *(["-a"] if command == "pbsnodes" else []))
        assert answer.returncode == status
        assert answer.stderr.startswith("Connection refused\n")
    simulator.start()
    simulator.wait_for_state(ending, "F")
    assert [simulator.job(job_id).state for job_id in (running, queued, held)] == ["R", "Q", "H"]
    simulator.stop()

    # Another process, as it were: only the directory is the same.
    with PBSSimulator(tmp_path, HOSTS) as again:
        assert [again.job(job_id).state for job_id in (running, queued, held, ending)] == ["R", "Q", "H", "F"]
        assert qsub(again, "-h") == "5.pbsserver"
        assert again.server.hosts["node1"].available("ncpus") == 0
        again.end_job(running)
        assert again.wait_for_state(queued, "R", 42).exec_host == "node1/0*2+node2/0*2"
        assert kinds(again, running) == ["queued", "started", "running", "ended"]


def test_as_a_process_of_its_own(tmp_path: Path) -> None:
    """python3 -m simulators.pbs says when it is ready and stops on SIGTERM."""
    tests = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-m", "simulators.pbs", "--directory", str(tmp_path), "--hosts", "a,b,c"]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(tests)}, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"ready {tmp_path}\n"
        nodes = subprocess.run([tmp_path / "bin" / "pbsnodes", "-a", "-F", "json"], capture_output=True, check=True)
        assert list(json.loads(nodes.stdout)["nodes"]) == ["a", "b", "c"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


# The record, and cost


def test_record(simulator: PBSSimulator, run: Run) -> None:
    """Each event has its job, the pod's UID, the host and both clocks."""
    job_id = qsub(simulator, "-v", "KUBERNETES_POD_UID=7f1c9a52-0c5e")
    simulator.wait_for_state(job_id, "R", 42)
    run("qdel", job_id)
    simulator.wait_for_state(job_id, "F")
    entries = [entry for entry in simulator.record if entry.job_id == job_id]
    assert [entry.kind for entry in entries] == ["queued", "started", "running", "deleted", "ended"]
    assert {entry.pod_uid for entry in entries} == {"7f1c9a52-0c5e"}
    assert [entry.host for entry in entries] == [None] + ["node1"] * 4
    assert [entry.monotonic for entry in entries] == sorted(entry.monotonic for entry in entries)
    assert all(abs(entry.wall - time.time()) < 60 for entry in entries)
    assert (entries[-1].exit_status, entries[-1].why) == (271, "terminated by root@pbsserver")


def test_wait_says_what_it_waited_for(simulator: PBSSimulator) -> None:
    """A timeout names the condition and shows the jobs."""
    qsub(simulator, "-h", "-N", "stuck")
    with pytest.raises(TimeoutError, match="the impossible did not come true within 0.05 s; jobs: 1.pbsserver stuck H20"):
        simulator.wait(lambda p: False, 0.05, "the impossible")


def test_thousands_of_waiting_jobs_cost_a_cycle_nothing(tmp_path: Path) -> None:
    """Jobs that ask for the same are looked at once a cycle, however many wait (counted, not timed)."""
    simulator = PBSSimulator(tmp_path, HOSTS, end_delay=0.0)  # not started: the test is the clock
    attempts: list[object] = []
    place = simulator.server.scheduler.place

    def counting(chunks: list[Chunk], where: str) -> list[Allocation] | None:
        attempts.append(chunks)
        return place(chunks, where)

    simulator.server.scheduler.place = counting  # type: ignore[method-assign,assignment]
    for _ in range(3000):
        simulator.submit(select="1:ncpus=2")
    with simulator.lock:
        simulator.server.timers.run_due()
        assert len(attempts) == 3  # two start, the third does not fit
        for count in range(1, 101):
            simulator.server.end(next(iter(simulator.server.by_state["R"].values())), 0, "")
            while len(simulator.server.by_state["R"]) < 2:
                simulator.server.timers.run_due()
            assert len(attempts) == 3 + 2 * count  # one starts in its place, the next does not fit
    assert len(simulator.server.by_state["Q"]) == 2898
