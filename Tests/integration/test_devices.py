"""The devices that PBS gave to a job reach its pod with the Binding."""

from __future__ import annotations

import pytest

from integration.site import Site


def bound_with(site: Site, name: str, told: str) -> dict[str, str]:
    """The annotations of a pod that is bound for a job whose host has told this (hooks/pbs_kubernetes/devices.py)."""
    site.pbs.set_scheduling(False)
    pod = site.create(name)
    (job,) = site.wait_jobs(pod["metadata"]["uid"], 1)
    with site.pbs.server.changed:
        if told:
            site.pbs.server.jobs[job.id].variables += f",KUBERNETES_DEVICES={told}"
    site.pbs.set_scheduling(True)
    return site.wait_bound(name)["metadata"]["annotations"]


@pytest.mark.parametrize("told, devices", [
    ("cpus=0-3+8;devices=nvidia0+nvidia1;gpus=GPU-5a2b7c11+GPU-9c1d;mems=0", "GPU-5a2b7c11,GPU-9c1d"),
    ("devices=nvidia0;vnodes=node1[0]", "nvidia0"), ("cpus=0", None), ("gpus=$(reboot)", None), ("", None)])
@pytest.mark.simulated_pbs("it says what the hook of a host would; Tests/hooks/test_real_pbs.py has the real one")
def test_a_pod_is_told_its_devices_with_its_binding(bare_site: Site, told: str, devices: str | None) -> None:
    bare_site.connector.start()
    annotations = bound_with(bare_site, "redis", told)
    assert annotations.get("pbs-connector/devices") == devices
    assert annotations["pbs-connector/job-id"]
