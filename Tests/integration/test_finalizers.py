"""Pods that finalizers keep after their containers have ended."""

from __future__ import annotations

from integration.site import Site, pod_manifest


def test_a_pod_that_only_finalizers_keep_has_no_job(either_site: Site) -> None:
    site = either_site
    site.connector.start()
    try:
        check(site)
    finally:
        # Other tests share the server.
        site.kubernetes.patch_pod("default", "kept", {"metadata": {"finalizers": None}})


def check(site: Site) -> None:
    manifest = pod_manifest("kept")
    manifest["metadata"]["finalizers"] = ["example.org/archive"]
    uid = site.kubernetes.create_pod(manifest)["metadata"]["uid"]
    site.wait_bound("kept")
    (job,) = site.jobs_of(uid)
    site.kubernetes.delete_pod("default", "kept", grace_period_seconds=30)
    # Something else that goes through all three, so that they have seen the deletion.
    site.create("later")
    site.wait_bound("later")
    assert [left.id for left in site.jobs_of(uid)] == [job.id]
    # As its kubelet deletes it when its containers have ended.
    site.kubernetes.delete_pod("default", "kept", grace_period_seconds=0)
    site.wait_jobs(uid, 0)
    left = site.pod("kept")
    assert left is not None and left["metadata"]["finalizers"] == ["example.org/archive"]
    assert site.condition("kept", "DisruptionTarget") is None
