"""Late binding beside the controllers of Kubernetes itself, which make, bind and protect claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest

from hooks.timing import awaited
from integration.conftest import running_site
from integration.provisioner import Provisioner
from integration.site import Site
from integration.test_late_binding import jobs_ever, uses
from real import controllers
from real.controllers import Controllers
from real.kubernetes import RealKubernetes
from simulators.pbs import PBSSimulator

HOSTS: dict[str, dict[str, int | str]] = {"node1": {"ncpus": 8, "mem": "16gb"}, "node2": {"ncpus": 8, "mem": "16gb"}}


@pytest.fixture
def controlled(tmp_path: Path, real_kubernetes: RealKubernetes) -> Iterator[tuple[Site, Provisioner]]:
    """A site on a simulated PBS, and a provisioner that leaves the binding to Kubernetes."""
    reason = controllers.missing()
    if reason:
        pytest.skip(reason)
    serving = Provisioner(real_kubernetes, "late-controlled", binds=False)
    manager = Controllers(real_kubernetes)
    try:
        with PBSSimulator(tmp_path / "pbs", HOSTS) as pbs:
            for site in running_site(tmp_path, real_kubernetes, pbs):
                site.patience = 3.0
                yield site, serving
    finally:
        manager.close()
        serving.close()


def phase(serving: Provisioner, name: str) -> Any:
    return serving.look(name)["status"]["phase"]


def test_kubernetes_binds_what_is_provisioned_on_the_jobs_node(controlled: tuple[Site, Provisioner]) -> None:
    site, serving = controlled
    serving.claim("data")
    site.connector.start()
    pod = site.create("user", **uses("data"))
    node = site.wait_bound("user", 30)["spec"]["nodeName"]
    assert serving.made == [("data", node)] and phase(serving, "data") == "Bound" and len(jobs_ever(site, pod)) == 1
    site.create("again", **uses("data"))
    assert site.wait_bound("again", 30)["spec"]["nodeName"] == node


def test_the_claim_of_an_ephemeral_volume_is_made_and_provisioned(controlled: tuple[Site, Provisioner]) -> None:
    site, serving = controlled
    site.connector.start()
    template = {"spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": serving.name, "resources": {"requests": {"storage": "1Gi"}}}}
    site.create("user", volumes=[{"name": "scratch", "ephemeral": {"volumeClaimTemplate": template}}])
    node = site.wait_bound("user", 30)["spec"]["nodeName"]
    assert serving.made == [("user-scratch", node)] and phase(serving, "user-scratch") == "Bound"


def test_a_claim_that_is_given_up_is_provisioned_elsewhere(controlled: tuple[Site, Provisioner]) -> None:
    site, serving = controlled
    serving.failing = {"node1", "node2"}
    serving.claim("data")
    site.connector.start()
    site.create("user", **uses("data"))
    failed = awaited(lambda: serving.given_up, 60)[0][1]
    serving.failing = {failed}
    node = site.wait_bound("user", 60)["spec"]["nodeName"]
    assert node != failed and phase(serving, "data") == "Bound"


def test_a_claim_without_a_provisioner_stays_as_it_is(controlled: tuple[Site, Provisioner]) -> None:
    """What docs/volumes.md says of volumes that are made by hand: a claim that names its volume is bound."""
    site, serving = controlled
    by_hand = Provisioner(site.kubernetes, "by-hand", provisioner="kubernetes.io/no-provisioner", binds=False)
    try:
        by_hand.volume("pv-by-hand", "node2")
        by_hand.claim("chosen", volume="pv-by-hand")
        by_hand.claim("open")
        site.connector.start()
        site.create("chosen", **uses("chosen"))
        site.create("open", **uses("open"))
        assert site.wait_bound("chosen", 30)["spec"]["nodeName"] == "node2"
        site.wait_condition("open", "PodScheduled", "without a provisioner: which of its volumes it gets cannot be honoured by PBS")
        assert phase(by_hand, "open") == "Pending"
    finally:
        by_hand.close()
