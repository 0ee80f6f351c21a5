"""The stand-in for libpbs.so answers as the real library does: recordings of it are in Tests/recordings/libpbs.

The same calls are made of the stand-in, and where there is a real PBS, of the real one. To record
anew, on a real PBS: PBS_CONNECTOR_RECORD=DIRECTORY pytest -m real_pbs test_libpbs.py
"""

from __future__ import annotations

import difflib
import json
import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from real.pbs import RealPBS
from simulators.pbs import PBSSimulator

from .libpbs_process import LibpbsProcess, Said
from .libpbs_scenarios import SCENARIOS, Call, normal

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings" / "libpbs"
HOSTS: dict[str, dict[str, int | str]] = {"node1": {"ncpus": 2, "mem": "24684096kb"}, "node2": {"ncpus": 2, "mem": "24684096kb"}}
# Exit statuses of qdel for jobs that are gone or about to be: PBSE_UNKJOBID, PBSE_HISTJOBID, PBSE_BADSTATE, modulo 256.
_GONE = (0, 15001 % 256, 15139 % 256, 15016 % 256)


@dataclass
class Side:
    """A PBS and its library; remembers the jobs that it made."""

    site: RealPBS | PBSSimulator
    library: LibpbsProcess
    user: str
    server: str = ""
    connection: int = -1
    jobs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = self.library.connect()
        self.server = self.library.call("pbs_default").result

    def filled_in(self, value: Any) -> Any:
        """With the ids of jobs for {1}, {2} ..., the server's name and the user's."""
        if isinstance(value, list):
            return [self.filled_in(item) for item in value]
        if not isinstance(value, str):
            return value
        for number, job_id in enumerate(self.jobs, 1):
            value = value.replace(f"{{{number}}}", job_id)
        return value.replace("{server}", self.server).replace("{user}", self.user)

    def run(self, call: Call) -> Said | None:
        """Makes a call of a scenario."""
        function, *arguments = [self.filled_in(word) for word in call]
        if function == "wait":
            self.site.wait_for_state(arguments[0], arguments[1], arguments[2], timeout=60.0)
            return None
        said = self.library.call(function, self.connection, *arguments)
        if function == "pbs_submit" and said.result:
            self.jobs.append(said.result)
        return said

    def normal(self, answer: Any) -> Any:
        """An answer without what is incidental."""
        return normal(answer, self.jobs, self.server, self.user, pwd.getpwnam(self.user).pw_dir)

    def clean_up(self) -> None:
        """The jobs of a scenario are gone, from the history too."""
        jobs, self.jobs = self.jobs, []
        for job_id in jobs:
            if isinstance(self.site, RealPBS):
                self.site.run("qdel", "-W", "force", "-x", job_id, allowed=_GONE)
            else:
                self.library.call("pbs_deljob", self.connection, job_id, "forcedeletehist")


@pytest.fixture(scope="module", params=["simulated_pbs", "real_pbs"])
def pbs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    """The stand-in in front of a simulator, or the real library in front of a real PBS."""
    folder = tmp_path_factory.mktemp("libpbs")
    if request.param == "simulated_pbs":
        with PBSSimulator(folder, HOSTS, user="manager", libpbs=True) as simulator:
            # Who runs the tests is to be an ordinary user.
            simulator.settings.root_manages = False
            library = LibpbsProcess(folder / "lib" / "libpbs.so", simulator.environment, directory=Path("/tmp"))
            yield Side(simulator, library, simulator.submitter)
            library.close()
        return
    reason = RealPBS.missing()
    if reason is not None:
        pytest.skip(f"comparison with a real PBS: {reason}")
    with RealPBS(folder) as real:
        if left := real.await_idle():
            pytest.skip(f"comparison with a real PBS: others' jobs are there, its hosts cannot say the same: {left}")
        library = LibpbsProcess(real.installed / "lib" / "libpbs.so", os.environ, real.as_submitter(), Path("/tmp"))
        yield Side(real, library, real.submitter)
        library.close()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_answers_as_recorded(pbs: Side, scenario: str) -> None:
    """Each call gives the result, the error and the text that the real library gave."""
    found: list[dict[str, Any]] = []
    jobs: list[str] = []
    try:
        for call in SCENARIOS[scenario]:
            said = pbs.run(call)
            if said is not None:
                found.append({"call": call, "result": said.result, "errno": said.errno, "text": said.text})
        jobs = list(pbs.jobs)
        normalized = [{**answer, "result": pbs.normal(answer["result"]), "text": pbs.normal(answer["text"])} for answer in found]
    finally:
        pbs.clean_up()
    recording = RECORDINGS / f"{scenario.replace(' ', '-').replace(',', '')}.jsonl"
    record = os.environ.get("PBS_CONNECTOR_RECORD")
    if record is not None and isinstance(pbs.site, RealPBS):
        # What the answers are about stands in front of them.
        about = {"jobs": jobs, "server": pbs.server, "user": pbs.user, "home": pwd.getpwnam(pbs.user).pw_dir}
        lines = "".join(f"{json.dumps(line)}\n" for line in [about, *found])
        (Path(record) / recording.name).write_text(lines)
    about, *recorded = map(json.loads, recording.read_text().splitlines())
    expected = [{**answer, **{key: normal(answer[key], **about) for key in ("result", "text")}} for answer in recorded]
    differences = [
        "\n".join([json.dumps(mine["call"]), *difflib.unified_diff(_lines(theirs), _lines(mine), "recorded", "now", "", "", 0, "")])
        for theirs, mine in zip(expected, normalized, strict=True) if _lines(theirs) != _lines(mine)]
    assert not differences, "\n\n".join(differences)


def _lines(answer: dict[str, Any]) -> list[str]:
    result = answer["result"]
    shown = [f"{name}: {attribute}" for name, attributes in result.items() for attribute in attributes] if isinstance(
        result, dict) else [json.dumps(result)]
    return [*shown, f"errno {answer['errno']}", f"text {answer['text']}"]
