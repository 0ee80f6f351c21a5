"""A user of PBS who has seen a token of his own jobs on pbs-broker's host, and submits with it once more."""

from __future__ import annotations

import os

import pytest

from integration.test_namespace_users import ALICE, BOB, UsersSite, users  # noqa: F401
from simulators.pbs.errors import PBSError
from simulators.pbs.server import Submission

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can start a broker that may become others")

# How often she does it.
TIMES = 10


def overheard(users: UsersSite) -> dict[str, tuple[str, str]]:  # noqa: F811
    """By name, the token and the select of each job that comes from now on."""
    found: dict[str, tuple[str, str]] = {}
    verify = users.hook._queuejob

    def hear(submission: Submission) -> None:
        found.setdefault(submission.name, (submission.resources.get("k8s_token", ""), submission.resources["select"]))
        verify(submission)

    users.pbs.hook_submissions(hear)
    return found


def test_a_token_that_is_used_again_harms_nobody_else(users: UsersSite) -> None:  # noqa: F811
    tokens = overheard(users)
    users.start()
    mine, others = users.create("mine", "physics"), users.create("others", "chem-a")
    users.bound("mine", "physics")
    users.bound("others", "chem-a")
    first = {job.pod_uid: job.id for job in users.pbs.jobs.values()}
    token, select = tokens["mine"]
    again = [users.pbs.submit("again", select=select, user=ALICE, resources={"k8s_token": token}).id for _ in range(TIMES)]
    # Each of them stands for the same pod, which has a job, and goes.
    assert {users.pbs.job(job).request.listed["k8s_pod"].split("/")[1] for job in again} == {mine}
    users.pbs.wait(lambda pbs: not any(pbs.job(job).live for job in again), 30, "the ends of the further jobs")
    for uid, name, namespace, owner in ((mine, "mine", "physics", ALICE), (others, "others", "chem-a", BOB)):
        assert users.owners()[uid] == owner and users.pbs.job(first[uid]).live
        pod = users.kubernetes.pod(namespace, name)
        assert pod is not None and "deletionTimestamp" not in pod["metadata"]
        assert pod["metadata"]["annotations"]["pbs-connector/job-id"] == first[uid]
    users.create("later", "chem-a")
    users.bound("later", "chem-a")
    # Nobody else can, and for nothing else.
    for user, asked in ((BOB, select), (ALICE, "1:ncpus=8")):
        with pytest.raises(PBSError, match="the token in k8s_token is not accepted"):
            users.pbs.submit("again", select=asked, user=user, resources={"k8s_token": token})


def test_a_token_that_outlives_its_pod_brings_a_job_that_is_deleted(users: UsersSite) -> None:  # noqa: F811
    tokens = overheard(users)
    users.start()
    users.create("mine", "physics")
    users.bound("mine", "physics")
    token, select = tokens["mine"]
    users.kubernetes.delete_pod("physics", "mine")
    users.pbs.wait(lambda _: not users.owners(), 30, "no live job")
    users.pbs.submit("again", select=select, user=ALICE, resources={"k8s_token": token})
    users.pbs.wait(lambda _: not users.owners(), 30, "no live job")
