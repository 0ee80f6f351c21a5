"""Whoever has a program that ends at its start finds its last line in operations.md, with cause and cure."""

from __future__ import annotations

import re

import pytest

from docs.markdown import text_of
from docs.startup_sources import startup_errors, words_of
from docs.test_messages import has_words, plain

SECTION = "## A process that does not start\n"
# Files of which some line has no words of its own, and how what it passes on stands in the section.
PASSED_ON = {
    "Shared/KubernetesClient/Kubeconfig.swift": "did not find expected node content",
    "Shared/Monitoring/MonitoringAddress.swift": "Name or service not known",
    "Shared/Startup/ReadFile.swift": "No such file or directory",
    "Shared/Startup/Settings.swift": "run or prerun",
    "Shared/Startup/YAMLValue.swift": "did not find expected node content",
    "Shared/Wire/UnixSocket.swift": "Permission denied",
    "Shared/Wire/Snapshot.swift": "cannot connect to",
    "pbs-broker/BrokerSettings+Users.swift": "jobs of pods are never root's",
    "pbs-broker/Explain/ExplainCommand.swift": "no pod in it",
    "pbs-broker/Explain/Manifest.swift": "cannot be read: ",
    "pbs-broker/Translation/OptionValue.swift": "is not a queue's name",
    "pbs-broker/PolicySettings.swift": "is not a queue's name",
}
# Said on a socket, not at a start.
ELSEWHERE = ("Shared/Messages/",)


def section() -> str:
    text = text_of("docs/operations.md")
    assert SECTION in text
    return text.split(SECTION)[1].split("\n## ")[0]


def rows() -> list[list[str]]:
    """The cells of the section's tables."""
    lines = [line for line in section().splitlines() if line.startswith("| ") and not line.startswith("| line ")]
    return [[cell.strip() for cell in line.strip("|").replace("\\|", "\0").split("|")] for line in lines]


def quoted() -> list[str]:
    return [plain(code) for row in rows() for code in re.findall(r"`([^`]+)`", row[0])]


def is_told(parts: tuple[str, ...], texts: list[str]) -> bool:
    """All that is always the same stands in one quotation, in order."""
    whole = re.compile(".*?".join(re.escape(plain(part).strip(" :.,")) for part in parts))
    return any(whole.search(text) for text in texts)


def test_each_error_at_the_start_is_in_operations() -> None:
    texts = quoted()
    errors = [error for error in startup_errors() if not error.file.startswith(ELSEWHERE)]
    assert len(errors) > 100
    missing = [f"{error.place}: {' ... '.join(error.parts)}" for error in errors
               if has_words(error) and not is_told(error.parts, texts)]
    assert missing == [], "a row of docs/operations.md, \"A process that does not start\", with cause and cure"


def test_errors_without_words_pass_on_what_is_told() -> None:
    files = {error.file for error in startup_errors() if not has_words(error) and not error.file.startswith(ELSEWHERE)}
    assert files == set(PASSED_ON)
    for file, words in PASSED_ON.items():
        assert any(words.strip() in text for text in quoted()), f"{file}: {words!r}"


def test_each_row_has_a_cause_and_a_cure() -> None:
    assert [row for row in rows() if len(row) != 3 or not all(row)] == []


@pytest.mark.parametrize("call, body, words", [
    ("StartupError", r'"\(path): is empty", line: line(of: "key")', [r"\(path): is empty"]),
    ("StartupError", 'old ? "a, b" : "c"', ["a, b", "c"]), ("StartupError", r'"one " + "two"', ["one two"]),
    ("wrong", '"key", "a text"', ["must be a text"]), ("OptionError", 'text, isNot: "a time"', ["is not a time"]),
    ("problem", "place, error.words", [""]),
])
def test_words_are_read_from_a_call(call: str, body: str, words: list[str]) -> None:
    assert words_of(call, body) == words
