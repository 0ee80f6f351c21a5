"""deploy/monitoring: the alerts fire when they have to, and all that it names exists."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any, Iterator

import pytest

from docs import markdown, metric_sources
from integration.connector import REPOSITORY
from integration.monitoring import promtool

FOLDER = REPOSITORY / "deploy" / "monitoring"
# What Prometheus itself adds.
OWN = {"up"}
SUFFIXES = ("_bucket", "_sum", "_count")

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool in PATH (Debian: prometheus)")


def queries() -> Iterator[tuple[str, str]]:
    """The title and expression of each query of the dashboard."""
    dashboard: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def metrics_in(expression: str) -> set[str]:
    """The metrics that an expression names."""
    return set(re.findall(r"\b(?:pbs_connector|process)_\w+|\bup\b", expression))


def known() -> set[str]:
    found = set(OWN)
    for metric in metric_sources.metrics():
        found |= {metric.name + suffix for suffix in SUFFIXES} if metric.kind == "histogram" else {metric.name}
    return found


def alerts() -> list[tuple[str, str, str]]:
    """Name, expression and runbook of each alert."""
    return re.findall(r"- alert: (\w+)\n\s+expr: '(.*)'\n(?:.*\n)*?\s+runbook_url: '(.*)'", (FOLDER / "rules.yml").read_text())


@needs_promtool
def test_each_alert_fires_when_it_has_to() -> None:
    promtool("check", "rules", FOLDER / "rules.yml")
    promtool("test", "rules", FOLDER / "rules_test.yml")
    tested = set(re.findall(r"alertname: (\w+)", (FOLDER / "rules_test.yml").read_text()))
    assert tested == {name for name, _, _ in alerts()} and len(tested) > 10


@needs_promtool
def test_what_is_to_be_added_to_prometheus_is_taken() -> None:
    assert "SUCCESS" in promtool("check", "config", FOLDER / "prometheus.yml")


def test_each_alert_has_a_runbook() -> None:
    assert len(alerts()) == (FOLDER / "rules.yml").read_text().count("- alert:")
    anchors = markdown.anchors("docs/operations.md")
    for name, _, runbook in alerts():
        path, _, anchor = runbook.rpartition("#")
        assert path == "file:///usr/share/doc/pbs-connector/docs/operations.md"
        assert anchor == name.lower() and anchor in anchors, name


def test_alerts_and_dashboard_name_only_metrics_that_exist() -> None:
    named = {name: metrics_in(expression) for name, expression in [*queries(), *((name, text) for name, text, _ in alerts())]}
    assert len(named) > 25 and all(named.values())
    assert {name: metrics - known() for name, metrics in named.items() if metrics - known()} == {}


def test_labels_that_are_asked_for_exist() -> None:
    """A label that no metric has would make a query without an answer, not an error."""
    labels = {metric.name: set(metric.labels) | {"job", "instance"} for metric in metric_sources.metrics()}
    texts = [expression for _, expression in queries()] + [expression for _, expression, _ in alerts()]
    for text in texts:
        for name, matchers in re.findall(r"(\w+)\{([^}]*)\}", text):
            base = re.sub("_(bucket|sum|count)$", "", name) if name not in labels else name
            if name in OWN:
                continue
            assert set(re.findall(r"(\w+)\s*[=!]", matchers)) <= labels[base] | {"le"}, text
