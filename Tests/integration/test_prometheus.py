"""A real Prometheus scrapes all three processes."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Iterator

import pytest

from deploy.test_monitoring import metrics_in, queries
from integration.connector import PROGRAMS
from integration.monitoring import wait_ready
from integration.site import Site

CONFIGURATION = """
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
"""


class Prometheus:
    """A Prometheus of these targets, until it is closed."""

    def __init__(self, folder: Path, targets: dict[str, str]) -> None:
        folder.mkdir()
        jobs = [{"job_name": name, "static_configs": [{"targets": [target]}]} for name, target in targets.items()]
        (folder / "prometheus.yml").write_text(CONFIGURATION + "\n".join(f"  - {json.dumps(job)}" for job in jobs))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = "http://127.0.0.1:%d" % free.getsockname()[1]
        self._log = (folder / "log").open("w")
        self._process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address={self.url.removeprefix('http://')}"], stdout=self._log, stderr=self._log)

    def ask(self, path: str, **parameters: str) -> Any:
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as answer:
            found = json.load(answer)
        assert found["status"] == "success", found
        return found["data"]

    def query(self, expression: str) -> list[Any]:
        return self.ask("query", query=expression)["result"]

    def wait_for(self, expression: str, count: int = 1, timeout: float = 60.0) -> list[Any]:
        """Wait until a query has so many results."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                found = self.query(expression)
            except OSError as error:
                found, assertion = [], error
            else:
                assertion = found
            if len(found) >= count:
                return found
            assert self._process.poll() is None, "prometheus has ended"
            assert time.monotonic() < deadline, (expression, assertion)
            time.sleep(0.2)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()


@pytest.fixture
def prometheus(bare_site: Site, tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus that has scraped all three processes of a site, in which a pod was bound."""
    if shutil.which("prometheus") is None:
        pytest.skip("no prometheus in PATH (Debian: prometheus)")
    targets = {}
    for program in PROGRAMS:
        process = bare_site.connector.start_process(program, options=["--metrics-address", "127.0.0.1:0"])
        targets[program] = process.wait_for_log("serves /metrics").rsplit(" on ", 1)[1]
    for target in targets.values():
        wait_ready(target)
    bare_site.create("redis")
    bare_site.wait_bound("redis")
    server = Prometheus(tmp_path / "prometheus", targets)
    yield server
    server.close()


@pytest.mark.simulated_pbs("what is scraped does not depend on the PBS")
def test_a_real_prometheus_scrapes_all_three(prometheus: Prometheus) -> None:
    prometheus.wait_for("up == 1", 3)
    prometheus.wait_for('pbs_connector_bindings_total{namespace="default", result="bound"} == 1')
    prometheus.wait_for("histogram_quantile(0.9, pbs_connector_pod_binding_delay_seconds_bucket) > 0")
    found = {result["metric"]["program"] for result in prometheus.query("pbs_connector_build_info")}
    assert found == set(PROGRAMS)
    # Whoever imports a dashboard wants to know what a metric tells.
    metadata = prometheus.ask("metadata")
    assert metadata["pbs_connector_submissions_total"][0]["type"] == "counter"


@pytest.mark.simulated_pbs("what is scraped does not depend on the PBS")
def test_the_dashboards_queries_are_answered(prometheus: Prometheus) -> None:
    prometheus.wait_for("up == 1", 3)
    prometheus.wait_for('pbs_connector_bindings_total{namespace="default", result="bound"} == 1')
    names = set(prometheus.ask("label/__name__/values"))
    # Of things that have not happened there are no series yet.
    not_yet = {"pbs_connector_evictions_total", "pbs_connector_refusals_total", "pbs_connector_log_lines_total"}
    for title, expression in queries():
        assert metrics_in(expression) - not_yet <= names, title
        # A rate needs two scrapes, which are a second apart.
        prometheus.wait_for(expression.replace("$__rate_interval", "1m"), 0 if metrics_in(expression) & not_yet else 1)
