"""What pods are told while they wait, and how soon, with the connector's own settings."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from integration.conftest import HOSTS, running_site
from integration.connector import Connector
from integration.hooked_hosts import HookedHosts, tokens
from integration.site import Site
from integration.test_with_hooks import HookedSite
from simulators.kubernetes import Kubelet, KubernetesSimulator
from simulators.pbs import PBSSimulator

# Seconds in which news is told, with room for a busy machine: polls are 5 s apart, and wait for their connections.
SOON = 20.0


@pytest.fixture
def hooked(tmp_path: Path) -> Iterator[HookedSite]:
    """A whole site with hooks, of which the broker knows that they prove true."""
    with PBSSimulator(tmp_path / "pbs", HOSTS, end_delay=0.5) as pbs, \
            KubernetesSimulator(kubelet=Kubelet(), tokens=tokens(pbs.host_names)) as kubernetes:
        for host in pbs.host_names:
            kubernetes.create_node(host)
        kubeconfig = tmp_path / "kubeconfig"
        kubernetes.write_kubeconfig(kubeconfig)
        connector = Connector(tmp_path, {"kube-watcher": kubeconfig, "binder": kubeconfig}, pbs.exec_dir, configuration="")
        hooks = HookedHosts(tmp_path / "hosts", pbs, kubernetes, connector.hints_socket())
        try:
            connector.start()
            yield HookedSite(kubernetes, pbs, connector, hooks=hooks)
        finally:
            print(connector.logs())
            connector.close()
            hooks.close()


def test_what_no_hook_tells_is_told_soon_all_the_same(hooked: HookedSite) -> None:
    site = hooked
    running = site.bound("runs")
    site.create("waits", cpu="100")
    site.wait_condition("waits", "PodScheduled", "Insufficient amount of resource: ncpus", SOON)
    pod = site.pod("waits")
    assert pod is not None
    (job,) = site.jobs_of(pod["metadata"]["uid"])
    site.pbs.hold(job.id)
    site.wait_condition("waits", "PodScheduled", "held", SOON)
    site.pbs.suspend(running.id)
    site.wait_event("runs", "JobSuspended", "", SOON)
    site.pbs.delete(job.id)
    site.pbs.wait(lambda _: any(other.id != job.id for other in site.jobs_of(pod["metadata"]["uid"])), SOON, "another job")


@pytest.mark.simulated_pbs("many submissions in a minute")
def test_pods_whose_jobs_wait_for_a_connection_say_so(tmp_path: Path, pbs: PBSSimulator) -> None:
    site: Site
    for site in running_site(tmp_path, KubernetesSimulator(kubelet=Kubelet()), pbs,
                             configuration="pbs-broker:\n  connections-per-minute: 30\n"):
        site.connector.start()
        site.create("first")
        # Ten looks a minute, several of them at the start.
        site.wait_bound("first", 60)
        for index in range(40):
            site.create(f"pod-{index}")
        site.wait_condition("pod-39", "PodScheduled", "connections-per-minute", 60)
        assert len(site.events_of("pod-39", "FailedScheduling")) <= 1
