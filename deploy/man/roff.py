"""Manual pages in roff's man macros (man(7)), from plain text and from the Markdown that docs/ is written in.

Of Markdown that is: headings, paragraphs, lists of one level, tables, indented code, and `code`,
**bold** and [links](...) in a line. A link is its text: a page has nothing to click on.
"""

from __future__ import annotations

import re
from typing import Iterator

# What a formatter would print as another character, or take for its own (groff_char(7)).
SPECIAL = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq"}
MARKED, TEXT = re.compile(r"(`|\*\*)(.*)\1"), r"\2"
ITEM = re.compile(r"(-|\d+\.) +(.*)")


def escaped(text: str) -> str:
    """Text as roff takes it literally, in the middle of a line."""
    return "".join(SPECIAL.get(character, character) for character in text)


def line(text: str) -> str:
    """A line of its own: one that begins with a control character would be a request."""
    return f"\\&{text}" if text[:1] in ".'" else text


def inline(text: str) -> str:
    """A paragraph of Markdown as one line of roff."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text.strip())
    parts = re.split(r"(`[^`]*`|\*\*[^*]*\*\*)", text)
    for index in range(1, len(parts), 2):
        parts[index] = rf"\fB{escaped(MARKED.sub(TEXT, parts[index]))}\fR"
    parts[::2] = [escaped(part) for part in parts[::2]]
    return line("".join(parts))


def header(title: str, section: int, version: str, manual: str) -> str:
    # No date, so that the same sources give the same page.
    return f'.TH "{escaped(title.upper())}" "{section}" "" "pbs\\-connector {version}" "{manual}"\n.nh\n.ad l\n'


def heading(text: str, level: int = 1) -> str:
    return f'.{"SH" if level == 1 else "SS"} "{inline(text.upper() if level == 1 else text)}"\n'


def literal(lines: list[str]) -> str:
    """Lines that stay as they are, indented."""
    return "".join([".PP\n.RS 4\n.nf\n", *(line(escaped(text)) + "\n" for text in lines), ".fi\n.RE\n"])


def tagged(tag: str, text: str) -> str:
    return f".TP\n{line(tag)}\n{text}\n"


def paragraphs(markdown: str) -> Iterator[list[str]]:
    """The blocks of a text: lines between empty ones, a heading alone, and each item of a list."""
    block: list[str] = []
    for text in [*markdown.splitlines(), ""]:
        starts = text.startswith("#") or (ITEM.match(text) and not (block and block[0].startswith("    ")))
        if block and (not text.strip() or starts):
            yield block
            block = []
        if text.startswith("#"):
            yield [text]
        elif text.strip():
            block.append(text)


def table(rows: list[str]) -> str:
    """Each row as a tagged paragraph: its first cell, and the others under the names of their columns."""
    cells = [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))] for row in rows]
    names, text = cells[0], ""
    for first, *others in cells[2:]:
        told = [(name, value) for name, value in zip(names[1:], others) if value]
        # The last column is what the row is about, and needs no name.
        small = "; ".join(f"{name}: {inline(value)}" for name, value in told[:-1])
        text += tagged(inline(first), f"({small})\n.br\n{inline(told[-1][1])}" if small else inline(told[-1][1]))
    return text


def from_markdown(markdown: str, top: int) -> str:
    """Markdown as roff; headings of level `top` become sections, those below them subsections."""
    text = ""
    for block in paragraphs(markdown):
        item = ITEM.match(block[0])
        if block[0].startswith("#"):
            marks, _, words = block[0].partition(" ")
            text += heading(words, 1 if len(marks) <= top else 2)
        elif block[0].startswith("    "):
            text += literal([each[4:] for each in block])
        elif block[0].startswith("|"):
            text += table(block)
        elif item:
            mark = "\\(bu" if item[1] == "-" else item[1]
            text += f'.IP "{mark}" 4\n{inline(" ".join([item[2], *(each.strip() for each in block[1:])]))}\n'
        else:
            text += f".PP\n{inline(' '.join(each.strip() for each in block))}\n"
    return text
