"""What the Swift sources say of metrics: read from their text, not from running them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from docs import swift_sources

FILES = ("Process", "Wire", "Kubernetes", "Broker")


@dataclass(frozen=True)
class Metric:
    """One family of series, as `Metric+*.swift` declare it."""

    swift_name: str
    name: str
    kind: str
    help: str
    labels: tuple[str, ...]


def metrics() -> list[Metric]:
    """All that are declared."""
    found = []
    for file in FILES:
        source = swift_sources.text_of(f"Shared/Metrics/Metric+{file}.swift")
        for swift_name, body in re.findall(r"public static let (\w+) = Metric\(\n((?:    .*\n)*?.*)\)$", source, re.MULTILINE):
            match = re.fullmatch(r'\s*"(\w+)", \.(\w+),\s*"((?:[^"\\]|\\.)*)"(?:,\s*labels: \[(.*)\])?\s*', body)
            assert match, f"{swift_name} has another form: {body!r}"
            name, kind, help_text, labels = match.groups()
            kind = kind if kind in ("counter", "gauge") else "histogram"
            found.append(Metric(swift_name, name, kind, help_text, tuple(re.findall(r'"(\w+)"', labels or ""))))
    return found


def programs_of(metric: Metric) -> list[str]:
    """The programs that have it."""
    lists = {}
    for file in FILES:
        source = swift_sources.text_of(f"Shared/Metrics/Metric+{file}.swift")
        for name, body in re.findall(r"static let (of\w+) = \[([^\]]*)\]", source):
            lists[name] = set(re.findall(r"\w+", body))
    found = []
    for program, sum_of in re.findall(r'case "([\w-]+)": (.*)$', swift_sources.text_of("Shared/Metrics/Metric+All.swift"), re.MULTILINE):
        if any(metric.swift_name in lists[name] for name in sum_of.split(" + ")):
            found.append(program)
    return found
