"""A user of PBS who has taken over the command that submits as him, and has it print what he likes."""

from __future__ import annotations

import os
import stat
from typing import Any

import pytest

from hooks.timing import awaited
from integration.test_namespace_users import ALICE, BOB, UsersSite, users  # noqa: F401

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can start a broker that may become others")

# What it does; NATIVE and OTHERS are the ids of jobs that are not hers.
FORGERIES = {
    "native": "echo NATIVE", "others": "echo OTHERS", "future": "echo 999.pbsserver", "server": "echo 1.elsewhere",
    "flood": "exec head -c 100000000 /dev/zero", "nothing": "exit 0",
    "limit": "echo 'qsub: Maximum number of jobs already in complex' >&2; exit 38",
    "busy": "echo 'qsub: Server is busy' >&2; exit 1", "lines": "printf 'OTHERS\\nJob Id: OTHERS\\n    job_state = F\\n'",
    "proof": "echo 'qsub: the token in k8s_token is not accepted: no' >&2; exit 1",
}
HERS, LATER = 3, 4


# libpbs's helper cannot be traced by its user.
@pytest.mark.parametrize("users", ["commands"], indirect=True)
@pytest.mark.parametrize("forgery", list(FORGERIES))
def test_what_a_users_command_prints_harms_nobody_else(users: UsersSite, forgery: str) -> None:  # noqa: F811
    users.start()
    others = users.create("others", "chem-a")
    users.bound("others", "chem-a")
    job = next(job.id for job in users.pbs.jobs.values() if job.pod_uid == others)
    native = users.pbs.submit("native", user=BOB).id
    runs = users.folder / "runs"
    runs.touch()
    runs.chmod(0o666)
    qsub = users.pbs.exec_dir / "bin" / "qsub"
    # It knows what it is by its name.
    real = users.pbs.exec_dir / "real" / "qsub"
    real.parent.mkdir()
    real.parent.chmod(0o755)
    qsub.rename(real)
    script = FORGERIES[forgery].replace("NATIVE", native).replace("OTHERS", job)
    qsub.write_text(f'#!/bin/sh\n[ "$(id -un)" = {ALICE} ] || exec {real} "$@"\necho run >>{runs}\n{script}\n')
    qsub.chmod(qsub.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    for number in range(HERS):
        users.create(f"hers-{number}", "physics")
    awaited(lambda: runs.read_text().count("run") >= HERS, 60)
    for number in range(LATER):
        users.create(f"later-{number}", "chem-b")
    for number in range(LATER):
        users.bound(f"later-{number}", "chem-b")
    assert users.pbs.job(native).live and users.pbs.job(job).live
    pod: Any = users.kubernetes.pod("chem-a", "others")
    assert "deletionTimestamp" not in pod["metadata"] and pod["metadata"]["annotations"]["pbs-connector/job-id"] == job
    assert not any((users.kubernetes.pod("physics", f"hers-{number}") or {})["spec"].get("nodeName") for number in range(HERS))
    log = users.broker.log()
    assert "PBS takes no jobs:" not in log and f"PBS user {BOB}" not in log.partition("processes of its own")[2]
    real.rename(qsub)
    for number in range(HERS):
        awaited(lambda: ((users.kubernetes.pod("physics", f"hers-{number}") or {}).get("spec") or {}).get("nodeName"), 90)
