"""A job's id in an annotation is no way to have PBS turn to a host of the user's choice."""

from __future__ import annotations

import pytest

from integration.site import Site, pod_manifest

pytestmark = pytest.mark.simulated_pbs("what PBS is asked for is looked at")


def test_a_dependency_on_another_hosts_job_reaches_no_command(site: Site) -> None:
    site.connector.start()
    for name, value in {"evil": "after:5.evil.example.org", "own": "afterany:99", "both": "after:99:5.evil.example.org"}.items():
        pod = pod_manifest(name)
        pod["metadata"]["annotations"] = {"pbs-connector/depend": value}
        site.kubernetes.create_pod(pod)
    for name in ("evil", "both"):
        site.wait_condition(name, "PodScheduled", "it depends on job 5.evil.example.org, which is not of PBS server pbsserver")
    site.pbs.wait(lambda pbs: any(call.program == "qsub" for call in pbs.calls()), 15)
    assert not any("evil" in str(call) for call in site.pbs.calls())
