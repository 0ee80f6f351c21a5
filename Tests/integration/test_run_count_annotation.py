"""The annotation with the run count is text of the pod's owner as well: what PBS does not count by says nothing."""

from __future__ import annotations

import pytest

from integration.site import Site
from integration.test_hostile_annotations import await_polls, deleted, uid

RUN_COUNT = "pbs-connector/run-count"

pytestmark = pytest.mark.simulated_pbs("the annotation is the API's, and which PBS there is plays no part")


@pytest.mark.parametrize("is_restarted", [False, True], ids=["", "broker-restarted"])
@pytest.mark.parametrize("text", ["0", "-1", "-9223372036854775808", "99999999999999999999", "", "1x", "+0", None])
def test_a_bound_pod_whose_run_count_was_changed_keeps_running(bare_site: Site, text: str | None, is_restarted: bool) -> None:
    site = bare_site
    site.connector.start()
    pod = site.create("first")
    site.wait_bound("first")
    (job,) = site.jobs_of(uid(pod))
    site.kubernetes.patch_pod("default", "first", {"metadata": {"annotations": {RUN_COUNT: text}}})
    if is_restarted:
        site.connector.restart("pbs-broker")
        site.connector["pbs-broker"].wait_for_log("kube-watcher has told all")
    await_polls(site)
    site.create("later")
    site.wait_bound("later")
    assert deleted(site) == set()
    assert job.live
    # That PBS has started the job again still ends the pod, within 30 s.
    if text is None:
        site.pbs.rerun(job.id)
        site.wait(lambda _: "first" in deleted(site), 60)
