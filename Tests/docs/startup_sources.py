"""The words of all lines with which a program can end at its start: read from the Swift sources."""

from __future__ import annotations

import re
from typing import Iterator

from docs.log_sources import LogLine, fixed_parts, literal
from docs.swift_sources import SOURCES, balanced

# Whoever makes one of these says what can never work. Of those that say it of a key, the last argument has the words.
CALL = re.compile(r"\b(StartupError|YAMLError|SocketError|ManifestError|OptionError|ValidationError"
                  r"|(?:settings\.)?wrong|(?:settings\.)?problem)\(")
# What comes before the words: of a key by Settings, and of a value by OptionError.
BEFORE = {"wrong": "must be ", "isNot": "is not "}
# They say where, or how bad it is, not what.
SILENT = ("line", "isTransient")
CLOSING = {"(": ")", "[": "]", "{": "}"}


def literals(text: str) -> Iterator[tuple[int, int, str]]:
    """Where each literal that is in no bracket begins and ends, and its contents."""
    position = 0
    while position < len(text):
        character = text[position]
        if character == '"':
            words = literal(text, position)
            assert words is not None
            multiline = text.startswith('"""', position)
            end = text.index('"""', position + 3) + 3 if multiline else position + len(words) + 2
            yield position, end, words
            position = end
        elif character in CLOSING:
            position += len(balanced(text, position, character, CLOSING[character])) + 2
        else:
            position += 1


def arguments(body: str) -> list[str]:
    """What stands between the commas of a call."""
    masked = list(body)
    for start, end, _ in literals(body):
        masked[start:end] = "_" * (end - start)
    text, found, depth, start = "".join(masked), [], 0, 0
    for position, character in enumerate(text):
        depth += (character in CLOSING) - (character in CLOSING.values())
        if character == "," and depth == 0:
            found.append(body[start:position])
            start = position + 1
    return [*found, body[start:]]


def alternatives(argument: str) -> list[str]:
    """The literals in an argument: joined where a plus joins them, else each by itself."""
    found: list[str] = []
    end = 0
    for start, next_end, words in literals(argument):
        if found and argument[end:start].strip().endswith("+"):
            found[-1] += words
        else:
            found.append(words)
        end = next_end
    return found


def words_of(call: str, body: str) -> list[str]:
    """What a call says, alternatives one by one; one empty text where that is another's words."""
    found, before = [""], BEFORE.get(call, "")
    for argument in arguments(body):
        label = re.match(r"\s*(?:(\w+):\s)?", argument)
        name = label.group(1) if label else None
        if name not in SILENT:
            found = [BEFORE.get(name or "", before) + words for words in alternatives(argument)] or found
    return found


def startup_errors() -> list[LogLine]:
    """All such lines."""
    found = []
    for path in sorted(SOURCES.rglob("*.swift")):
        text = path.read_text(encoding="utf-8")
        for match in CALL.finditer(text):
            if re.search(r"(?:func|struct)\s+$", text[:match.start()]):
                continue
            number = text.count("\n", 0, match.start()) + 1
            for words in words_of(match.group(1).split(".")[-1], balanced(text, match.end() - 1)):
                found.append(LogLine(str(path.relative_to(SOURCES)), number, fixed_parts(words)))
    return found
