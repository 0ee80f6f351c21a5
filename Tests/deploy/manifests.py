"""Reads the YAML that deploy/ is written in, without a YAML library.

That is: several documents, mappings and sequences in blocks, flow sequences and mappings
of scalars, literal blocks (|-), and comments. Anything else is an error, never a guess. Tests on a real API
server compare what is read here with what the server reads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

KEY = re.compile(r"([A-Za-z][\w./-]*):(?:\s+(.*))?$")
# Characters that begin what is not a plain scalar (YAML 1.2, 5.3), as far as they are not dealt with here.
INDICATORS = "&*!|>%@`?"
# YAML 1.1 readers, Kubernetes's among them, take these for booleans.
BOOLEANS = {"true": True, "false": False}
AMBIGUOUS = {"yes", "no", "on", "off", "y", "n", "null", "~"}


class ManifestError(ValueError):
    """The text uses more of YAML than is read here."""


@dataclass(frozen=True)
class Line:
    """A line that is neither empty nor a comment: its place, its indentation in columns, and the rest."""

    number: int
    indent: int
    text: str


def read_documents(text: str) -> list[Any]:
    """The documents of a file."""
    documents: list[list[Line]] = [[]]
    for number, raw in enumerate(text.splitlines(), 1):
        if raw.rstrip() == "---":
            documents.append([])
        elif raw.strip() and not raw.lstrip().startswith("#"):
            stripped = raw.strip()
            if "\t" in raw or re.search(r"\s#", stripped):
                raise ManifestError(f"line {number}: a tab, or a comment behind a value")
            documents[-1].append(Line(number, len(raw) - len(raw.lstrip()), stripped))
    return [_document(lines) for lines in documents if lines]


def _document(lines: list[Line]) -> Any:
    value, rest = _block(lines, lines[0].indent)
    if rest:
        raise ManifestError(f"line {rest[0].number}: indented otherwise than what it belongs to")
    return value


def _block(lines: list[Line], indent: int) -> tuple[Any, list[Line]]:
    """The mapping or sequence that begins at this indentation, and the lines behind it."""
    return _sequence(lines, indent) if lines[0].text.startswith("- ") else _mapping(lines, indent)


def _mapping(lines: list[Line], indent: int) -> tuple[dict[str, Any], list[Line]]:
    result: dict[str, Any] = {}
    while lines and lines[0].indent == indent and not lines[0].text.startswith("- "):
        line, lines = lines[0], lines[1:]
        match = KEY.match(line.text)
        if match is None or match[1] in result:
            raise ManifestError(f"line {line.number}: no key, or one that stands twice: {line.text}")
        value: Any
        if match[2] == "|-":
            value, lines = _literal(line, lines)
        elif match[2]:
            value = _value(match[2], line)
        elif lines and (lines[0].indent > indent or lines[0].indent == indent and lines[0].text.startswith("- ")):
            value, lines = _block(lines, lines[0].indent)
        else:
            value = None
        result[match[1]] = value
    return result, lines


def _literal(key: Line, lines: list[Line]) -> tuple[str, list[Line]]:
    """The text of a literal block: all lines that are indented further than its key, less the first one's indentation."""
    count = next((index for index, line in enumerate(lines) if line.indent <= key.indent), len(lines))
    text, rest = lines[:count], lines[count:]
    if not text or [line.number for line in text] != [*range(key.number + 1, key.number + 1 + count)]:
        raise ManifestError(f"line {key.number}: a literal block that is empty, or has an empty line or a comment")
    if min(line.indent for line in text) < text[0].indent:
        raise ManifestError(f"line {key.number}: a literal block with a line left of its first one")
    return "\n".join(" " * (line.indent - text[0].indent) + line.text for line in text), rest


def _sequence(lines: list[Line], indent: int) -> tuple[list[Any], list[Line]]:
    result: list[Any] = []
    while lines and lines[0].indent == indent and lines[0].text.startswith("- "):
        line, lines = lines[0], lines[1:]
        text = line.text[2:].lstrip()
        if KEY.match(text):
            inner = indent + len(line.text) - len(text)
            value, lines = _mapping([Line(line.number, inner, text), *lines], inner)
        else:
            value = _value(text, line)
        result.append(value)
    return result, lines


def _value(text: str, line: Line) -> Any:
    if text[0] in "[{":
        value, rest = _flow(text, line)
        if rest:
            raise ManifestError(f"line {line.number}: something behind the value: {rest}")
        return value
    return _scalar(text, line)


def _flow(text: str, line: Line) -> tuple[Any, str]:
    """A flow sequence or mapping at the beginning of the text, and the text behind it."""
    opening, rest = text[0], text[1:].lstrip()
    closing = "]" if opening == "[" else "}"
    items: list[Any] = []
    while not rest.startswith(closing):
        match = re.match(r"""("[^"\\]*"|[^,\[\]{}"']+)\s*(,\s*)?""", rest)
        if match is None or (match[2] is None and not rest[match.end():].startswith(closing)):
            raise ManifestError(f"line {line.number}: {text}")
        items.append(match[1].strip())
        rest = rest[match.end():]
    if opening == "[":
        return [_scalar(item, line) for item in items], rest[1:].strip()
    pairs = [KEY.match(item) for item in items]
    if not all(pair and pair[2] for pair in pairs):
        raise ManifestError(f"line {line.number}: {text}")
    return {pair[1]: _scalar(pair[2], line) for pair in pairs if pair}, rest[1:].strip()


def _scalar(text: str, line: Line) -> Any:
    if re.fullmatch(r'"[^"\\]*"', text):
        return text[1:-1]
    if text in BOOLEANS:
        return BOOLEANS[text]
    if re.fullmatch(r"-?(0|[1-9]\d*)", text):
        return int(text)
    if re.fullmatch(r"-?\d+\.\d+", text):
        return float(text)
    if text[0] in INDICATORS or text[0] in "\"'" or ": " in text or text.lower() in AMBIGUOUS:
        raise ManifestError(f"line {line.number}: not a plain scalar: {text}")
    return text
