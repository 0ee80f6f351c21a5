"""What each process shows of itself over HTTP: its metrics, whether it lives, whether it is ready (docs/metrics.md)."""

from __future__ import annotations

import re
import shutil
from typing import Iterator

import pytest

from docs.markdown import codes, rows, text_of
from integration.connector import PROGRAMS, Connector
from integration.monitoring import connect, get, metrics, promtool, value, wait_for, wait_ready
from integration.site import Site

no_effect = pytest.mark.simulated_pbs("what is counted does not depend on the PBS")


def place(connector: Connector, program: str) -> str:
    return str(connector.socket("metrics-of-" + program))


def start(site: Site, *programs: str) -> None:
    for program in programs or PROGRAMS:
        site.connector.start_process(program, options=["--metrics-address", place(site.connector, program)])
        site.connector[program].wait_for_log("serves /metrics")


@pytest.fixture
def seen(bare_site: Site) -> Iterator[Site]:
    start(bare_site)
    for program in PROGRAMS:
        wait_ready(place(bare_site.connector, program))
    yield bare_site


@no_effect
def test_the_way_of_a_pod_is_counted_by_each_process(seen: Site) -> None:
    seen.create("redis")
    seen.create("impossible", runtimeClassName="kata", nodeSelector={"moon": "full"})
    pod = seen.wait_bound("redis")
    broker = wait_for(place(seen.connector, "pbs-broker"), lambda found: value(
        found, "pbs_connector_pods", namespace="default", state="bound") == 1)
    assert value(broker, "pbs_connector_submissions_total", namespace="default", result="taken") == 1
    assert value(broker, "pbs_connector_jobs", namespace="default", state="running") == 1
    assert value(broker, "pbs_connector_refusals_total", namespace="default", reason="translation") == 1
    for delay in ("submission", "start", "binding"):
        assert value(broker, f"pbs_connector_pod_{delay}_delay_seconds_count") == 1
        assert value(broker, f"pbs_connector_pod_{delay}_delay_seconds_sum") < 60
    assert value(broker, "pbs_connector_pbs_requests_total", operation="submit", result="ok") == 1
    assert value(broker, "pbs_connector_pbs_up") == 1
    assert value(broker, "pbs_connector_subscribers", role="binder") == 1
    assert value(broker, "pbs_connector_subscriptions_connected") == 1
    binder = metrics(place(seen.connector, "binder"))
    assert value(binder, "pbs_connector_bindings_total", namespace="default", result="bound") == 1
    assert value(binder, "pbs_connector_kubernetes_requests_total", verb="create", resource="pods/binding", code="201") == 1
    watcher = metrics(place(seen.connector, "kube-watcher"))
    assert value(watcher, "pbs_connector_watched_objects", kind="pods") == 2
    assert value(watcher, "pbs_connector_leader") == 1
    assert value(watcher, "pbs_connector_watch_lists_total", resource="pods") >= 1

    (job,) = seen.jobs_of(pod["metadata"]["uid"])
    seen.pbs.delete(job.id)
    wait_for(place(seen.connector, "pbs-broker"), lambda found: value(
        found, "pbs_connector_evictions_total", namespace="default") == 1)
    wait_for(place(seen.connector, "binder"), lambda found: value(
        found, "pbs_connector_pod_deletions_total", namespace="default", result="deleted") == 1)


@no_effect
def test_pbs_being_away_is_seen(seen: Site) -> None:
    broker = place(seen.connector, "pbs-broker")
    seen.pbs.stop()
    wait_for(broker, lambda found: value(found, "pbs_connector_pbs_up") == 0)
    assert value(metrics(broker), "pbs_connector_pbs_requests_total", result="unavailable") > 0
    assert "[-] pbs: PBS does not answer" in wait_ready(broker, 503)
    assert get(broker, "/healthz") == (200, "ok\n"), "it lives all the same"
    seen.pbs.start()
    wait_ready(broker)


@no_effect
def test_each_process_says_what_it_waits_for(bare_site: Site) -> None:
    start(bare_site, "binder", "pbs-broker")
    broker, binder = (place(bare_site.connector, program) for program in ("pbs-broker", "binder"))
    assert "[-] kube-watcher: not connected" in wait_ready(broker, 503)
    wait_ready(binder)
    start(bare_site, "kube-watcher")
    wait_ready(broker)
    wait_ready(place(bare_site.connector, "kube-watcher"))
    bare_site.connector["binder"].kill()
    assert "[-] binder: none is connected" in wait_ready(broker, 503)
    bare_site.connector["pbs-broker"].kill()
    assert "[-] pbs-broker: none is connected" in wait_ready(place(bare_site.connector, "kube-watcher"), 503)


@no_effect
def test_promtool_finds_no_fault_and_the_documentation_tells_all(seen: Site) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("no promtool in PATH (Debian: prometheus)")
    seen.create("redis")
    seen.wait_bound("redis")
    documented = {name for row in rows(text_of("docs/metrics.md")) for name in codes(row[0])}
    for program in PROGRAMS:
        status, text = get(place(seen.connector, program), "/metrics")
        assert status == 200 and promtool("check", "metrics", given=text) == ""
        named = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
        assert named <= documented, named - documented


@no_effect
def test_namespaces_beyond_the_limit_are_one(bare_site: Site) -> None:
    connector = bare_site.connector
    connector._config.write_text(connector.configuration + "\nmetrics-namespaces: 2\n")
    start(bare_site)
    for number in range(5):
        bare_site.kubernetes.request("POST", "/api/v1/namespaces", {"metadata": {"name": f"team-{number}"}})
        bare_site.kubernetes.create_pod({"metadata": {"name": "p", "namespace": f"team-{number}"}, "spec": {
            "schedulerName": "pbs", "containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}}}]}})
    samples = wait_for(place(connector, "pbs-broker"), lambda found: value(found, "pbs_connector_pods") == 5)
    names = {dict(labels)["namespace"] for name, labels in samples if name == "pbs_connector_pods"}
    assert len(names) == 3 and "other" in names
    assert value(samples, "pbs_connector_pods", namespace="other") == 3


@no_effect
def test_hostile_scrapers_hold_up_nothing(seen: Site) -> None:
    """They hold connections, and ask as fast as they can: pods are bound meanwhile, and metrics are served later."""
    broker = place(seen.connector, "pbs-broker")
    silent = [connect(broker) for _ in range(16)]
    for connection in silent:
        connection.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
    seen.create("redis")
    seen.wait_bound("redis")
    for connection in silent:
        assert connection.recv(100) == b"", "closed after 5 s, without an answer"
        connection.close()
    assert value(wait_for(broker, lambda _: True), "pbs_connector_monitoring_requests_total", code="timeout") == 16
    with connect(broker) as long:
        long.sendall(b"GET /metrics" + b"x" * (8192 - 12))
        assert long.recv(1 << 16).startswith(b"HTTP/1.1 431 ")
    assert get(broker, "/")[0] == 404


def test_an_address_that_is_none_ends_the_start(bare_site: Site) -> None:
    process = bare_site.connector.start_process("pbs-broker", options=["--metrics-address", "nowhere"])
    assert process.wait() == 1
    assert process.lines[-1] == "pbs-broker: metrics-address: nowhere is neither a path of a socket nor HOST:PORT"
