"""How the commands print: JSON as cJSON writes it, and text with PBS's line breaks.

Source: OpenPBS src/lib/Libjson/cJSON/pbs_cjson.c, cJSON's cJSON_Print(),
and prt_attr() in src/cmds/qstat.c.
"""

from __future__ import annotations

import json
import math
import re
from json.encoder import encode_basestring
from typing import TypeAlias, cast

# An object is a list of pairs, because cJSON keeps the order and allows a name twice.
JSONObject: TypeAlias = "list[tuple[str, JSONValue]]"
JSONValue: TypeAlias = "JSONObject | list[Text] | str"


class Text(str):
    """JSON text that is already complete."""


_NUMBER = re.compile(r"-?[0-9.][-+0-9.eE]*")
_LINE_LIMIT = 78


def parsed(value: str) -> JSONValue:
    """A value as pbs_json_insert_parsed() writes it: as JSON where it reads as JSON, else as a string.

    So a pod that is called "123" or "true" shows up as a number or a boolean.
    """
    first = value.lstrip()[:1]
    if first.isdigit() or first == "-":
        if _NUMBER.fullmatch(value.strip()):
            try:
                return Text(_number(float(value)))
            except ValueError:
                return string(value)
    elif first and first in 'tfn{["':
        try:
            return _converted(json.loads(value))
        except ValueError:
            return string(value)
    return string(value)


def _converted(value: object) -> JSONValue:
    if isinstance(value, dict):
        return [(name, _converted(item)) for name, item in value.items()]
    return Text(json.dumps(value, ensure_ascii=False))


def _number(number: float) -> str:
    """print_number() of cJSON."""
    if not math.isfinite(number):
        return "null"
    if abs(number) < 1 << 31 and number == int(number):
        return str(int(number))
    short = f"{number:.15g}"
    return short if float(short) == number else f"{number:.17g}"


def string(value: str) -> Text:
    """A JSON string."""
    return Text(encode_basestring(value))


def print_json(value: JSONObject, depth: int = 1) -> str:
    """An object as cJSON_Print() writes it: tabs, and a tab after each colon."""
    if not value:
        return "{\n" + "\t" * (depth - 1) + "}"
    indent = "\t" * depth
    lines: list[str] = []
    for name, item in value:
        if isinstance(item, str):
            text = item
        elif item and isinstance(item[0], str):
            text = "[" + ", ".join(item) + "]"
        else:
            text = print_json(cast("JSONObject", item), depth + 1)
        lines.append(f"{indent}{encode_basestring(name)}:\t{text}")
    return "{\n" + ",\n".join(lines) + "\n" + "\t" * (depth - 1) + "}"


def delimited(value: str, delimiter: str) -> str:
    """A value in qstat -F dsv: its delimiters and lone backslashes escaped (escape_delimiter())."""
    out: list[str] = []
    for index, character in enumerate(value):
        if character == delimiter or (character == "\\" and value[index + 1:index + 2] not in tuple("'\",")):
            out.append("\\")
        out.append(character)
    return "".join(out).replace("\n", "\\n").replace("\f", "\\f")


_CONTROL = re.compile(r"[\x01-\x08\x0b-\x1f]")


def printable(value: str) -> str:
    """Control characters as ^X, save tab and line feed (show_nonprint_chars())."""
    return _CONTROL.sub(lambda match: "^" + chr(ord(match[0]) + 64), value)


def attribute_lines(name: str, resource: str | None, value: str, one_line: bool) -> str:
    """One attribute as qstat -f prints it, broken at commas and at the line's end (prt_attr())."""
    label = f"{name}.{resource}" if resource else name
    if one_line:
        value = value.replace("\n", "\\n").replace("\f", "\\f")
        return f"    {label} = {value if resource else printable(value)}"
    value = printable(value)
    out = [f"    {label} = "]
    column = len(label) + 7
    # strtok() drops empty items, and with them the commas.
    items = [item for item in value.split(",") if item]
    for index, item in enumerate(items):
        if len(item) + column < _LINE_LIMIT:
            out.append(item)
            column += len(item)
        else:
            if index:
                out.append("\n\t")
                column = 9
            for character in item:
                out.append(character)
                column += 1
                if column > _LINE_LIMIT:
                    column = 8
                    out.append("\n\t")
        if index < len(items) - 1:
            out.append(",")
    return "".join(out)
