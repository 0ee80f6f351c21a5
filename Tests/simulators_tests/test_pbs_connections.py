"""What the commands cost in connections, and what an express listing says: as seen on a real PBS.

The numbers are those of docs/operations.md, found with `strace -f -e connect` on OpenPBS 23.06.06.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.pbs import PBSSimulator

# A command, and how often it connects; {1} and {2} are two held jobs, {0} one that has finished.
COSTS = [
    ("qsub -f -h -- /bin/sleep 1", 1),
    ("qsub -N a/b -- /bin/sleep 1", 0),
    ("qstat -B -f", 1),
    ("qstat -f {1} {2}", 2),
    ("qstat -f -w", 1),
    ("qstat -w -u root", 1),
    ("qstat -x -f -w {1} 9999998 9999999", 5),
    ("qstat -x -E -f -w {1} {2}", 1),
    ("qstat -x -E -f -w {1} 9999998 9999999", 1),
    ("qstat -x -E -f -w 9999998 9999999", 2),
    ("qstat -x -E -f -w {1} 1.elsewhere", 1),
    ("qselect -u root -s R", 1),
    ("qdel {0}", 1),
    ("qdel 9999999", 2),
    ("qdel 1.elsewhere", 0),
    ("qdel {1} {2}", 1),
    ("pbsnodes -av", 1),
]


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[PBSSimulator]:
    """One host."""
    with PBSSimulator(tmp_path, {"node1": {"ncpus": 2, "mem": "1gb"}}) as running:
        yield running


def run(simulator: PBSSimulator, line: str) -> subprocess.CompletedProcess[str]:
    """Runs a command line."""
    return subprocess.run(shlex.split(line), env=simulator.environment, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=30)


def ended_job(simulator: PBSSimulator) -> str:
    """A job of the history."""
    job = simulator.submit("ended", held=True)
    simulator.delete(job.id)
    return simulator.wait_for_state(job.id, "F").id


@pytest.mark.parametrize(("line", "connections"), COSTS)
def test_commands_connect_as_the_real_ones_do(simulator: PBSSimulator, line: str, connections: int) -> None:
    """As often, and not for what they refuse themselves."""
    ids = [ended_job(simulator), simulator.submit("a", held=True).id, simulator.submit("b", held=True).id]
    run(simulator, line.format(*ids))
    assert simulator.connections() == connections


def test_a_long_express_listing_is_one_connection(simulator: PBSSimulator) -> None:
    """Whatever the number of jobs, and nothing is said of those that are unknown."""
    ids = [simulator.submit("a", held=True).id for _ in range(50)]
    answer = run(simulator, f"qstat -x -E -f -w {' '.join([*ids, '9999999.pbsserver'])}")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout.count("Job Id: ") == 50
    assert simulator.connections() == 1


def test_an_express_listing_without_history_says_so_once(tmp_path: Path) -> None:
    """For the last id, with status 0."""
    with PBSSimulator(tmp_path, {"node1": {"ncpus": 2}}, history=False) as simulator:
        job = simulator.submit("a", held=True)
        answer = run(simulator, f"qstat -x -E -f -w {job.id} 9999999")
        assert (answer.returncode, answer.stdout) == (0, "")
        assert answer.stderr == "qstat: PBS is not configured to maintain job history 9999999.pbsserver\n"


def test_full_listing_of_a_user(simulator: PBSSimulator) -> None:
    """-f wins over -u, but only with -w."""
    simulator.submit("mine", held=True)
    simulator.submit("theirs", held=True, user="alice")
    assert run(simulator, "qstat -f -w -u alice").stdout.count("Job Id: ") == 1
    assert "Job Id: " not in run(simulator, "qstat -f -u alice").stdout


def test_control_characters_are_shown(simulator: PBSSimulator) -> None:
    """As ^X in an attribute, save tabs and line feeds."""
    simulator.submit("a", held=True, variables={"A": "x\x1b[2J\r\ty\nz"})
    wide = run(simulator, "qstat -f -w 1").stdout
    assert "A=x^[[2J^M\ty\\nz\n" in wide.replace(",PBS_O_QUEUE=workq,PBS_O_HOST=pbsserver", "")
    assert "A=x^[[2J^M\ty\nz" in run(simulator, "qstat -f 1").stdout


def test_hosts_of_several_vnodes(tmp_path: Path) -> None:
    """Only -v tells vnodes; a host whose vnodes differ in their state has the state "<various>"."""
    with PBSSimulator(tmp_path, {"vn1": {"ncpus": 2, "host": "realhost"}, "vn2": {"ncpus": 2, "host": "realhost"}}) as simulator:
        simulator.host_down("vn2")
        hosts, vnodes = run(simulator, "pbsnodes -a").stdout, run(simulator, "pbsnodes -av").stdout
        assert [line for line in hosts.splitlines() if line and line[0] != " "] == ["realhost"]
        assert "     state = <various>" in hosts
        assert [line for line in vnodes.splitlines() if line and line[0] != " "] == ["vn1", "vn2"]
        job = simulator.submit("a", select="1:ncpus=1:host=realhost")
        simulator.wait_for_state(job.id, "R", 42)
        assert (job.exec_host, job.exec_vnode) == ("realhost/0", "(vn1:ncpus=1)")
