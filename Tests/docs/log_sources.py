"""The words of all lines that the Swift sources log as warnings and errors: read from their text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from docs.swift_sources import SOURCES, balanced

CALL = re.compile(r"(?:log\??\.(?:warning|error|critical|log)|complaints\??\.(?:say|warn)|(?<!func )\bcomplain)\(")


@dataclass(frozen=True)
class LogLine:
    """One call: the parts of its message that are always the same."""

    file: str
    number: int
    parts: tuple[str, ...]

    @property
    def place(self) -> str:
        return f"{self.file}:{self.number}"


def literal(text: str, start: int) -> str | None:
    """The contents of the string literal that begins there, however many lines it has; None for something else."""
    if text.startswith('"""', start):
        end = text.index('"""', start + 3)
        lines = [line.strip() for line in text[start + 3:end].strip("\n").splitlines()]
        joined = ""
        for line in lines:
            joined += line[:-1] if line.endswith("\\") else line + "\n"
        return joined.strip()
    if not text.startswith('"', start):
        return None
    position = start + 1
    while text[position] != '"':
        if text.startswith("\\(", position):
            position += 2 + len(balanced(text, position + 1))
        position += 2 if text[position] == "\\" else 1
    return text[start + 1:position]


def fixed_parts(message: str) -> tuple[str, ...]:
    """What stands between the values."""
    parts, rest = [], message
    while "\\(" in rest:
        start = rest.index("\\(")
        parts.append(rest[:start])
        rest = rest[start + 3 + len(balanced(rest, start + 1)):]
    return tuple(part.replace('\\"', '"').strip() for part in [*parts, rest] if part.strip())


def calls(pattern: "re.Pattern[str]", folder: str = "") -> list[LogLine]:
    """All calls that the pattern finds the opening bracket of, by the first literal in them."""
    found = []
    for path in sorted((SOURCES / folder).rglob("*.swift")):
        text = path.read_text(encoding="utf-8")
        for match in pattern.finditer(text):
            body = balanced(text, match.end() - 1)
            opening = body.find('"')
            message = None if opening < 0 else literal(body, opening)
            number = text.count("\n", 0, match.start()) + 1
            found.append(LogLine(str(path.relative_to(SOURCES)), number, fixed_parts(message or "")))
    return found


def warnings_and_errors() -> list[LogLine]:
    return calls(CALL)
