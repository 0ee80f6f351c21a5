"""PBS's commands as a program under test gets them: counted, and failing on request.

Each is a shell script that replaces itself with the real command, so that process ids,
signals, arguments and answers are the real ones; only a call that a fault strikes is made
by the script itself.
"""

from __future__ import annotations

import random
import shlex
from collections import Counter
from pathlib import Path
from typing import Callable

# What a program here may call; pbs-broker calls no others.
COMMANDS = ("pbsnodes", "qalter", "qdel", "qhold", "qmgr", "qmove", "qrls", "qselect", "qstat", "qsub")

_SCRIPT = """#!/bin/sh
cd {directory} || exit 1
kind={command}
case "$kind $* " in "qstat "*" -u "*) kind=listing ;; esac
printf . >> "served/$kind"
for fault in faults/"$kind".*; do
    if mv "$fault" "struck/$kind.$$" 2> /dev/null; then . "struck/$kind.$$"; fi
done
exec {real} "$@"
"""

GARBAGE = "Segmentation fault\n\t:::\n"


class WrappedCommands:
    """DIRECTORY/bin with the commands of a PBS; jobs submitted here have DIRECTORY as their PBS_O_WORKDIR."""

    def __init__(self, directory: Path, exec_dir: Path, seed: int = 0) -> None:
        """`exec_dir` is the PBS_EXEC whose commands are called."""
        self.exec_dir = directory
        for folder in ("bin", "served", "faults", "struck"):
            (directory / folder).mkdir(parents=True)
            # Who calls the commands may be another user than who counts and disturbs them.
            (directory / folder).chmod(0o777)
        for command in COMMANDS:
            program = directory / "bin" / command
            program.write_text(_SCRIPT.format(command=command, directory=shlex.quote(str(directory)),
                                              real=shlex.quote(str(exec_dir / "bin" / command))))
            program.chmod(0o755)
        self.faults = WrappedFaults(directory, exec_dir, seed)

    @property
    def served(self) -> Counter[str]:
        """How often each command has been called; qstat -u, by which jobs are listed, counts as "listing"."""
        return Counter({file.name: file.stat().st_size for file in (self.exec_dir / "served").iterdir()})


class WrappedFaults:
    """Those of the simulator's faults that a script can make, each for `count` calls of a command."""

    def __init__(self, directory: Path, exec_dir: Path, seed: int) -> None:
        self._directory, self._exec_dir, self._random, self._made = directory, exec_dir, random.Random(seed), 0

    def slow(self, command: str, seconds: float, count: int = 1) -> None:
        """Carried out and answered only after so many seconds."""
        self._add(command, count, lambda: f'sleep {seconds}; exec {self._real(command)} "$@"')

    def fail(self, command: str, status: int, text: str, count: int = 1) -> None:
        """Not carried out; `text` on standard error."""
        self._add(command, count, lambda: f"printf %s {shlex.quote(text)} >&2; exit {status}")

    def cut(self, command: str, count: int = 1) -> None:
        """Carried out; standard output stops somewhere."""
        self._add(command, count, lambda: (
            f'answer=struck/answer.$$; {self._real(command)} "$@" > $answer; status=$?; octets=$(wc -c < $answer); '
            f'head -c $((octets * {self._random.randrange(100)} / 100)) $answer; exit $status'))

    def lose_answer(self, command: str, count: int = 1) -> None:
        """Carried out; the client dies by SIGKILL with nothing printed."""
        self._add(command, count, lambda: f'{self._real(command)} "$@" > /dev/null; kill -KILL $$')

    def silent(self, command: str, count: int = 1) -> None:
        """Carried out; nothing printed, exit status 0."""
        self._add(command, count, lambda: f'{self._real(command)} "$@" > /dev/null 2>&1; exit 0')

    def garbage(self, command: str, count: int = 1) -> None:
        """Carried out; standard output is not what it should be."""
        self._add(command, count, lambda: f'{self._real(command)} "$@" > /dev/null; printf %s {shlex.quote(GARBAGE)}; exit 0')

    def _real(self, command: str) -> str:
        return shlex.quote(str(self._exec_dir / "bin" / ("qstat" if command == "listing" else command)))

    def _add(self, command: str, count: int, script: Callable[[], str]) -> None:
        for _ in range(count):
            self._made += 1
            # Written elsewhere first: a call that finds the file takes it as a whole.
            prepared = self._directory / "struck" / f"prepared.{self._made}"
            prepared.write_text(script() + "\n")
            prepared.rename(self._directory / "faults" / f"{command}.{self._made:04}")
