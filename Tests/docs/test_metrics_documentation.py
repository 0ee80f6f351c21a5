"""docs/metrics.md says of each metric what the sources do, and of no other."""

from __future__ import annotations

import re

from docs import markdown, metric_sources, swift_sources

METRICS = "docs/metrics.md"


def documented() -> dict[str, list[str]]:
    """Kind, labels, programs and help of each metric, by name."""
    tables = [row for row in markdown.rows(markdown.text_of(METRICS)) if len(row) == 5]
    rows = {markdown.codes(row[0])[0]: row[1:] for row in tables}
    assert len(rows) == len(tables), "a metric stands twice"
    return rows


def test_each_metric_is_documented_and_no_other() -> None:
    expected = {}
    for metric in metric_sources.metrics():
        programs = metric_sources.programs_of(metric)
        assert programs, f"{metric.name} is no program's"
        whose = "all" if len(programs) == len(swift_sources.PROGRAMS) else ", ".join(programs)
        expected[metric.name] = [metric.kind, ", ".join(f"`{label}`" for label in metric.labels), whose, metric.help]
    assert len(expected) > 50 and documented() == expected


def test_each_metric_is_counted_somewhere() -> None:
    source = swift_sources.text_of("Shared/Monitoring", "Shared/Startup", "Shared/Wire", "Shared/KubernetesClient",
                                   *swift_sources.PROGRAMS) + swift_sources.text_of("Shared/Metrics/MetricRegistry.swift")
    for metric in metric_sources.metrics():
        assert re.search(rf"Metric\.{metric.swift_name}\b|observeAge\(\.{metric.swift_name}\b", source), metric.swift_name


def test_each_condition_of_readiness_is_documented_and_no_other() -> None:
    rows = markdown.rows(markdown.section(METRICS, "## Readiness"))
    in_sources = set()
    for program in swift_sources.PROGRAMS:
        found = re.findall(r'readiness\.require\("([\w-]+)"', swift_sources.text_of(program))
        in_sources |= {(program, name) for name in found}
    assert {(row[0], markdown.codes(row[1])[0]) for row in rows} == in_sources


def test_the_labels_are_documented() -> None:
    text = markdown.section(METRICS, "## Labels")
    told = {code for row in markdown.rows(text) for code in markdown.codes(row[0])}
    labels = {label for metric in metric_sources.metrics() for label in metric.labels}
    plain = {"program", "version", "condition", "role", "cause", "request"}
    assert labels - told - plain == set()
