"""The three processes, started and watched as a supervisor would."""

from __future__ import annotations

import os
import pwd
import select
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping, Sequence

from simulators.pbs import BACKEND

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAMS = ("kube-watcher", "pbs-broker", "binder")


def program_folder() -> Path:
    """Where the executables are: PBS_CONNECTOR_BIN, else the debug build of this tree."""
    return Path(os.environ.get("PBS_CONNECTOR_BIN", REPOSITORY / ".build" / "debug"))


class RunningProcess:
    """One process with its log, kept whole and searchable while it grows."""

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self._lines: list[str] = []
        self._times: list[float] = []
        self._rest = b""
        self._started = time.monotonic()
        self._changed = threading.Condition()
        self._popen = subprocess.Popen(list(arguments), env=dict(environment), stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert self._popen.stderr is not None
        self._pipe = self._popen.stderr.fileno()
        os.set_blocking(self._pipe, False)
        self._reader = threading.Thread(target=self._read, daemon=True, name=f"log of {name}")
        self._reader.start()

    def _read(self) -> None:
        more = True
        while more:
            select.select([self._pipe], [], [])
            with self._changed:
                more = self._take()
                self._changed.notify_all()

    def _take(self) -> bool:
        """Takes what is in the pipe now. Returns whether more may come."""
        while True:
            try:
                octets = os.read(self._pipe, 1 << 20)
            except BlockingIOError:
                return True
            *lines, self._rest = (self._rest + octets).split(b"\n")
            if not octets and self._rest:
                lines, self._rest = [self._rest], b""
            self._lines += [line.decode(errors="replace") for line in lines]
            self._times += [time.monotonic() - self._started] * len(lines)
            if not octets:
                return False

    @property
    def lines(self) -> list[str]:
        """All that it has logged up to now: what it logged before it answered somebody is there when he has the answer."""
        with self._changed:
            self._take()
            return list(self._lines)

    @property
    def times(self) -> list[float]:
        """Seconds from its start to each of `lines`, as far as they have been read."""
        with self._changed:
            return list(self._times)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    def log(self) -> str:
        with self._changed:
            self._take()
            return "\n".join(f"{moment:7.3f} {line}" for moment, line in zip(self._times, self._lines))

    def wait_for_log(self, text: str, timeout: float = 10.0, after: int = 0) -> str:
        """The first line from index `after` on that contains `text`."""
        deadline = time.monotonic() + timeout
        with self._changed:
            position = after
            while True:
                while position < len(self._lines):
                    if text in self._lines[position]:
                        return self._lines[position]
                    position += 1
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise AssertionError(f"{self.name} did not log {text!r} within {timeout} s:\n" + "\n".join(self._lines))

    def signal(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def kill(self) -> None:
        """kill -9, and wait for the end."""
        self._popen.kill()
        self._popen.wait()
        self._reader.join()

    def stop(self, timeout: float = 10.0) -> int:
        """SIGTERM, and wait for the end. Returns the exit status."""
        if self.is_running:
            self._popen.terminate()
            self._popen.send_signal(signal.SIGCONT)
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end on SIGTERM:\n{self.log()}") from None
        self._reader.join()
        return self._popen.returncode

    def wait(self, timeout: float = 10.0) -> int:
        """Wait for it to end by itself. Returns the exit status."""
        status = self._popen.wait(timeout)
        self._reader.join()
        return status


@dataclass
class Connector:
    """kube-watcher, pbs-broker and binder over one Kubernetes API and one PBS.

    `kubeconfigs` maps kube-watcher and binder to their files. Instances of one
    program are told apart by names; the default instance has its program's name.
    """

    directory: Path
    kubeconfigs: Mapping[str, Path]
    pbs_exec: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    configuration: str = ""
    watcher_options: Sequence[str] = ()
    binder_options: Sequence[str] = ()
    # The user who runs pbs-broker, where that is not the one who runs the others.
    broker_user: str | None = None
    # What stands before a program in its command line, by its name.
    wrappers: dict[str, Sequence[str]] = field(default_factory=dict)
    log_level: str = field(default_factory=lambda: os.environ.get("PBS_CONNECTOR_LOG_LEVEL", "debug"))
    processes: dict[str, RunningProcess] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Socket paths have at most 107 octets, pytest's folders many.
        self._sockets = Path(subprocess.check_output(["mktemp", "-d", "/tmp/pbs-connector.XXXXXX"], text=True).strip())
        if self.broker_user is not None:
            # Its group is that of the sockets in it, whoever makes them.
            os.chown(self._sockets, -1, pwd.getpwnam(self.broker_user).pw_gid)
            self._sockets.chmod(0o2771)
        self._config = self.directory / "config.yaml"
        self._config.write_text(self.configuration)

    def socket(self, name: str) -> Path:
        """The socket of an instance of kube-watcher or pbs-broker."""
        return self._sockets / f"{name}.sock"

    def hints_socket(self, name: str = "pbs-broker") -> Path:
        return self._sockets / f"{name}-hints.sock"

    def start(self, *names: str) -> None:
        """Start the processes of these names, by default one of each."""
        for name in names or PROGRAMS:
            self.start_process(name)

    def start_process(self, program: str, instance: str | None = None, watcher: str = "kube-watcher",
                      brokers: Sequence[str] = ("pbs-broker",), options: Sequence[str] = ()) -> RunningProcess:
        """Start one process: `instance` is its name here and among its peers."""
        name = instance or program
        arguments = [str(program_folder() / program), "--config", str(self._config_of(program)), "--log-level", self.log_level,
                     "--instance", name]
        if program in self.kubeconfigs:
            arguments += ["--kubeconfig", str(self.kubeconfigs[program])]
        if program == "kube-watcher":
            arguments += ["--socket", str(self.socket(name)), *self.watcher_options]
        elif program == "pbs-broker":
            arguments += ["--watcher", str(self.socket(watcher)), "--socket", str(self.socket(name)),
                          "--pbs-exec", str(self.pbs_exec)]
            if (self.pbs_exec / "lib" / "libpbs.so").exists() and BACKEND in os.environ:
                # Else the broker would take commands where libpbs does not work.
                arguments += ["--pbs-backend", os.environ[BACKEND]]
        else:
            arguments += ["--broker", *[str(self.socket(broker)) for broker in brokers], *self.binder_options]
        environment = {key: value for key, value in os.environ.items()
                       if key not in ("KUBECONFIG", "PBS_EXEC", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
        process = RunningProcess(name, [*self.wrappers.get(program, ()), *arguments, *options], {**environment, **self.environment})
        self.processes[name] = process
        return process

    def _config_of(self, program: str) -> Path:
        """The configuration, in which kube-watcher admits the broker's user and binder lets him serve."""
        text = self._config.read_text()
        key = {"kube-watcher": "allowed-peers", "binder": "allowed-servers"}.get(program)
        if key is None or self.broker_user is None or key in text:
            return self._config
        section = f"{program}:\n"
        text = text if section in text else f"{text}\n{section}"
        own = self.directory / f"config-of-{program}.yaml"
        own.write_text(text.replace(section, f"{section}  {key}: [{self.broker_user}]\n", 1))
        return own

    def __getitem__(self, name: str) -> RunningProcess:
        return self.processes[name]

    def restart(self, name: str) -> None:
        """kill -9 one of the three, and start it again at once."""
        self.processes[name].kill()
        self.start_process(name)

    def logs(self) -> str:
        return "\n".join(f"== {name}\n{process.log()}" for name, process in self.processes.items())

    def close(self) -> None:
        for process in self.processes.values():
            if process.is_running:
                process.kill()
        subprocess.run(["rm", "-rf", str(self._sockets)], check=True)
