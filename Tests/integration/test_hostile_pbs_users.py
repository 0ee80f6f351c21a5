"""What users of PBS put into their jobs: another's pod, and lines that read like PBS's own."""

from __future__ import annotations

from typing import Any

import pytest

from integration.site import Site

# An ordinary user of PBS, who also exists in a lab.
USER = "alice"


def uid(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["uid"])


def await_polls(site: Site, count: int) -> None:
    polls = site.pbs.served["listing"]
    site.pbs.wait(lambda pbs: pbs.served["listing"] >= polls + count, 60, f"{count} more polls")


def require_unharmed(site: Site, name: str, job_id: str) -> None:
    pod = site.pod(name)
    assert pod is not None and "deletionTimestamp" not in pod["metadata"]
    assert site.job_id_of(name) == job_id and site.pbs.job(job_id).live


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_job_of_another_user_with_a_pods_uid_changes_nothing_for_it(bare_site: Site, moment: str) -> None:
    """It is neither adopted, nor deleted, nor is its end the pod's; UIDs are there for all to read in qstat."""
    site = bare_site
    victim = site.create("victim")
    variables = site.job_variables(uid(victim), "victim")
    if moment == "before":
        posing = site.pbs.submit("victim", variables=variables, user=USER)
    site.connector.start()
    site.wait_bound("victim", 30)
    own = str(site.job_id_of("victim"))
    if moment == "after":
        posing = site.pbs.submit("victim", variables=variables, user=USER)
    assert own != posing.id
    await_polls(site, 5)
    assert site.pbs.job(posing.id).live
    require_unharmed(site, "victim", own)
    site.pbs.delete(posing.id, user=USER)
    await_polls(site, 5)
    require_unharmed(site, "victim", own)


@pytest.mark.parametrize("form", ["whole", "cut", "twice"])
def test_lines_in_a_variable_are_no_job(bare_site: Site, form: str) -> None:
    """Of a job that the broker does ask about: one of its own user's."""
    site = bare_site
    site.connector.start()
    site.create("victim")
    site.wait_bound("victim", 30)
    own = str(site.job_id_of("victim"))
    ended = f"Job Id: {own}\n    job_state = F\n    substate = 92\n    Exit_status = 271\n    run_count = 1\n"
    text = {"whole": f"x\n\n{ended}\n", "cut": f"x\n\n{ended.partition('substate')[0]}", "twice": f"x\n\n{ended}\n{ended}\n"}[form]
    site.pbs.submit("forging", variables={"A": text + "x"})
    await_polls(site, 8)
    require_unharmed(site, "victim", own)
    # The look at all jobs works on.
    site.create("later")
    site.wait_bound("later", 30)
    require_unharmed(site, "victim", own)
