"""Under a service manager: ready, alive, and ended without anything cut off (docs/operations.md)."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from integration.connector import PROGRAMS, RunningProcess
from integration.service_manager import ServiceManager, moments
from integration.site import Site
from simulators.kubernetes.faults import Delay, Fault

pytestmark = pytest.mark.simulated_pbs("it plays no part, or its answers are held up")


def supervised(site: Site, program: str, tmp_path: Path, watchdog: float | None = None) -> ServiceManager:
    manager = ServiceManager(tmp_path / f"notify-{program}", watchdog)
    site.connector.environment = manager.environment
    site.connector.start_process(program)
    site.connector.environment = {}
    return manager


def wait_for_child(process: RunningProcess, name: str, timeout: float = 20.0) -> None:
    """Wait until the process has a child of this name."""
    deadline = time.monotonic() + timeout
    while name not in children(process.pid):
        assert time.monotonic() < deadline, f"no {name} of {process.name}:\n{process.log()}"
        time.sleep(0.02)


def children(pid: int) -> set[str]:
    """The names of a process's children."""
    names = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        if int(rest.split()[1]) == pid:
            names.add(name)
    return names


def test_a_process_is_ready_when_it_has_heard_all(bare_site: Site, tmp_path: Path) -> None:
    broker = supervised(bare_site, "pbs-broker", tmp_path)
    binder = supervised(bare_site, "binder", tmp_path)
    broker.wait_for(lambda heard: any(line.startswith("STATUS=waits for kube-watcher: not connected") for line in heard))
    binder.wait_for(lambda heard: "READY=1" in heard)
    assert "READY=1" not in broker.heard
    watcher = supervised(bare_site, "kube-watcher", tmp_path)
    for manager in (watcher, broker):
        manager.wait_for(lambda heard: "READY=1" in heard and heard[-1] == "STATUS=ready")
        assert manager.count("READY=1") == 1
    bare_site.connector["kube-watcher"].kill()
    broker.wait_for(lambda heard: heard[-1] == "STATUS=waits for kube-watcher: not connected")
    assert broker.count("READY=1") == 1, "a process that has started stays started"


def test_the_loop_feeds_the_watchdog(bare_site: Site, tmp_path: Path) -> None:
    broker = supervised(bare_site, "pbs-broker", tmp_path, watchdog=2)
    broker.wait_for(lambda heard: heard.count("WATCHDOG=1") >= 3)
    process = bare_site.connector["pbs-broker"]
    process.signal(signal.SIGSTOP)
    # What it said before is there at once: a datagram has arrived when it is sent.
    fed = broker.count("WATCHDOG=1")
    time.sleep(1)
    assert broker.count("WATCHDOG=1") <= fed + 1
    process.signal(signal.SIGCONT)
    broker.wait_for(lambda heard: heard.count("WATCHDOG=1") > fed + 1)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_process_says_that_it_ends(bare_site: Site, program: str, tmp_path: Path) -> None:
    manager = supervised(bare_site, program, tmp_path)
    manager.wait_for(lambda heard: heard)
    assert bare_site.connector[program].stop() == 0
    assert "STOPPING=1" in manager.wait_for(lambda heard: heard[-1] == "STATUS=ends")


def test_an_abstract_socket_hears_it_too(bare_site: Site, tmp_path: Path) -> None:
    manager = ServiceManager(f"@pbs-connector-test-{tmp_path.name}-{id(tmp_path)}")
    bare_site.connector.environment = manager.environment
    bare_site.connector.start("kube-watcher")
    manager.wait_for(lambda heard: "READY=1" in heard)


def test_a_submission_under_way_is_finished_before_the_end(bare_site: Site) -> None:
    site = bare_site
    site.connector.start()
    broker = site.connector["pbs-broker"]
    site.create("before")
    site.wait_bound("before")
    site.pbs.pause()
    pod = site.create("redis")
    wait_for_child(broker, "qsub")
    broker.signal(signal.SIGTERM)
    time.sleep(0.5)
    assert broker.is_running
    site.pbs.resume_server()
    assert broker.wait(5) == 0
    broker.wait_for_log("associating job")
    assert len(site.jobs_of(pod["metadata"]["uid"])) == 1


def test_a_second_signal_ends_a_process_at_once(bare_site: Site) -> None:
    site = bare_site
    site.connector.start()
    broker = site.connector["pbs-broker"]
    site.create("before")
    site.wait_bound("before")
    site.pbs.pause()
    site.create("redis")
    wait_for_child(broker, "qsub")
    broker.signal(signal.SIGTERM)
    time.sleep(0.5)
    assert broker.is_running
    broker.signal(signal.SIGTERM)
    assert broker.wait(2) == 0
    site.pbs.resume_server()


def test_what_hangs_holds_the_end_up_for_some_seconds_only(bare_site: Site) -> None:
    site = bare_site
    site.connector.start()
    broker = site.connector["pbs-broker"]
    site.create("before")
    site.wait_bound("before")
    site.pbs.pause()
    site.create("redis")
    wait_for_child(broker, "qsub")
    broker.signal(signal.SIGTERM)
    assert 4 < moments(lambda: broker.wait(20)) < 15
    site.pbs.resume_server()


def test_a_binding_under_way_is_finished_before_the_end(bare_site: Site) -> None:
    site = bare_site
    fault = site.kubernetes.faults.add(Fault(r"POST .*/binding", Delay(1.5), count=1))
    site.connector.start()
    site.create("redis")
    site.connector["pbs-broker"].wait_for_log("runs on")
    deadline = time.monotonic() + 15
    while fault.hits == 0:
        assert time.monotonic() < deadline, "no binding was asked for"
        time.sleep(0.02)
    assert site.connector["binder"].stop() == 0
    assert any("successfully assigned default/redis" in line for line in site.connector["binder"].lines)
    assert site.node_of("redis")
