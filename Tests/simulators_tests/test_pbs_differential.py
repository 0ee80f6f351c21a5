"""The same commands given to a real PBS and to the simulator: same exit status, same text but for the incidental.

Runs where a PBS answers (see real/pbs.py), and is skipped by name elsewhere.
It needs two idle hosts, and leaves no job behind.
"""

from __future__ import annotations

import difflib
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from real.pbs import RealPBS
from simulators.pbs import PBSSimulator

pytestmark = pytest.mark.real_pbs

ENVIRONMENT = {"HOME": "/tmp", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}

# What cannot be the same: moments, process ids, and where the commands are installed.
INCIDENTAL: list[tuple[str, str]] = [
    (r"\S*/bin/(q[a-z]+|pbsnodes)\b", r"\1"),
    (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d \d{4}", "DATE"),
    (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} \d+ at \d\d:\d\d", "DATE"),
    (r'("(?:timestamp|last_used_time|last_state_change_time|history_timestamp)":\t)\d+', r"\1N"),
    (r"(history_timestamp = )\d+", r"\1N"),
    # What the machine has; ncpus may be set to another number.
    (r'("pcpus":\t|\bpcpus = )\d+', r"\1N"),
    # A slot number depends on what else runs there.
    (r"(exec_host\W+[\w.-]+/)\d+", r"\1SLOT"),
    (r"(?m)^(   [\w.-]+/)\d+$", r"\1SLOT"),
    (r"(queue_rank\W+)[\d.e+]+", r"\1N"),
    (r"(session_id\W+)\d+", r"\1N"),
    (r"(resources_used\.(?:walltime|cput|mem|vmem|cpupercent)) = .*", r"\1 = N"),
    (r'"resources_used":\t\{[^}]*\}', '"resources_used":\tN'),
    # What our own hooks and brokers have left on the hosts: MoM tells it again whenever the server starts.
    (r'(?m)^\s*(?:"k8s_\w+":\t.*|resources_available\.k8s_\w+ = .*)\n', ""),
    (r"PBS_O_PATH=[^,]*", "PBS_O_PATH=P"),
    (r'("PBS_O_PATH":\t)"[^"]*"', r"\1P"),
]

# Each scenario: command lines; {1}, {2} ... are the ids of the jobs that its qsub calls made, in order.
# "wait {1} R 42" waits for a state. Jobs ask for no host in particular unless they must.
SCENARIOS: dict[str, list[str]] = {
    "attributes of a held job": [
        "qsub -h -N d1 -l select=1:ncpus=1:mem=64mb -v A=1,B=two -- /bin/sleep 100",
        "qstat -f -w {1}", "qstat -f -F json {1}", "qstat -f -F dsv {1}", "qstat {1}", "qstat -s {1}", "qstat -a {1}",
        "qstat -n {1}", "qstat -w {1}", "qstat -sw {1}", "qstat -p {1}", "qstat -sn1 {1}", "qstat -i {1}",
        "qselect -N d1", "qselect -N d1 -s H", "qselect -N d1 -s R", "qselect -N d1 -h u", "qselect -N d1 -P nosuch",
        "qselect -N d1 -q workq", "qselect -N d1 -l mem.gt.1mb", "qselect -N d1 -l ncpus.eq.2",
        "qselect -N d1 -l nosuch.eq.2", "qselect -N d1 -p x", "qselect -N d1 -q nosuch", "qselect -N d1 -c .gt.n", "qdel {1}", "qstat {1}",
        "qstat -x -f -w {1}", "qstat -x {1}", "qdel {1}", "qdel -x {1}", "qstat -x {1}",
    ],
    "many options": [
        "qsub -h -N d2 -r n -l select=1:ncpus=1:mem=1gb -l walltime=2:00 -j oe -k oe -A acct -P proj -m n -M foo@bar "
        "-S /bin/bash -W umask=22 -p 5 -o /dev/null -- /bin/sleep 100",
        "qstat -f -w {1}", "qselect -A acct -N d2", "qselect -P proj -N d2", "qselect -N d2 -r n", "qselect -N d2 -p .gt.4",
    ],
    "old form of a request": [
        "qsub -h -N d3 -l ncpus=2 -l mem=1gb -l walltime=100 -- /bin/sleep 100", "qstat -f -w {1}",
        "qsub -h -N d3 -- /bin/sleep 100", "qstat -f -w {2}",
        "qsub -h -N d3 -l select=1:mem=1gb -- /bin/sleep 100", "qstat -f -w {3}",
        "qsub -h -N d3 -l select=ncpus=2+2:ncpus=1:mem=100mb -l place=scatter -- /bin/sleep 100", "qstat -f -w {4}",
        "qsub -h -N d3 -l select=1:mem=1GB -- /bin/sleep 100", "qstat -f -w {5}",
    ],
    "a running job": [
        "qsub -N d4 -o /dev/null -e /dev/null -l select=1:ncpus=1:mem=64mb -- /bin/sleep 100", "wait {1} R 42",
        "qstat -f -w {1}", "qstat -f -F json {1}", "qstat {1}", "qselect -N d4 -s R", "qselect -N d4 -s Q", "qrun {1}",
        "qmove workq {1}", "qalter -l select=1:ncpus=1 {1}", "qsig -s resume {1}", "qsig -s admin-resume {1}",
        "qsig -s NOSUCH {1}", "qhold {1}", "qstat -f -w {1}", "qrls {1}", "qstat -f -w {1}",
    ],
    "suspended and resumed": [
        "qsub -N d5 -o /dev/null -e /dev/null -l select=1:ncpus=1 -- /bin/sleep 100", "wait {1} R 42",
        "qsig -s suspend {1}", "qstat -f -w {1}", "qstat {1}", "qselect -N d5 -s S", "qselect -N d5 -s R",
        "qselect -N d5 -s RS", "qselect -N d5 -s SR", "qselect -N d5 -s QR", "qselect -N d5 -s .ne.S", "qselect -N d5 -s .ne.R",
        "qsig -s suspend {1}", "qsig -s admin-resume {1}", "qsig -s resume {1}", "wait {1} R 42", "qstat -f -w {1}",
    ],
    "rerun": [
        "qsub -N d6 -o /dev/null -e /dev/null -l select=1:ncpus=1 -- /bin/sleep 100",
        "qsub -N d6 -r n -o /dev/null -e /dev/null -l select=1:ncpus=1 -- /bin/sleep 100",
        "wait {1} R 42", "wait {2} R 42", "qrerun {2}", "qrerun {1}", "wait {1} R 42", "qstat -f -w {1}",
    ],
    "walltime": [
        "qsub -N d7 -r n -o /dev/null -e /dev/null -l select=1:ncpus=1 -l walltime=1 -- /bin/sleep 100",
        "wait {1} F", "qstat -x -f -w {1}", "qstat -f -F json {1}", "qhold {1}", "qrls {1}", "qrerun {1}", "qmove workq {1}",
    ],
    "deleted by force": [
        "qsub -N d8 -o /dev/null -e /dev/null -l select=1:ncpus=1 -- /bin/sleep 100", "wait {1} R 42",
        "qdel -W force {1}", "qstat -x -f -w {1}",
    ],
    "of another server": [
        "qsub -h -N other -- /bin/sleep 100", "qstat -f -w 1.elsewhere {1}", "qstat {1} 1.elsewhere", "qdel 1.elsewhere",
        "qhold 1.elsewhere", "qrls 1.elsewhere", "qsig -s suspend 1.elsewhere", "qrerun 1.elsewhere",
        "qalter -r y 1.elsewhere", "qmove workq 1.elsewhere", "qstat 5x", "qstat 99999.pbsserver 1.elsewhere",
    ],
    "express listings": [
        "qsub -h -N x1 -l select=1:ncpus=1:mem=64mb -v A=a\\,b,B=x=y -- /bin/sleep 100", "qsub -h -N x2 -- /bin/sleep 100",
        "qsub -h -N x3 -- /bin/sleep 100", "qdel {3}", "qstat -E -f -w {2} {1}", "qstat -x -E -f -w {1} {2} {3}",
        "qstat -E -f -w {1} {3}", "qstat -E -f -w {3}", "qstat -x -E -f -w {1} 9999998 9999999",
        "qstat -x -E -f -w 9999999 9999998", "qstat -E -f -w 9999999", "qstat -E -f -w {1} 1.elsewhere",
        "qstat -E -f -w 1.zelsewhere {1}", "qstat -E workq", "qstat -E {1} {2}", "qstat -E -f -w {1} {1}",
    ],
    # What the connector puts into -v: qsub gives the job these values and nothing else.
    "variables": [
        "qsub -h -v A=\\,,B=a\\,,C=,D=x=y -- /bin/sleep 100", "qstat -f -w {1}",
        "qsub -h -v A=d\\,LD_PRELOAD=/home/user/evil.so,B=2 -- /bin/sleep 100", "qstat -f -w {2}",
        "qsub -h -v A=a,b -- /bin/sleep 100", "qsub -h -v A=\\ -- /bin/sleep 100", "qstat -f -w {3}",
    ],
    "never runs": [
        "qsub -N d9 -l select=1:ncpus=1:host=nosuch -- /bin/sleep 100", "comment {1}", "qstat -s {1}", "qstat -f -w {1}",
        "qhold -h s {1}", "qstat -f -w {1}", "qrls -h u {1}", "qrls -h s {1}", "comment {1}", "qstat -s {1}", "qrun {1}",
        "qdel {1}", "qstat -x -f -w {1}",
        "qsub -N d9 -l select=1:ncpus=10000 -- /bin/sleep 100", "comment {2}", "qstat -f -w {2}",
        "qsub -N d9 -l select=1:ncpus=1:mem=100tb -- /bin/sleep 100", "comment {3}", "qstat -f -w {3}",
        "qsub -N d9 -l select=50:ncpus=1 -l place=scatter -- /bin/sleep 100", "comment {4}", "qstat -f -w {4}",
    ],
    "waits for a time": [
        "qsub -N d10 -a 203001010000 -- /bin/sleep 100", "qstat -f -w {1}", "qselect -N d10 -s W", "qhold {1}", "qrls {1}",
        "qstat {1}",
    ],
    "altered while it waits": [
        "qsub -h -N d11 -l select=1:ncpus=1 -- /bin/sleep 100", "qalter -N renamed -p 7 {1}", "qalter -l walltime=500 {1}",
        "qalter -l select=1:ncpus=2:mem=1gb {1}", "qstat -f -w {1}", "qalter -l mem=2gb {1}", "qalter -l nosuch=1 {1}",
        "qalter -l walltime=x {1}", "qalter -W foo=bar {1}", "qalter -p 3000 {1}", "qalter -N b@d {1}", "qalter -Z {1}",
        "qalter -h n {1}", "wait {1} R 42", "qalter -N again {1}", "qalter -l walltime=600 {1}",
    ],
    "refused submissions": [f"qsub -h {options} -- /bin/sleep 1" for options in (
        "-l place=scatter", "-l select=1:ncpus=1 -l mem=1gb", "-l select=1:ncpus=1:ncpus=2", "-l select=1:walltime=2",
        "-l select=0:ncpus=2", "-l select=1:ncpus=x", "-l select=1:ncpus=-1", "-l select=1:ncpus=1 -l walltime=abc",
        "-l select=1:ncpus=1 -l place=foo", "-l select=1:ncpus=1 -l nosuch=1", "-l select=", "-l select",
        "-l select=1:ncpus=1.5", "-l select=1:mem=1Gi", "-l select=1:nosuch=1", "-l ncpus=-1", "-l mem=x", "-l =1",
        "-l select=1:ncpus", "-l select=1:ncpus=", "-l select=+1:ncpus=1", "-l select=1::ncpus=1", "-p 2000", "-p x", "-Z",
        "-N ''", "-N a/b", "-N @x", "-v NOSUCHVARIABLE", "-r x", "-W foo", "-j xx", "-k xx", "-m x", "-q nosuch",
        "-P a/b", "-a 9999", "-c u", "-R x", "-o ''")],
    # Never several ids in one qdel unless all are unknown: pbs_server 23.06.06 crashes (general protection
    # fault) when a waiting job that it knows comes before two that it does not.
    "unknown and malformed ids": [
        f"{command} {ids}".strip() for command in (
            "qstat", "qstat -f -F json", "qstat -s", "qdel", "qhold", "qrls", "qsig -s suspend", "qrerun", "qrun",
            "qmove workq", "qalter -N x") for ids in ("9999998 9999999", "9999998", "1x", "")
        if not (command.startswith("qstat") and not ids)],
    "usage": [
        "qstat -F json", "qstat -f -F xml", "qstat -B -Q", "qstat -1", "qstat -Z", "qstat -f -w -F json", "qselect foo",
        "qselect -s Z", "qselect -q nosuch", "qselect -l ncpus", "qselect -r x", "qselect -t z1200", "qdel", "qdel -W x 1",
        "qhold -h x 9999999", "qrls -h x 9999999", "qsub -h --", "qsub --version", "pbsnodes", "pbsnodes nosuch",
        "pbsnodes -F json nosuch", "qstat nosuch", "qstat -Q nosuch", "qrun -H nosuch 9999999", "qsub /nonexistent",
        "qmove", "qsig", "qalter",
    ],
    "an idle site": ["pbsnodes -a -F json", "pbsnodes -aSj", "qstat -Q", "qstat -q", "qselect", "qstat"],
}


@dataclass
class Side:
    """One of the two: runs commands and remembers the jobs it made."""

    site: RealPBS | PBSSimulator
    directory: Path
    jobs: list[str] = field(default_factory=list)

    def run(self, line: str) -> tuple[int, str, str]:
        """Exit status, standard output and standard error with the incidental taken out."""
        for number, job_id in enumerate(self.jobs, 1):
            line = line.replace(f"{{{number}}}", job_id)
        words = [word if word != "''" else "" for word in line.split()]
        if words[0] == "wait":
            self.site.wait_for_state(words[1], words[2], int(words[3]) if len(words) > 3 else None, timeout=30.0)
            return 0, "", ""
        if words[0] == "comment":
            self._wait_for_comment(words[1])
            return 0, "", ""
        answer = subprocess.run([str(self.site.exec_dir / "bin" / words[0]), *words[1:]], env=ENVIRONMENT, cwd=self.directory,
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        if words[0] == "qsub" and answer.returncode == 0 and answer.stdout[:1].isdigit():
            self.jobs.append(answer.stdout.strip())
        return answer.returncode, self.normal(answer.stdout), self.normal(answer.stderr)

    def _wait_for_comment(self, job_id: str) -> None:
        if isinstance(self.site, PBSSimulator):
            self.site.wait(lambda p: p.server.comment(p.job(job_id)), what=f"a comment on {job_id}")
        else:
            self.site.wait(lambda site: (site.job(job_id) or {}).get("comment"))

    def normal(self, text: str) -> str:
        """Text with job numbers as J1, J2 ..., and moments and the like replaced."""
        for number, job_id in enumerate(self.jobs, 1):
            digits = job_id.split(".")[0]
            # A table's column keeps its width whatever the number's length.
            text = re.sub(rf"(?m)^{re.escape(job_id)} +", f"J{number} ", text)
            text = re.sub(rf"\b{re.escape(job_id)}\b", f"J{number}", text)
            text = re.sub(rf"\.([eo]){digits}\b", rf".\1J{number}", text)
        for pattern, replacement in INCIDENTAL:
            text = re.sub(pattern, replacement, text)
        return text

    def clean_up(self) -> None:
        """Deletes the jobs of this scenario, from the history too."""
        for job_id in self.jobs:
            for options in (["-W", "force"], ["-x"]):
                subprocess.run([str(self.site.exec_dir / "bin" / "qdel"), *options, job_id], env=ENVIRONMENT,
                               capture_output=True, timeout=60, check=False)
        self.jobs.clear()


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    """The real PBS, and a simulator with the same server name and hosts."""
    reason = RealPBS.missing()
    if reason is not None:
        pytest.skip(f"comparison with a real PBS: {reason}")
    directory = tmp_path_factory.mktemp("differential")
    with RealPBS(directory) as real:
        name = next(iter(json.loads(real.run("qstat", "-B", "-f", "-F", "json"))["Server"]))
        hosts: dict[str, dict[str, int | str]] = {
            host.name: {"ncpus": host.ncpus, "mem": host.mem} for host in real.hosts().values()}
        if len(hosts) < 2:
            pytest.skip("comparison with a real PBS: it needs two hosts")
        with PBSSimulator(directory / "simulator", hosts, server_name=name, end_delay=0.1) as simulator:
            yield Side(real, directory), Side(simulator, directory)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_same_answers(sides: tuple[Side, Side], scenario: str) -> None:
    """Each command of the scenario answers alike on both sides."""
    real, simulated = sides
    if scenario == "an idle site" and isinstance(real.site, RealPBS) and (left := real.site.await_idle()):
        pytest.skip(f"comparison with a real PBS: others' jobs are there, the listings cannot be the same: {left}")
    differences: list[str] = []
    try:
        for line in SCENARIOS[scenario]:
            expected, answer = real.run(line), simulated.run(line)
            if expected != answer:
                differences.append("\n".join([f"$ {line}", *difflib.unified_diff(
                    _lines(expected), _lines(answer), "real", "simulator", lineterm="", n=0)]))
    finally:
        real.clean_up()
        simulated.clean_up()
    assert not differences, "\n".join(differences)


def _lines(answer: tuple[int, str, str]) -> list[str]:
    status, out, err = answer
    return [*out.splitlines(), *(f"stderr: {line}" for line in err.splitlines()), f"exit: {status}"]
