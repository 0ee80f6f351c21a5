"""A connection to the API server that stays open and swallows everything, as after a load balancer's or a NIC's change.

The simulated API speaks HTTP/1.1, a real one HTTP/2, where all requests share a connection.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from chaos.faulting_proxy import FaultingProxy
from integration.site import Site

pytestmark = pytest.mark.simulated_pbs("PBS is not what fails")

# Seconds for a request, after which its connection is given up (HTTPRequest.timeout), and what
# may pass besides until the pod is bound.
REQUEST_SECONDS, BESIDES = 10.0, 15.0
WATCH_SILENCE = 5
GIVEN_UP = "given up, the next one opens another"


@pytest.fixture
def proxy(either_site: Site) -> Iterator[FaultingProxy]:
    proxy = FaultingProxy(either_site.kubernetes.port, seed=1)
    yield proxy
    proxy.close()


def put_between(site: Site, proxy: FaultingProxy, program: str) -> None:
    """Lets one program reach the API by the proxy only."""
    config = json.loads(site.connector.kubeconfigs[program].read_text())
    server = config["clusters"][0]["cluster"]["server"]
    config["clusters"][0]["cluster"]["server"] = server.replace(str(site.kubernetes.port), str(proxy.port))
    path = site.connector.directory / f"{program}.kubeconfig"
    path.write_text(json.dumps(config))
    site.connector.kubeconfigs = {**site.connector.kubeconfigs, program: path}


def test_a_binder_whose_connection_swallows_everything_opens_another(either_site: Site, proxy: FaultingProxy) -> None:
    site = either_site
    put_between(site, proxy, "binder")
    site.connector.start()
    site.create("before")
    site.wait_bound("before")
    site.wait_event("before", "Scheduled")
    proxy.silence_all()
    started = time.monotonic()
    names = [f"after-{number}" for number in range(14)]
    for name in names:
        site.create(name)
    for name in names:
        site.wait_bound(name, REQUEST_SECONDS + BESIDES)
    assert time.monotonic() - started < REQUEST_SECONDS + BESIDES
    site.create("later")
    site.wait_bound("later")
    binder = site.connector["binder"]
    begins = [number for number, line in enumerate(binder.lines) if GIVEN_UP in line]
    # Over HTTP/1.1 the next request may have opened another connection anyway.
    assert len(begins) == 1 if site.kubernetes.url.startswith("https") else len(begins) <= 1
    for begin in begins:
        binder.wait_for_log("answers again", after=begin)


def test_a_watcher_whose_connections_swallow_everything_opens_others(either_site: Site, proxy: FaultingProxy) -> None:
    site = either_site
    config = site.connector.directory / "config.yaml"
    config.write_text(f"{config.read_text()}kube-watcher:\n  watch-silence: {WATCH_SILENCE}\n")
    put_between(site, proxy, "kube-watcher")
    site.connector.start()
    site.create("before")
    site.wait_bound("before")
    proxy.silence_all()
    site.create("after")
    site.wait_bound("after", WATCH_SILENCE + BESIDES)
    # Afterwards as before.
    site.create("later")
    site.wait_bound("later")
