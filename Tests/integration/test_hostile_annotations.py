"""What a user writes into his pod's annotations harms nobody else's pod, ends no job, and never reaches PBS."""

from __future__ import annotations

from typing import Any

import pytest

from integration.site import Site, pod_manifest

JOB_ID = "pbs-connector/job-id"
ANOTHER = "another pod's"
REMOVED = "removed"
TEXTS = ["workq", "hello", "-Q", "", "999.pbsserver", "5.otherhost", "1.pbsserver;qdel all", "1.pbsserver\n2.pbsserver", ANOTHER,
         REMOVED]
JUNK = ["workq", "-Q", "", "999.pbsserver", "5.otherhost", "1[].pbsserver", "../x"]

pytestmark = pytest.mark.simulated_pbs("the simulator tells the arguments of every command")


def uid(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["uid"])


def deleted(site: Site) -> set[str]:
    """The names of the pods that somebody has deleted."""
    return {entry.name for entry in site.kubernetes.record if entry.kind == "deleting"}


# What pbs-broker asks by itself, with an option that a user may write as well.
OWN = ("-Q", "-f")


def annotate(site: Site, name: str, text: str | None) -> None:
    site.kubernetes.patch_pod("default", name, {"metadata": {"annotations": {JOB_ID: text}}})


def require_unsaid(site: Site, text: str) -> None:
    """No command was ever given this text, by itself or within another argument."""
    said = [call for call in site.pbs.calls()
            if text and call.arguments != OWN and any(text in argument for argument in call.arguments)]
    assert not said, said


def await_polls(site: Site, count: int = 8) -> None:
    polls = site.pbs.served["listing"]
    site.pbs.wait(lambda pbs: pbs.served["listing"] >= polls + count, 30, f"{count} more polls")


def bind_two(site: Site) -> tuple[Any, Any]:
    """Bind the pods first and neighbour; their jobs."""
    site.connector.start()
    jobs = []
    for name in ("first", "neighbour"):
        pod = site.create(name)
        site.wait_bound(name)
        (job,) = site.jobs_of(uid(pod))
        jobs.append(job)
    return jobs[0], jobs[1]


@pytest.mark.parametrize("is_restarted", [False, True], ids=["", "broker-restarted"])
@pytest.mark.parametrize("text", TEXTS)
def test_a_bound_pod_whose_annotation_was_changed_keeps_its_job(bare_site: Site, text: str, is_restarted: bool) -> None:
    site = bare_site
    first, neighbour = bind_two(site)
    annotate(site, "first", {ANOTHER: neighbour.id, REMOVED: None}.get(text, text))
    if is_restarted:
        site.connector.restart("pbs-broker")
        site.connector["pbs-broker"].wait_for_log("kube-watcher has told all")
    await_polls(site)
    later = site.create("later")
    site.wait_bound("later")
    assert [job.id for job in site.live_jobs() if job.pod_uid != uid(later)] == [first.id, neighbour.id]
    assert deleted(site) == set()
    if text not in (ANOTHER, REMOVED):
        require_unsaid(site, text)
    # PBS's own word still ends it.
    site.pbs.end_job(first.id)
    site.wait(lambda _: "first" in deleted(site), 10)
    await_polls(site)
    assert deleted(site) == {"first"}
    assert site.pbs.job(neighbour.id).live


def test_another_pods_job_that_ends_does_not_end_a_pod_that_names_it(bare_site: Site) -> None:
    site = bare_site
    first, neighbour = bind_two(site)
    annotate(site, "first", neighbour.id)
    await_polls(site)
    site.pbs.end_job(neighbour.id)
    site.wait(lambda _: "neighbour" in deleted(site), 10)
    await_polls(site)
    assert deleted(site) == {"neighbour"}
    assert site.pbs.job(first.id).live


@pytest.mark.parametrize("is_first", [False, True], ids=["", "before-the-broker"])
@pytest.mark.parametrize("text", JUNK)
def test_a_pod_created_bound_with_junk_is_left_alone_and_told_once(bare_site: Site, text: str, is_first: bool) -> None:
    site = bare_site
    if not is_first:
        site.connector.start()
    junk = create_bound(site, "junk", {JOB_ID: text})
    if is_first:
        site.connector.start()
    site.create("other")
    site.wait_bound("other")
    site.wait_event("junk", "UnknownJob", "is left alone")
    await_polls(site)
    assert site.jobs_of(uid(junk)) == []
    assert deleted(site) == set()
    (event,) = site.events_of("junk", "UnknownJob")
    assert event.get("count", 1) == 1
    require_unsaid(site, text)


def test_a_pod_applied_again_with_the_annotations_of_another_is_left_alone(bare_site: Site) -> None:
    site = bare_site
    site.connector.start()
    site.create("first")
    first = site.wait_bound("first")
    copy = create_bound(site, "copy", dict(first["metadata"]["annotations"]), first["spec"]["nodeName"])
    site.wait_event("copy", "UnknownJob", "is left alone")
    site.create("other")
    site.wait_bound("other")
    await_polls(site)
    assert site.jobs_of(uid(copy)) == []
    (job,) = site.jobs_of(uid(first))
    site.pbs.end_job(job.id)
    site.wait(lambda _: "first" in deleted(site), 10)
    await_polls(site)
    assert deleted(site) == {"first"}
    (event,) = site.events_of("copy", "UnknownJob")
    assert event.get("count", 1) == 1


def create_bound(site: Site, name: str, annotations: dict[str, str], node: str = "node1") -> dict[str, Any]:
    """A pod that its user has created on a node, with these annotations."""
    manifest = pod_manifest(name, nodeName=node)
    manifest["metadata"]["annotations"] = annotations
    pod: dict[str, Any] = site.kubernetes.create_pod(manifest)
    return pod
