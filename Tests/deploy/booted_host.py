"""This machine's system once more, booted by a systemd of its own in systemd-nspawn, with the connector installed."""

from __future__ import annotations

import functools
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from deploy import own_host
from integration.connector import PROGRAMS, program_folder

PATIENCE = 120.0
# It shares this machine's network, and boots no more than what every system has: no service of this machine.
NSPAWN = ('umount --recursive --lazy "$root"/dev "$root"/proc "$root"/run; exec systemd-nspawn --quiet --register=no --keep-unit --resolv-conf=off --timezone=off --link-journal=no '
          '--machine=pbs-connector-test --directory="$root" --bind={pbs}:/opt/pbs --boot systemd.unit=basic.target')

# What is printed when nothing but the boot is left.
INSTALLED = "the connector is installed"


@functools.cache
def missing() -> str | None:
    """Why nothing can be booted here, in one line; None when it can, as far as one can see."""
    if shutil.which("systemd-nspawn") is None:
        return "no systemd-nspawn in PATH (Debian: systemd-container)"
    if not Path("/lib/systemd/systemd").exists():
        return "no systemd here"
    return own_host.missing()


def libraries() -> set[str]:
    """The folders of a debug build's libraries, which lie where no package has any."""
    told = subprocess.run(["ldd", *(program_folder() / program for program in PROGRAMS)], check=True, capture_output=True, text=True,
                          timeout=60).stdout
    return {str(Path(path).parent) for path in re.findall(r"=> (/\S+)", told) if not path.startswith(("/lib", "/usr/lib"))}


class BootedHost:
    """A host until `close`: `make install` and `script` come before it boots."""

    def __init__(self, folder: Path, pbs: Path, script: str) -> None:
        script = f"""
            rm -f /etc/systemd/system/*.service /etc/fstab; echo {os.urandom(16).hex()} > /etc/machine-id
            make install PREFIX=/usr > /dev/null; systemd-sysusers
            mkdir -p /opt/pbs; echo PBS_EXEC=/opt/pbs > /etc/pbs.conf
            {script}
            echo {INSTALLED}"""
        self._log = (folder / "boot.log").open("w")
        self._process = subprocess.Popen(
            own_host.command(script, folder, NSPAWN.format(pbs=pbs)), stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT,
            env={**os.environ, "PROGRAMS": str(program_folder()), "GENERATED": str(folder / "generated")}, start_new_session=True)
        self._folder = folder
        self._init = self._wait_for_init()
        try:
            self.wait("systemctl is-system-running", "running|degraded")
        except AssertionError as error:
            self.close()
            raise BootFailed(f"systemd does not come up: {error}") from None

    _init: int | None = None

    def _wait_for_init(self) -> int:
        """Its first process, as this machine numbers it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            for status in Path("/proc").glob("[0-9]*/status"):
                try:
                    text = status.read_text()
                except (FileNotFoundError, ProcessLookupError):
                    continue
                numbers = re.search(r"^NSpid:\s+(\d+(?:\s+\d+)*)\s+1$", text, re.MULTILINE)
                parent = re.search(r"^PPid:\s+(\d+)$", text, re.MULTILINE)
                if numbers and parent and int(parent[1]) == self._process.pid and "\tsystemd\n" in text:
                    return int(numbers[1].split()[0])
            time.sleep(0.1)
        self.close()
        said = (self._folder / "boot.log").read_text()
        assert INSTALLED in said, said
        raise BootFailed("; ".join(said.partition(INSTALLED)[2].split("\n")[-3:]).strip("; "))

    def run(self, command: str, check: bool = True) -> str:
        """What a command of the shell prints there."""
        done = subprocess.run(["nsenter", "--target", str(self._init), "--mount", "--uts", "--ipc", "--pid", "--root", "--wd", "/bin/bash", "-c", command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        assert not check or done.returncode == 0, f"{command}: status {done.returncode}\n{done.stdout}"
        return done.stdout.strip()

    def wait(self, command: str, pattern: str) -> str:
        """Wait until a command prints what the pattern finds."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, printed := self.run(command, check=False), re.MULTILINE):
            assert time.monotonic() < deadline, f"{command}\nprints {printed}"
            time.sleep(0.2)
        return printed

    def unit(self, name: str, field: str) -> str:
        """A property of a unit."""
        return self.run(f"systemctl show --value --property {field} {name}")

    def close(self) -> None:
        if self._process.poll() is None:
            # systemd's own word for a halt.
            if self._init is not None:
                os.kill(self._init, signal.SIGRTMIN + 3)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._log.close()


class BootFailed(Exception):
    """nspawn did not come as far as systemd: with its words."""
