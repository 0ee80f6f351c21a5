"""Each recording of a real PBS command is a test of the simulator's: same status, same text.

The simulator is first brought into the state that PBS was in; what only the
real thing can know (session ids, the queue rank) is written into its jobs.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simulators.pbs import PBSSimulator
from simulators.pbs.job import Job
from simulators.pbs.server import Submission

from .recordings import DIRECTORY, Recording

HOSTS: dict[str, dict[str, int | str]] = {name: {"ncpus": 2, "mem": "24684096kb"} for name in ("node1", "node2")}
EARLIER = 1795490229  # when most of the recordings were made, seconds since the epoch
LATER = 1795491287  # when job 2 of alice started: Tue Nov 24 03:34:47 2026 UTC
EXPRESS = 1795663311  # when job 95 of alice started: Thu Nov 26 03:21:51 2026 UTC
POD = {"KUBERNETES_POD_UID": "7f1c9a52-0c5e-4a0e-9a37-0f3a2c1b5d11", "KUBERNETES_POD_NAME": "redis",
       "KUBERNETES_POD_NAMESPACE": "default"}


class Clock:
    """Seconds since the epoch, as the test sets them."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def universal_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The recordings were made where local time is UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def run(simulator: PBSSimulator, arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of the simulator as its user would."""
    return subprocess.run(arguments, env={**simulator.environment, **environment}, capture_output=True, text=True,
                          timeout=30)


def submit(simulator: PBSSimulator, name: str, resources: dict[str, str], held: bool = False) -> Job:
    """A job of root's with nothing special about it."""
    with simulator.lock:
        return simulator.server.submit(Submission(
            name=name, resources=resources, variables="PBS_O_HOME=/root", user="root", uid=0, group="root",
            home="/root", executable="/bin/sleep", arguments=["infinity"], held=held))


# States


def nothing(simulator: PBSSimulator, clock: Clock) -> None:
    """No job yet."""


def held_jobs(sequence: int) -> Callable[[PBSSimulator, Clock], None]:
    """The next job gets this number."""
    def prepare(simulator: PBSSimulator, clock: Clock) -> None:
        simulator.server.next_sequence = sequence
    return prepare


def earlier(simulator: PBSSimulator, clock: Clock) -> None:
    """redis runs, big can never run, 704 has finished, four jobs are held; 708 jobs in all."""
    clock.now = EARLIER - 900
    redis = submit(simulator, "redis", {"select": "1:ncpus=1:mem=640mb"})
    simulator.wait_for_state(redis.id, "R", 42)
    with simulator.lock:
        redis.comment = "Job run at Tue Nov 24 at 03:14 on (node1:ncpus=1:mem=655360kb)"
        redis.session_id, redis.running_at = 19396, time.monotonic() - 150
        for host, changed in (("node1", 1795490199), ("node2", 1795490054)):
            simulator.server.hosts[host].state_changed = changed
            simulator.server.hosts[host].last_used = 1795490199
    submit(simulator, "big", {"select": "1:ncpus=100"})
    for _ in range(3, 705):
        simulator.delete(submit(simulator, "filler", {"select": "1:ncpus=1"}, held=True).id)
    simulator.server.next_sequence = 707
    submit(simulator, "my.pod-name_1", {"select": "1:ncpus=1"}, held=True)
    submit(simulator, "1pod", {"select": "1:ncpus=1"}, held=True)
    submit(simulator, "STDIN", {"select": "1:ncpus=1"}, held=True)
    submit(simulator, "STDIN", {"select": "1:ncpus=0:mem=1gb"}, held=True)
    simulator.wait(lambda p: (p.server.comment(p.job("2")) or "").startswith("Can Never Run"), what="a comment on job 2")
    clock.now = EARLIER


def alice(simulator: PBSSimulator, clock: Clock) -> None:
    """Job 2, a pod's, runs beside job 1 on node1, with all attributes that the recording shows."""
    clock.now = LATER - 10
    simulator.wait_for_state(submit(simulator, "first", {"select": "1:ncpus=1"}).id, "R", 42)
    clock.now = LATER + 0.901922
    arguments = ["-r", "n", "-N", "redis", "-l", "select=1:ncpus=1:mem=640mb", "-l", "walltime=01:00:00", "-v",
                 ",".join(f"{name}={value}" for name, value in POD.items()), "-o", "/dev/null", "-e", "/dev/null",
                 "--", "/bin/sleep", "infinity"]
    variables = ["PBS_O_HOME=/home/alice", "PBS_O_PATH=/opt/pbs/bin:/usr/bin:/bin",
                 "PBS_O_INTERACTIVE_AUTH_METHOD=resvport", "PBS_O_INTERACTIVE_ENCRYPT_METHOD=",
                 "PBS_O_WORKDIR=/home/alice", "PBS_O_SYSTEM=Linux", *(f"{name}={value}" for name, value in POD.items())]
    with simulator.lock:
        job = simulator.server.submit(Submission(
            name="redis", resources={"select": "1:ncpus=1:mem=640mb", "walltime": "01:00:00"},
            variables=",".join(variables), user="alice", uid=1000, group="alice", home="/home/alice",
            output_path="pbsserver:/dev/null", error_path="pbsserver:/dev/null", rerunable=False,
            executable="/bin/sleep", arguments=["infinity"], submit_arguments=arguments))
    simulator.wait_for_state(job.id, "R", 42)
    with simulator.lock:
        job.session_id, job.queue_rank, job.mtime = 10561, 1795491287901922, LATER + 3
    clock.now = 1795491292


def _deleted(simulator: PBSSimulator, clock: Clock, state: str) -> None:
    alice(simulator, clock)
    clock.now = LATER + 6
    simulator.delete("2")
    job = simulator.wait_for_state("2", state)
    with simulator.lock:
        job.used_cput, job.used_memory, job.used_vmem, job.used_walltime = "00:12:34", "777mb", "2500kb", 4


def exiting(simulator: PBSSimulator, clock: Clock) -> None:
    """Job 2 has been deleted and is in state E (its usage set by a hook)."""
    simulator.settings.end_delay = 3600.0
    _deleted(simulator, clock, "E")


def finished(simulator: PBSSimulator, clock: Clock) -> None:
    """Job 2 has been deleted and is in the history; PBS got there at the turn of a second."""
    _deleted(simulator, clock, "F")
    simulator.job("2").history_timestamp = LATER + 6
    clock.now = 1795491293


def mom_down(simulator: PBSSimulator, clock: Clock) -> None:
    """Job 80 runs on a host whose MoM has gone."""
    simulator.server.next_sequence = 80
    job = simulator.wait_for_state(submit(simulator, "lost", {"select": "1:ncpus=1"}).id, "R", 42)
    simulator.host_down(job.hosts[0])


def of_somebody_else(simulator: PBSSimulator, clock: Clock) -> None:
    """Job 82 is not of the user who asks, who is no manager."""
    simulator.settings.manager, simulator.settings.root_manages = "administrator", False
    simulator.server.next_sequence = 82
    with simulator.lock:
        simulator.server.submit(Submission(
            name="other", resources={"select": "1:ncpus=1"}, variables="", user="alice", uid=1000, group="alice",
            home="/home/alice", executable="/bin/sleep", arguments=["infinity"], held=True))


def express(simulator: PBSSimulator, clock: Clock) -> None:
    """alice's job 95, a pod's, runs; 97 is held and has a job's text in a variable. Who asks is an ordinary user."""
    simulator.settings.manager, simulator.settings.root_manages = "administrator", False
    for name in HOSTS:
        with simulator.lock:
            simulator.server.hosts[name].total["ncpus"] = 8
            simulator.server.hosts[name].memory_text = "24684084kb"
    environment = ("PBS_O_HOME=/home/alice,PBS_O_LANG=C.UTF-8,PBS_O_PATH=/opt/pbs/bin:/usr/bin:/bin,PBS_O_SHELL=/bin/bash,"
                   "PBS_O_INTERACTIVE_AUTH_METHOD=resvport,PBS_O_INTERACTIVE_ENCRYPT_METHOD=,PBS_O_WORKDIR=/home/alice,"
                   "PBS_O_SYSTEM=Linux")
    pod = ",".join(f"{name}={value}" for name, value in POD.items())
    select = "1:ncpus=1:mem=640mb+1:ncpus=1:mem=64mb"
    null = "pbsserver:/dev/null"

    def submit(sequence: int, submission: Submission) -> Job:
        simulator.server.next_sequence = sequence
        with simulator.lock:
            return simulator.server.submit(submission)

    clock.now = EXPRESS
    job = submit(95, Submission(
        name="redis", resources={"select": select, "walltime": "01:00:00"}, variables=f"{environment},{pod}", user="alice",
        uid=1000, group="alice", home="/home/alice", output_path=null, error_path=null, rerunable=False,
        executable="/bin/sleep", arguments=["infinity"],
        submit_arguments=["-f", "-r", "n", "-N", "redis", "-l", f"select={select}", "-l", "walltime=01:00:00", "-v", pod,
                          "-o", "/dev/null", "-e", "/dev/null", "--", "/bin/sleep", "infinity"]))
    simulator.wait_for_state(job.id, "R", 42)
    with simulator.lock:
        job.session_id, job.mtime, job.running_at = 28714, EXPRESS + 3, time.monotonic()
    clock.now = EXPRESS + 4
    lines = "A=x\n \nJob Id: 1.pbsserver\n    job_state = F\n    substate = 92"
    submit(97, Submission(
        name="held", resources={"select": "1:ncpus=1"}, variables=f"{environment},{lines},B=2", user="alice", uid=1000,
        group="alice", home="/home/alice", output_path=null, error_path=null, held=True, executable="/bin/sleep",
        arguments=["1"], submit_arguments=[
            "-f", "-h", "-N", "held", "-l", "select=1:ncpus=1", "-v", f"{lines}\n\n,B=2", "-o", "/dev/null", "-e",
            "/dev/null", "--", "/bin/sleep", "1"]))


def express_finished(simulator: PBSSimulator, clock: Clock) -> None:
    """Job 95 has been deleted and is in the history."""
    express(simulator, clock)
    clock.now = EXPRESS + 7
    simulator.delete("95", user="alice")
    job = simulator.wait_for_state("95", "F")
    with simulator.lock:
        job.used_cput, job.used_memory, job.used_vmem, job.used_walltime = "00:00:00", "1272kb", "2500kb", 6


def vnodes(simulator: PBSSimulator, clock: Clock) -> None:
    """Job 95 runs; the hosts have been used and have changed at known moments."""
    express(simulator, clock)
    with simulator.lock:
        for name, changed, used in (("node1", -281, 4), ("node2", -217, -217)):
            host = simulator.server.hosts[name]
            host.state_changed, host.last_used = EXPRESS + changed, EXPRESS + used


SLEEP = ["--", "/bin/sleep", "1"]

# Recording: (state, words of the command line where blanks in it do not separate them)
CASES: dict[str, tuple[Callable[[PBSSimulator, Clock], None], list[str] | None]] = {
    "pbsnodes-json.txt": (earlier, None),
    "pbsnodes-node.txt": (earlier, None),
    "pbsnodes-vnodes.txt": (vnodes, None),
    "qdel-mom-down.txt": (mom_down, None),
    "qdel-unauthorized.txt": (of_somebody_else, None),
    "qdel-unknown.txt": (nothing, None),
    "qselect-name.txt": (earlier, None),
    "qselect-run.txt": (earlier, None),
    "qstat-B-json.txt": (earlier, None),
    "qstat-Q-json.txt": (earlier, None),
    "qstat-down.txt": (nothing, None),
    "qstat-express-finished.txt": (express_finished, None),
    "qstat-express-malformed.txt": (express, None),
    "qstat-express-newline.txt": (express, None),
    "qstat-express-running.txt": (express, None),
    "qstat-express-some-unknown.txt": (express, None),
    "qstat-express-unknown.txt": (nothing, None),
    "qstat-f-json.txt": (alice, None),
    "qstat-f-text.txt": (alice, None),
    "qstat-finished-text.txt": (exiting, None),
    "qstat-finished-x.txt": (finished, None),
    "qstat-finished.txt": (earlier, None),
    "qstat-s.txt": (earlier, None),
    "qstat-table-none.txt": (express, None),
    "qstat-table.txt": (express, None),
    "qstat-two-unknown.txt": (nothing, None),
    "qstat-unknown.txt": (nothing, None),
    "qstat-version.txt": (nothing, None),
    "qsub-bad-mem.txt": (nothing, None),
    "qsub-bad-name.txt": (nothing, ["qsub", "-N", "this name has spaces", "-l", "select=1:ncpus=1", *SLEEP]),
    "qsub-bad-project.txt": (nothing, None),
    "qsub-bad-queue.txt": (nothing, None),
    "qsub-bad-resource.txt": (nothing, None),
    "qsub-comma-var.txt": (held_jobs(709), None),
    "qsub-long-name.txt": (nothing, None),
    "qsub-name-digit.txt": (held_jobs(708), None),
    "qsub-name-dots.txt": (held_jobs(707), None),
    "qsub-zero-cpu.txt": (held_jobs(710), None),
}


@pytest.fixture
def clock() -> Clock:
    """The simulator's clock."""
    return Clock(EARLIER)


@pytest.fixture
def simulator(tmp_path: Path, clock: Clock) -> Iterator[PBSSimulator]:
    """Two hosts of two cpus, as in the recordings."""
    with PBSSimulator(tmp_path, HOSTS, clock=clock) as running:
        yield running


def test_every_recording_has_a_test() -> None:
    """A recording that is added is not forgotten."""
    # MoM's printjob is read by the hooks alone, whose tests have these recordings.
    recorded = {path.name for path in DIRECTORY.iterdir()
                if path.read_text().startswith("$ ") and not path.name.startswith("printjob-")}
    assert recorded == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_recording(name: str, simulator: PBSSimulator, clock: Clock) -> None:
    """The simulator's command prints and exits as the real one did."""
    recording = Recording.read(name)
    prepare, words = CASES[name]
    prepare(simulator, clock)
    answer = run(simulator, words or recording.command.split())
    assert answer.returncode == recording.status
    if name == "qstat-two-unknown.txt":
        # Recorded with both streams in one.
        assert answer.stderr + answer.stdout == _with_timestamp_of(recording.stdout, answer.stdout)
        return
    assert answer.stderr == recording.stderr
    assert answer.stdout == _with_timestamp_of(recording.stdout, answer.stdout)


def _timestamp(text: str) -> int | None:
    line = next((line for line in text.splitlines() if line.startswith('\t"timestamp":')), None)
    return int(line.split("\t")[2].rstrip(",")) if line else None


def _with_timestamp_of(recorded: str, answered: str) -> str:
    """The recorded text with the moment at which the simulator was asked."""
    then, now = _timestamp(recorded), _timestamp(answered)
    assert (then is None) == (now is None)
    return recorded if then is None else recorded.replace(f'"timestamp":\t{then}', f'"timestamp":\t{now}')


def test_job_start_states(tmp_path: Path) -> None:
    """A job is in state R with substate 41 first, and 42 only when its host has reported."""
    recorded = [line.split()[2::2] for line in (DIRECTORY / "job-start-states.txt").read_text().splitlines()]
    with PBSSimulator(tmp_path, HOSTS, start_delay=0.5) as simulator:
        job = submit(simulator, "redis", {"select": "1:ncpus=1"})
        simulator.wait_for_state(job.id, "R", timeout=5)
        seen: list[list[str]] = []
        while ["R", "42"] not in seen:
            attributes = json.loads(run(simulator, ["qstat", "-f", "-F", "json", job.id]).stdout)["Jobs"][job.id]
            seen.append([attributes["job_state"], str(attributes["substate"])])
            assert len(seen) < 2000
    assert _without_repeats(seen) == _without_repeats(recorded) == [["R", "41"], ["R", "42"]]


def _without_repeats(states: list[list[str]]) -> list[list[str]]:
    return [state for index, state in enumerate(states) if index == 0 or state != states[index - 1]]


def _queued_events() -> list[dict[str, str]]:
    path = DIRECTORY / "hook-events.jsonl"
    if not path.exists():
        return []
    events = [json.loads(line) for line in path.read_text().splitlines()]
    return [event for event in events if event["event"] == "POSTQUEUEJOB"]


ARGUMENTS_OF_EVENTS = {
    "704.pbsserver": ["-N", "al2", "-l", "select=1:ncpus=1:mem=100mb+1:ncpus=1:mem=50mb", "-l", "place=scatter", "-l",
                      "walltime=00:10:00", "-v", "POD_UID=u-1,POD_NAME=x"],
    "707.pbsserver": ["-h", "-N", "my.pod-name_1", "-l", "select=1:ncpus=1"],
    "708.pbsserver": ["-h", "-N", "1pod", "-l", "select=1:ncpus=1"],
    "709.pbsserver": ["-h", "-l", "select=1:ncpus=1", "-v", 'POD_NS=a,POD_ANN="x,y"'],
    "710.pbsserver": ["-h", "-l", "select=1:ncpus=0:mem=1gb"],
}


@pytest.mark.parametrize("event", _queued_events(), ids=lambda event: event["id"])
def test_resources_and_variables_of_hook_events(event: dict[str, str], simulator: PBSSimulator, tmp_path: Path) -> None:
    """Resource_List and Variable_List of a submitted job are what a postqueuejob hook saw on real PBS."""
    simulator.server.next_sequence = int(event["id"].split(".")[0])
    recorded = event["Variable_List"].split(",PBS_O_INTERACTIVE", 1)[0]
    environment = {item.split("=", 1)[0].removeprefix("PBS_O_"): item.split("=", 1)[1] for item in recorded.split(",")}
    directory = event["Variable_List"].split("PBS_O_WORKDIR=")[1].split(",")[0]
    program = simulator.exec_dir / "bin" / "qsub"
    answer = subprocess.run([program, *ARGUMENTS_OF_EVENTS[event["id"]], *SLEEP], env=environment, cwd=tmp_path,
                            capture_output=True, text=True, timeout=30)
    assert (answer.stdout, answer.stderr) == (event["id"] + "\n", "")
    job = simulator.job(event["id"])
    assert job.name == event["Job_Name"]
    assert ",".join(f"{name}={value}" for name, value in job.request.listed.items()) == event["Resource_List"]
    here = f"PBS_O_WORKDIR={os.path.realpath(tmp_path)}"
    assert job.variables == event["Variable_List"].replace(f"PBS_O_WORKDIR={directory}", here)
