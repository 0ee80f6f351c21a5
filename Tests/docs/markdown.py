"""Reads the documentation: sections and tables of Markdown files."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def text_of(name: str) -> str:
    """A document's text, by its path in the repository."""
    return (REPOSITORY / name).read_text(encoding="utf-8")


def section(name: str, heading: str) -> str:
    """What stands below a heading ("### bind"), up to the next one of its level or a higher one."""
    lines = text_of(name).splitlines()
    assert heading in lines, f"{name} has no heading {heading!r}"
    start = lines.index(heading) + 1
    level = len(heading) - len(heading.lstrip("#"))
    end = next((number for number, line in enumerate(lines[start:], start)
                if re.match(rf"#{{1,{level}}} ", line)), len(lines))
    return "\n".join(lines[start:end])


def rows(text: str) -> list[list[str]]:
    """The cells of all table rows, header lines and rules left out."""
    lines = text.splitlines()
    found = []
    for number, line in enumerate(lines):
        if not line.startswith("|") or re.fullmatch(r"[|\- ]+", line):
            continue
        if number + 1 < len(lines) and re.fullmatch(r"\|[|\- ]+", lines[number + 1]):
            continue
        found.append([cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return found


def codes(cell: str) -> list[str]:
    """What stands between backquotes."""
    return re.findall(r"`([^`]+)`", cell)


def links(name: str) -> list[str]:
    """The targets of all links that do not lead out of the repository."""
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", text_of(name)) if "://" not in target]


def anchors(name: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text_of(name), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
