"""libpbs in a process of its own: as another user, on another host, and where a call hangs or kills."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROGRAM = Path(__file__).with_name("libpbs.py")
# Seconds for one call on a busy machine.
CALL_SECONDS = 60.0


@dataclass(frozen=True)
class Said:
    """What a call came to: its result, pbs_errno, and pbs_geterrmsg() of its connection."""

    result: Any
    errno: int
    text: str | None


def states(said: Said) -> dict[str, str]:
    """The states of jobs by id, of an answer with job_state alone."""
    return {job_id: attributes[0][2] for job_id, attributes in (said.result or {}).items()}


class LibpbsProcess:
    """Makes one call after the other; `call` waits for the end of each, `begin` does not."""

    def __init__(self, library: Path, environment: Mapping[str, str], wrapper: Sequence[str] = (),
                 directory: Path | None = None) -> None:
        # Who runs it may not be able to read our files.
        python = sys.executable if not wrapper else "/usr/bin/python3"
        self._popen = subprocess.Popen([*wrapper, python, "-c", _PROGRAM.read_text(), str(library)], env=dict(environment),
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=directory)

    def call(self, function: str, *arguments: Any) -> Said:
        """Makes a call of the library."""
        return self.begin(function, *arguments).end()

    def begin(self, function: str, *arguments: Any) -> "Call":
        """Begins a call of the library."""
        assert self._popen.stdin is not None
        print(json.dumps({"function": function, "arguments": arguments}), file=self._popen.stdin, flush=True)
        return Call(function, self._popen)

    def connect(self) -> int:
        """A connection to the default server."""
        said = self.call("pbs_connect", None)
        assert said.result >= 0, f"pbs_connect: {said}"
        return int(said.result)

    def kill(self) -> None:
        """SIGKILL."""
        self._popen.kill()
        self._popen.wait()

    def close(self) -> None:
        """Ends the process, whatever it does."""
        self.kill()
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                pipe.close()


class Call:
    """A call that is under way."""

    def __init__(self, function: str, popen: "subprocess.Popen[str]") -> None:
        self._function = function
        self._line = ""
        self._reader = threading.Thread(target=self._read, args=(popen,), daemon=True)
        self._reader.start()

    def _read(self, popen: "subprocess.Popen[str]") -> None:
        assert popen.stdout is not None
        self._line = popen.stdout.readline()

    def is_over(self, seconds: float) -> bool:
        """Whether it ends within so many seconds."""
        self._reader.join(seconds)
        return not self._reader.is_alive()

    def end(self) -> Said:
        """What it came to."""
        assert self.is_over(CALL_SECONDS), f"{self._function} did not end"
        assert self._line, f"{self._function} ended the process"
        said = json.loads(self._line)
        return Said(said["result"], said["errno"], said["text"])
