"""sync-resources on a site's PBS, as on the simulated one: its user is an operator, and no manager."""

from __future__ import annotations

import time
from typing import Iterator

import pytest

from integration.site import Site

KEYS = "\n  sync-interval: 0.5\n  sync-resources: true\n"


@pytest.fixture
def site(bare_site: Site) -> Iterator[Site]:
    """A site whose hosts pbs-broker may change; one change at a time, so that no processes do when they are put back."""
    bare_site.pbs.let_submitter_set_hosts()
    (bare_site.connector.directory / "config.yaml").write_text(bare_site.connector.configuration.rstrip("\n") + KEYS)
    yield bare_site
    for process in list(bare_site.connector.processes):
        bare_site.connector[process].stop()


def wait_for(site: Site, **expected: str) -> None:
    deadline = time.monotonic() + 30 * site.patience
    while not expected.items() <= site.pbs.available("node1").items():
        assert time.monotonic() < deadline, site.pbs.available("node1")
        time.sleep(0.1)


def test_a_host_follows_its_node_until_somebody_sets_it(site: Site) -> None:
    status = {"status": {"allocatable": {"cpu": "1500m", "memory": "4Gi", "pods": "110"}}}
    site.kubernetes.request("PATCH", "/api/v1/nodes/node1/status", status, "application/merge-patch+json")
    site.connector.start()
    wait_for(site, ncpus="1", mem="4194304kb", k8s_capacity=f"{site.cluster}/mem=4194304kb/ncpus=1")
    site.pbs.set_available("node1", ncpus="7")
    site.connector["pbs-broker"].wait_for_log("ncpus is 7, set by hand after sync-resources had set 1", 30 * site.patience)
    assert site.pbs.available("node1")["ncpus"] == "7"
    # Given back to sync-resources.
    site.pbs.set_available("node1", k8s_capacity="")
    wait_for(site, ncpus="1", mem="4194304kb")


def test_without_the_right_nothing_is_changed_and_it_is_said(bare_site: Site) -> None:
    site = bare_site
    if hasattr(site.pbs, "settings"):
        site.pbs.settings.manager, site.pbs.settings.root_manages = "somebody", False
    before = site.pbs.available("node1")
    (site.connector.directory / "config.yaml").write_text(site.connector.configuration.rstrip("\n") + KEYS)
    site.connector.start()
    line = site.connector["pbs-broker"].wait_for_log("resources of hosts cannot be set in PBS", 30 * site.patience)
    assert "Unauthorized Request" in line and "has to be an operator" in line
    assert site.pbs.available("node1") == before
