"""Faults of a whole PBS that only a lab may have: its server stops, a host dies, its history is forgotten.

The lab (PBS_CONNECTOR_LAB) is a PBS whose hosts are network namespaces of this machine. The
MoM of host NAME is configured by /etc/pbs-NAME.conf, PBS's own notation (PBS_CONF_FILE).
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

from .pbs import LAB_POLL_SECONDS, RealPBS, lab_program

TIME_WAIT_LIMIT = Path("/proc/sys/net/ipv4/tcp_max_tw_buckets")
# Seconds for the server, with its database, to stop or start.
SERVER_SECONDS = 60.0
# Seconds for a hook to arrive on the hosts.
HOOK_SECONDS = 30.0

# A host's refusal that ends the job (PBSE_HOOK_REJECT_DELETEJOB).
_REFUSAL = """import pbs
e = pbs.event()
if str(e.job.id) in {jobs!r}:
    e.job.delete()
    e.reject("refused by a test")
"""


class Lab:
    """The daemons of a lab's PBS."""

    def __init__(self, pbs: RealPBS) -> None:
        program = lab_program()
        assert program is not None, "this PBS is a site's own"
        self._program, self._pbs = program, pbs

    def limit_time_wait(self, connections: int) -> int:
        """How many closed connections the server's host remembers; returns how many it did before.

        With 0 of them, a command's reserved port is free again at once, and not after a minute.
        """
        before = int(self._run("cat", str(TIME_WAIT_LIMIT)))
        self._run("sh", "-c", f"echo {connections} > {TIME_WAIT_LIMIT}")
        return before

    def stop_server(self) -> None:
        """Server, scheduler and communication daemon end; jobs on the hosts go on."""
        self._server("stop")

    def start_server(self) -> None:
        """They start again. The hosts are unknown to the server until they have reported."""
        self._server("start")
        self._pbs.wait(lambda pbs: self._answers(), SERVER_SECONDS)

    def kill_mom(self, host: str) -> None:
        """SIGKILL to a host's MoM: PBS soon calls the host down, and its jobs' processes stay."""
        pid = int((self._mom_home(host) / "mom_priv/mom.lock").read_text())
        assert Path(f"/proc/{pid}/comm").read_text() == "pbs_mom\n", f"process {pid} is no pbs_mom"
        os.kill(pid, signal.SIGKILL)

    def start_mom(self, host: str) -> None:
        """A new MoM; it ends the jobs that it finds."""
        self._start_daemons(str(self._pbs.installed / "sbin/pbs_mom"), HOST=host, PBS_CONF_FILE=str(self._conf(host)))

    def refuse(self, job_id: str, hook: str, directory: Path) -> None:
        """Makes a hook of this name by which every host refuses to start the job, and waits until they all have it."""
        script = directory / f"{hook}.py"
        script.write_text(_REFUSAL.format(jobs=[job_id]))
        self._pbs.run("qmgr", "-c", f"create hook {hook} event = execjob_begin")
        self._pbs.run("qmgr", "-c", f"import hook {hook} application/x-python default {script}")
        arrived = [self._mom_home(host) / "mom_priv/hooks" / f"{hook}.PY" for host in self._pbs.hosts()]
        deadline = time.monotonic() + HOOK_SECONDS
        while not all(path.exists() for path in arrived):
            assert time.monotonic() < deadline, f"hook {hook} has not arrived on every host"
            time.sleep(LAB_POLL_SECONDS)

    def _server(self, action: str) -> None:
        self._start_daemons(str(self._pbs.installed / "libexec/pbs_init.d"), action)

    def _answers(self) -> bool:
        # The lab's own command: RealPBS raises where the server is away.
        return subprocess.run([str(self._pbs.exec_dir / "bin/qstat"), "-B"], capture_output=True).returncode == 0

    def _run(self, *command: str) -> str:
        return subprocess.run([self._program, *command], capture_output=True, text=True, timeout=SERVER_SECONDS,
                              check=True).stdout

    def _start_daemons(self, *command: str, **variables: str) -> None:
        # Daemons keep what they inherit: a pipe would never end.
        subprocess.run([self._program, *command], env={**os.environ, **variables}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=SERVER_SECONDS, check=True)

    @staticmethod
    def _conf(host: str) -> Path:
        return Path(f"/etc/pbs-{host}.conf")

    def _mom_home(self, host: str) -> Path:
        found = re.search(r"^PBS_HOME=(\S+)", self._conf(host).read_text(), re.M)
        assert found, f"no PBS_HOME in {self._conf(host)}"
        return Path(found[1])
