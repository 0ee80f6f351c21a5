"""Three API servers behind one address, restarted one after the other: nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from chaos.faulting_proxy import FaultingProxy
from integration.site import Site

pytestmark = pytest.mark.simulated_pbs("PBS is not what restarts")

SERVERS = 3
PODS_EACH = 5


@pytest.fixture
def balancer(either_site: Site) -> Iterator[tuple[FaultingProxy, list[FaultingProxy]]]:
    """A balancer and the servers behind it: ways to one API, which is what three servers of one etcd are."""
    with ExitStack() as stack:
        servers = [FaultingProxy(either_site.kubernetes.port, seed=number) for number in range(SERVERS)]
        for server in servers:
            stack.callback(server.close)
        front = FaultingProxy(servers[0].port, seed=SERVERS)
        stack.callback(front.close)
        yield front, servers


def test_a_rolling_restart_behind_one_address_loses_nothing(
        either_site: Site, balancer: tuple[FaultingProxy, list[FaultingProxy]]) -> None:
    site, (front, servers) = either_site, balancer
    path = site.connector.directory / "kubeconfig"
    config = json.loads(path.read_text())
    cluster = config["clusters"][0]["cluster"]
    cluster["server"] = cluster["server"].replace(str(site.kubernetes.port), str(front.port))
    path.write_text(json.dumps(config))
    site.connector.start()
    site.create("before")
    site.wait_bound("before")
    names: list[str] = []
    for number, server in enumerate(servers):
        # The next server takes what is new; this one ends what it has: in good order, or not.
        front.lead_to(servers[(number + 1) % SERVERS].port)
        batch = [f"pod-{number}-{index}" for index in range(PODS_EACH)]
        for name in batch[:2]:
            site.create(name)
        server.refuses = True
        if number == 1:
            server.reset_all()
        else:
            server.close_all()
        for name in batch[2:]:
            site.create(name)
        for name in batch:
            site.wait_bound(name)
        server.refuses = False
        names += batch
    jobs = [job for job in site.live_jobs()]
    assert len(jobs) == len(names) + 1, "one job a pod"
    # What ends is seen, too: no watch was lost.
    for name in names:
        site.kubernetes.remove_pod("default", name)
    site.pbs.wait(lambda _: len(site.live_jobs()) == 1, 15, "the jobs of pods that are gone end")
    assert site.pod("before") is not None
