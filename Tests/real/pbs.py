"""The real PBS of this machine, for the tests: its commands behind an interface like the simulator's.

A site's PBS is found by PATH, PBS_EXEC or /etc/pbs.conf. A PBS whose hosts are
network namespaces of this machine is found by PBS_CONNECTOR_LAB: a directory
with a program `lab` that runs a command on the server's host.
"""

from __future__ import annotations

import functools
import getpass
import json
import os
import pwd
import re
import shlex
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, TypeVar

Attributes = dict[str, Any]
Result = TypeVar("Result")

PBS_CONF = Path("/etc/pbs.conf")
# Who submits the jobs of pods in a lab. MoM takes no notice of root's processes, and sites refuse root's jobs.
LAB_SUBMITTER = "pbs-broker"
COMMAND_SECONDS = 60.0
# PBS tells nobody but its own hooks when a job changes, so a wait has to ask again and again. But
# not more often: each command of a PBS that authenticates by reserved ports (AUTH_METHOD resvport,
# the default) uses up one of the host's 500 for a minute, and then all commands there are slow.
SITE_POLL_SECONDS = 1.0
LAB_POLL_SECONDS = 0.25
# Exit status of qstat for ids that the server does not know, modulo 256 of PBSE_UNKJOBID (15001).
UNKNOWN_JOB = 15001 % 256


class PBSError(Exception):
    """A command of PBS that failed: `status` is its exit status, `stderr` its own words."""

    def __init__(self, command: list[str], status: int, stderr: str) -> None:
        self.status, self.stderr = status, stderr.strip()
        super().__init__(f"{shlex.join(command)}: exit {status}: {self.stderr}")


@dataclass(frozen=True)
class Host:
    """An execution host as pbsnodes tells it: `mem` in PBS's notation (kb), `state` such as "free".

    `ncpus` may be set to more or less than `pcpus`, which it really has.
    """

    name: str
    ncpus: int
    mem: str
    state: str
    pcpus: int
    assigned_ncpus: int


def _host(name: str, node: Attributes) -> Host:
    # What a host has not told since the server's start, and sums of nothing, are missing.
    available, assigned = node.get("resources_available", {}), node.get("resources_assigned", {})
    return Host(name, ncpus=int(available.get("ncpus", 0)), mem=str(available.get("mem", "0kb")), state=node["state"],
                pcpus=int(node.get("pcpus", 0)), assigned_ncpus=int(assigned.get("ncpus", 0)))


def _conf_exec_dir() -> Path | None:
    """PBS_EXEC of /etc/pbs.conf (PBS_CONF_FILE names another file, as for PBS itself)."""
    conf = Path(os.environ.get("PBS_CONF_FILE", PBS_CONF))
    if not conf.exists():
        return None
    found = re.search(r"^PBS_EXEC=(\S+)", conf.read_text(), re.M)
    return Path(found[1]) if found else None


def _installed_exec_dir() -> Path | None:
    """The directory whose bin/ has the commands, wherever PBS runs."""
    in_path = shutil.which("qstat")
    from_environment = os.environ.get("PBS_EXEC")
    candidates = [Path(in_path).resolve().parent.parent if in_path else None,
                  Path(from_environment) if from_environment else None, _conf_exec_dir()]
    return next((each for each in candidates if each is not None and (each / "bin/qstat").exists()), None)


def lab_program() -> str | None:
    """The program that runs a command on a host of the lab; None where PBS is a site's own."""
    directory = os.environ.get("PBS_CONNECTOR_LAB")
    return str(Path(directory) / "lab") if directory else None


def submitter() -> str:
    """The user whose jobs stand for pods: who runs the tests; where root does so in a lab, its user pbs-broker."""
    user = getpass.getuser()
    return LAB_SUBMITTER if user == "root" and lab_program() is not None else user


@functools.lru_cache(maxsize=1)
def _missing() -> str | None:
    exec_dir, lab = _installed_exec_dir(), lab_program()
    if exec_dir is None:
        return "no PBS here (no qstat in PATH, PBS_EXEC or /etc/pbs.conf)"
    command = ([lab] if lab else []) + [str(exec_dir / "bin/qstat"), "-B"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except subprocess.TimeoutExpired:
        return f"no PBS here ({shlex.join(command)} did not answer in 10 s)"
    except OSError as error:
        return f"no PBS here ({shlex.join(command)}: {error})"
    try:
        pwd.getpwnam(submitter())
    except KeyError:
        return f"no user {submitter()} here, who submits jobs in a lab"
    words = " ".join(done.stderr.split())
    return None if done.returncode == 0 else f"no PBS here ({shlex.join(command)}: {words})"


class RealPBS:
    """One PBS site; jobs that `submit` made are deleted by `close`, others are left alone.

    Commands are run by who runs the tests, in a lab root, but for `submit` and those in `commands_of`.
    """

    @staticmethod
    def missing() -> str | None:
        """Why there is no PBS for the tests, in one line; None when `qstat -B` answers. Asked once a process."""
        return _missing()

    def __init__(self, directory: Path) -> None:
        """`directory` is for files of this object: in a lab, commands that run on the server's host.

        Commands run in it, so that it is PBS_O_WORKDIR of the jobs that are submitted here.
        """
        # qsub looks at the directory that it runs in, as the job's user.
        directory.chmod(directory.stat().st_mode | 0o011)
        reason = self.missing()
        if reason is not None:
            raise RuntimeError(reason)
        installed, lab = _installed_exec_dir(), lab_program()
        assert installed is not None
        self.installed = installed
        self.directory = directory
        self.submitter = submitter()
        self.exec_dir = self.commands_of(getpass.getuser())
        self._submitted: list[str] = []

    def __enter__(self) -> RealPBS:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Deletes those of the submitted jobs that have not ended."""
        left = self._submitted and self.jobs()
        for job_id in [each for each in self._submitted if each in left]:
            self.delete_job(job_id)
        self._submitted.clear()

    def commands_of(self, user: str) -> Path:
        """A directory to give as PBS_EXEC to a program, whose commands are this user's.

        Outside a lab that can be who runs the tests only: PermissionError for others.
        """
        lab = lab_program()
        if lab is None:
            if user != getpass.getuser():
                raise PermissionError(f"PBS commands as {user}: only in a lab (PBS_CONNECTOR_LAB), by root")
            return self.installed
        return _lab_exec_dir(self.directory / f"pbs-exec-{user}", self.installed, lab, user)

    def as_submitter(self) -> list[str]:
        """What stands before a program that is to run on the server's host as the submitter, with PBS_EXEC `installed`.

        Nothing where that is what this process is. The program takes this process's place, so that signals reach it.
        """
        lab = lab_program()
        return [] if lab is None else [lab, *_becoming(self.submitter)]

    def run(self, command: str, *arguments: str, allowed: tuple[int, ...] = (0,), user: str | None = None) -> str:
        """Runs a command of PBS and returns its standard output; PBSError unless its exit status is `allowed`."""
        exec_dir = self.exec_dir if user is None else self.commands_of(user)
        line = [str(exec_dir / "bin" / command), *arguments]
        done = subprocess.run(line, cwd=self.directory, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=COMMAND_SECONDS)
        if done.returncode not in allowed:
            raise PBSError(line, done.returncode, done.stderr)
        return done.stdout

    def hosts(self) -> dict[str, Host]:
        """The execution hosts by name."""
        nodes = json.loads(self.run("pbsnodes", "-a", "-F", "json"))["nodes"]
        return {name: _host(name, node) for name, node in nodes.items()}

    # Jobs

    def submit(self, *options: str, name: str = "native", select: str = "1:ncpus=1:mem=64mb", seconds: int = 3600,
               variables: dict[str, str] | None = None, user: str | None = None) -> str:
        """Submits a job that sleeps for so many seconds, without output files, and returns its id.

        It is the submitter's, or that of another `user`, as in commands_of.
        `options` are further ones of qsub, such as "-h" or "-l", "walltime=10". Values
        of `variables` may hold no comma: qsub -v takes it as the end of the value.
        """
        environment = [f"{key}={value}" for key, value in (variables or {}).items()]
        joined = ["-v", ",".join(environment)] if environment else []
        # -f: without the qsub that stays in the background, which others may have started and ended.
        job_id = self.run("qsub", "-f", "-N", name, "-l", f"select={select}", "-o", "/dev/null", "-e", "/dev/null",
                          "-r", "n", *joined, *options, "--", "/bin/sleep", str(seconds), user=user or self.submitter).strip()
        self._submitted.append(job_id)
        return job_id

    def delete_job(self, job_id: str) -> None:
        """qdel"""
        self.run("qdel", job_id)

    def hold(self, job_id: str) -> None:
        """qhold: a waiting job does not start."""
        self.run("qhold", job_id)

    def release(self, job_id: str) -> None:
        """qrls: the reverse of `hold`."""
        self.run("qrls", job_id)

    def suspend(self, job_id: str) -> None:
        """qsig -s suspend: a running job (substate 42) gives its resources back and goes to state S."""
        self.run("qsig", "-s", "suspend", job_id)

    def resume(self, job_id: str) -> None:
        """qsig -s resume: the reverse of `suspend`; the scheduler runs it when its resources are free."""
        self.run("qsig", "-s", "resume", job_id)

    def job(self, job_id: str) -> Attributes | None:
        """The job's attributes, finished ones included; None when the server does not know it."""
        answer = json.loads(self.run("qstat", "-x", "-f", "-F", "json", job_id, allowed=(0, UNKNOWN_JOB)))
        return answer.get("Jobs", {}).get(job_id)

    def jobs(self, history: bool = False) -> dict[str, Attributes]:
        """All jobs by id that have not ended; with `history` also the finished ones that the server still knows."""
        options = ["-x"] if history else []
        return json.loads(self.run("qstat", *options, "-f", "-F", "json")).get("Jobs", {})

    def jobs_of_pod(self, uid: str, history: bool = False) -> dict[str, Attributes]:
        """The jobs that carry the pod's UID in their environment (KUBERNETES_POD_UID)."""
        return {job_id: attributes for job_id, attributes in self.jobs(history).items()
                if attributes.get("Variable_List", {}).get("KUBERNETES_POD_UID") == uid}

    # Waiting

    def wait(self, predicate: Callable[[RealPBS], Result | None], timeout: float = 30.0) -> Result:
        """Asks until `predicate` gives something true, and returns that; TimeoutError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not (result := predicate(self)):
            if time.monotonic() > deadline:
                states = [f"{i} {a['job_state']}{a['substate']} {a.get('comment', '')}" for i, a in self.jobs().items()]
                raise TimeoutError(f"still not true after {timeout} s; {len(states)} jobs: {'; '.join(states[:20])}")
            time.sleep(LAB_POLL_SECONDS if lab_program() else SITE_POLL_SECONDS)
        return result

    def await_idle(self, timeout: float = 60.0) -> str | None:
        """What is left, for a test that wants no job; None for nothing. Those that just end, of a test before perhaps,
        are waited for."""
        try:
            self.wait(lambda site: not site.jobs(), timeout if lab_program() else 0)
        except TimeoutError as error:
            return str(error)
        return None

    def wait_for_state(self, job_id: str, state: str, substate: int | None = None, timeout: float = 30.0) -> Attributes:
        """Waits until the job is in a state (R, Q, H, S, F ...), and in a substate if one is given; returns the job."""
        def reached(site: RealPBS) -> Attributes | None:
            job = site.job(job_id)
            if job is None:
                raise KeyError(f"the server does not know job {job_id}")
            return job if job["job_state"] == state and substate in (None, job["substate"]) else None

        return self.wait(reached, timeout)


def _lab_exec_dir(exec_dir: Path, installed: Path, lab: str, user: str) -> Path:
    """A directory to give as PBS_EXEC to a program outside the lab: its commands run inside, as the user."""
    if (exec_dir / "bin").exists():
        return exec_dir
    (exec_dir / "bin").mkdir(parents=True)
    for command in (installed / "bin").iterdir():
        inside = exec_dir / "bin" / command.name
        line = [lab, *_becoming(user), str(command)]
        inside.write_text(f'#!/bin/sh\nexec {shlex.join(line)} "$@"\n')
        inside.chmod(0o755)
    return exec_dir


def _becoming(user: str) -> list[str]:
    """What stands before a command that another user is to run; the rest of the environment stays."""
    if user == getpass.getuser():
        return []
    entry = pwd.getpwnam(user)
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--init-groups",
            "env", f"HOME={entry.pw_dir}", f"USER={user}", f"LOGNAME={user}"]
