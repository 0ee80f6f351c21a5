"""With the hooks, which delete a pod at its job's end themselves, its Event with PBS's words comes all the same."""

from __future__ import annotations

import signal
import time

import pytest

from integration.test_with_hooks import hooked, HookedSite  # noqa: F401


def ended(site: HookedSite, name: str) -> list[str]:
    """What the Events JobEnded of a pod say, one for each time that they were told."""
    return [event["message"] for event in site.events_of(name, "JobEnded") for _ in range(event.get("count", 1))]


@pytest.mark.parametrize("how", ["deleted", "beyond its walltime"])
def test_the_event_with_pbs_words_comes_when_the_hook_deletes_the_pod(hooked: HookedSite, how: str) -> None:  # noqa: F811
    site = hooked
    job = site.bound("ends")
    # The hook is first for certain.
    site.connector["pbs-broker"].signal(signal.SIGSTOP)
    if how == "deleted":
        site.pbs.delete(job.id)
    else:
        site.pbs.end_job(job.id, -29, "walltime exceeded")
    site.wait_deleted("ends", f"job {job.id} has ended")
    site.connector["pbs-broker"].signal(signal.SIGCONT)
    site.wait_event("ends", "JobEnded", f"job {job.id} has ended: ", 40)
    assert site.deletions("ends") == [f"system:node:{job.hosts[0]}"]
    site.bound("next")
    assert len(ended(site, "ends")) == 1


def test_the_event_is_one_when_the_binder_is_first(hooked: HookedSite) -> None:  # noqa: F811
    site = hooked
    job = site.bound("ends")
    kubeconfig = site.hooks[job.hosts[0]].directory / "kubelet.conf"
    kubeconfig.write_text(kubeconfig.read_text().replace("node", "nobody"))
    site.pbs.delete(job.id)
    site.wait_deleted("ends", "terminated by")
    site.wait_event("ends", "JobEnded", "terminated by")
    site.pbs.wait(lambda _: not job.live, 15, "the job's end")
    site.bound("next")
    time.sleep(2)
    assert len(ended(site, "ends")) == 1
