"""A defect of the hook itself costs the job nothing, and a line of MoM's log at the most."""
import os
from typing import Any

import pytest

from hooks.execution_host import ExecutionHost, pods_job


class Broken(dict):  # type: ignore[type-arg]
    """A Variable_List that fails when it is gone through, with words of a user's."""

    def items(self) -> Any:
        raise RuntimeError("out of order\n11/26/2026 10:00:00;0008;pbs_mom;Job;1.pbsserver;forged\x1b[2J" + 10 ** 6 * "x")


@pytest.mark.skipif("HOOKS_PYTHON" in os.environ, reason="what is broken is not handed to another process")
def test_an_errors_words_stay_in_one_line(host: ExecutionHost) -> None:
    job = pods_job()
    job.Variable_List = Broken(job.Variable_List)
    outcome = host.run("EXECJOB_BEGIN", job)
    assert outcome.rejected is None
    text = outcome.messages()
    assert "Traceback" in text and "out of order" in text
    assert text.isprintable() and len(text) < 20000
