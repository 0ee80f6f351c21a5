"""HTTP/2, where all requests share a connection, before the simulated API: what a real API server is seen to do, at will."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from chaos.faulting_proxy import FaultingProxy
from integration import http2_front
from integration.http2_front import HTTP2Front
from integration.site import Site
from real.certificates import CertificateAuthority

REASON = http2_front.missing()
pytestmark = [pytest.mark.simulated_pbs("PBS is not what fails"),
              pytest.mark.skipif(REASON is not None, reason=f"no HTTP/2 here: {REASON}")]
GIVEN_UP = "given up, the next one opens another"


@dataclass
class Links:
    """The way to the API: a proxy of TCP before a front that speaks HTTP/2."""

    site: Site
    proxy: FaultingProxy
    front: HTTP2Front


@pytest.fixture
def links(site: Site, tmp_path: Path) -> Iterator[Links]:
    with ExitStack() as stack:
        front = HTTP2Front(site.kubernetes.port)
        stack.callback(front.close)
        authority = CertificateAuthority(tmp_path)
        front.serve(*authority.issue("server", "/CN=kube-apiserver", "IP:127.0.0.1"))
        proxy = FaultingProxy(front.port, seed=1)
        stack.callback(proxy.close)
        path = tmp_path / "kubeconfig"
        config = json.loads(path.read_text())
        config["clusters"][0]["cluster"] = {
            "server": f"https://127.0.0.1:{proxy.port}",
            "certificate-authority-data": base64.b64encode(authority.certificate.read_bytes()).decode()}
        path.write_text(json.dumps(config))
        yield Links(site, proxy, front)


def test_few_connections_carry_all_requests(links: Links) -> None:
    links.site.connector.start()
    for number in range(10):
        links.site.create(f"pod-{number}")
    for number in range(10):
        links.site.wait_bound(f"pod-{number}")
    # binder's, kube-watcher's for lists, and one for each of its six watches, which begin together.
    assert links.front.connections <= 8


def test_servers_that_say_goaway_lose_nothing(links: Links) -> None:
    site = links.site
    site.connector.start()
    site.create("before")
    site.wait_bound("before")
    for round in range(5):
        names = [f"pod-{round}-{number}" for number in range(3)]
        for name in names:
            site.create(name)
        assert links.front.go_away() > 0
        for name in names:
            site.wait_bound(name)
        for name in names:
            site.kubernetes.delete_pod("default", name)
            site.wait_gone(name)
    site.pbs.wait(lambda _: len(site.live_jobs()) == 1, 15, "the jobs of pods that are gone end")
    # What a server has not begun is sent to the next one without a word.
    lines = [line for process in site.connector.processes.values() for line in process.lines]
    # A watch that ends before anything has happened is begun again after a moment, which is said.
    assert not [line for line in lines if "warning: https://" in line and "the watch ended at once" not in line]


def test_a_connection_that_swallows_everything_is_given_up_with_all_its_requests(links: Links) -> None:
    site = links.site
    config = site.connector.directory / "config.yaml"
    config.write_text(f"{config.read_text()}kube-watcher:\n  watch-silence: 5\n")
    site.connector.start()
    site.create("before")
    site.wait_bound("before")
    site.wait_event("before", "Scheduled")
    links.proxy.silence_all()
    names = [f"after-{number}" for number in range(10)]
    for name in names:
        site.create(name)
    # Both have to find out, one after the other: watches after 5 s, binder's requests after 10 s.
    for name in names:
        site.wait_bound(name, 30)
    for program in ("kube-watcher", "binder"):
        process = site.connector[program]
        assert len([line for line in process.lines if GIVEN_UP in line]) <= 2
        process.wait_for_log("answers again")
