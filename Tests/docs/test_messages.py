"""Whoever has a warning or an error of the log finds it in operations.md by its words, with cause and cure."""

from __future__ import annotations

import re

import pytest

from docs import swift_sources
from docs.log_sources import LogLine, fixed_parts, literal, warnings_and_errors
from docs.markdown import text_of

# So many characters in a row are found by a search, wherever a line's values stand.
ENOUGH = 18
# Lines that have no words of their own: where these come from, and how they stand in operations.md.
PASSED_ON = {
    "Shared/HTTP/HTTPClient.swift": ("Shared/HTTP", "TLS: "), "Shared/KubernetesClient/KubernetesClient.swift": ("Shared", "credential plugin "),
    "Shared/KubernetesClient/Reflector.swift": ("Shared/KubernetesClient", "cannot be read and is left as it was"),
    "kube-watcher/ClusterIdentity.swift": ("kube-watcher", "the cluster's identity is not known: "),
    "Shared/Wire/RepeatedLine.swift": ("Shared/Wire", "may not connect"),
    "Shared/Wire/Subscription.swift": ("Shared/Wire", "trying again until it works"),
    "Shared/Wire/Publisher.swift": ("Shared/Wire", "silent for "),
    "binder/Binder.swift": ("binder", "is refused: "), "pbs-broker/Act/Outbox.swift": ("pbs-broker", "which is not a node of this cluster"),
    "pbs-broker/Doctor/HostWatch.swift": ("pbs-broker/Doctor", ": pbs-broker doctor says what to change"),
    "pbs-broker/Broker+Users.swift": ("pbs-broker", "cannot serve namespaces, whose pods are refused"),
    "pbs-broker/PBSBroker.swift": ("pbs-broker", "cannot serve namespaces, whose pods are refused"),
    "pbs-broker/Nodes/NodeSync.swift": ("pbs-broker/Nodes", "since the vnodes of its host differ in "),
    "pbs-broker/Nodes/ResourceSync.swift": ("pbs-broker/Nodes", "resources of hosts cannot be set in PBS"),
    "pbs-broker/Nodes/RepeatedNotice.swift": ("pbs-broker/Nodes", ": mark-node: "),
    "pbs-broker/Observe/HostPoller.swift": ("pbs-broker/World", ": there is no node "),
    "pbs-broker/PBS/Complaints.swift": ("pbs-broker/PBS", "no job of this PBS server, and left alone"),
    "pbs-broker/World/World+Fates.swift": ("pbs-broker/Decide", " ended soon after the binding: its owner's next pods wait"),
}


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def told() -> list[str]:
    """What operations.md quotes: between backquotes, and in blocks."""
    text = text_of("docs/operations.md").replace("\\|", "|")
    blocks = re.findall(r"(?:^ {4}.*\n)+", text, re.MULTILINE)
    return [plain(code) for code in re.findall(r"`([^`]+)`", text)] + [plain(block) for block in blocks]


def has_words(line: LogLine) -> bool:
    """Whether anything but punctuation and the name of what it is about is always the same."""
    return bool(set(re.findall(r"\w+", " ".join(line.parts))) - {"pod", "pbs", "broker", "s", "label"})


def is_told(line: LogLine, quoted: list[str]) -> bool:
    """All that is always the same, in order, or enough of it in one piece."""
    parts = [plain(part) for part in line.parts]
    whole = re.compile(".*?".join(map(re.escape, parts)))
    pieces = [part[start:start + ENOUGH] for part in parts for start in range(len(part) - ENOUGH + 1)]
    return any(whole.search(text) or any(piece in text for piece in pieces) for text in quoted)


def test_each_warning_and_error_is_in_operations() -> None:
    quoted, lines = told(), warnings_and_errors()
    assert len(lines) > 100
    missing = [f"{line.place}: {' ... '.join(line.parts)}" for line in lines if has_words(line) and not is_told(line, quoted)]
    assert missing == [], "a row of docs/operations.md for each, with cause and cure"


def test_lines_without_words_pass_on_what_is_told() -> None:
    quoted = told()
    assert {line.file for line in warnings_and_errors() if not has_words(line)} == set(PASSED_ON)
    for file, (folder, words) in PASSED_ON.items():
        assert words in swift_sources.text_of(folder), f"{file}: {folder} does not say {words!r}"
        assert any(words.strip() in text for text in quoted), f"{file}: {words!r}"


@pytest.mark.parametrize("message, parts", [
    ("plain", ("plain",)), (r'pod \(name): \(f("a", (b))) ends', ("pod", ":", "ends")), (r"\(line)", ()), (r'say \"x\" to \(a)', ('say "x" to',)),
])
def test_values_are_left_out(message: str, parts: tuple[str, ...]) -> None:
    assert fixed_parts(message) == parts


def test_literals_are_read_to_their_end() -> None:
    assert literal(r'("a \(b("c")) d", e)', 1) == r'a \(b("c")) d'
    assert literal('"""\n   one \\\n   two\n   """, x', 0) == "one two"
    assert literal("words", 0) is None

