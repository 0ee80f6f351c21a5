"""Label and field selectors of list and watch requests.

Field labels are those that the API server registers for each kind
(pkg/apis/core/v1/conversion.go and the strategies' selectable fields).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .errors import bad_request

Object = dict[str, Any]
Predicate = Callable[[Object], bool]

_LABEL_TERM = re.compile(r"([^,()]+(?:\([^)]*\))?)(?:,|$)")
_SET_TERM = re.compile(r"^\s*(\S+)\s+(in|notin)\s*\(([^)]*)\)\s*$")


def value_at(item: Object, path: str) -> str:
    """The value of a dotted path as the selector sees it: text, empty where absent."""
    value: Any = item
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def fields(selector: str, supported: frozenset[str]) -> Predicate | None:
    """The predicate of a fieldSelector such as `spec.schedulerName=pbs,status.phase!=Failed`; None selects all."""
    terms: list[tuple[str, str, bool]] = []
    for term in filter(None, selector.split(",")):
        match = re.match(r"^([^=!]+)(==|!=|=)(.*)$", term)
        if match is None:
            raise bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
        path, operator, value = match[1], match[2], match[3]
        if path not in supported:
            raise bad_request(f"field label not supported: {path}")
        terms.append((path, value, operator != "!="))
    if not terms:
        return None
    return lambda item: all((value_at(item, path) == value) is wanted for path, value, wanted in terms)


def exact_field(selector: str, path: str) -> str | None:
    """The value that a fieldSelector demands of one path, or None: how RBAC learns a name from `metadata.name=x`."""
    for term in selector.split(","):
        name, equals, value = term.partition("=")
        if equals and name == path:
            return value.removeprefix("=")
    return None


def labels(selector: str) -> Predicate | None:
    """The predicate of a labelSelector: equality, sets (`in`, `notin`), `key` and `!key`; None selects all."""
    tests: list[Callable[[dict[str, str]], bool]] = []
    for raw in _LABEL_TERM.findall(selector):
        tests.append(_label_test(raw.strip()))
    if not tests:
        return None
    return lambda item: all(test(item["metadata"].get("labels") or {}) for test in tests)


def _label_test(term: str) -> Callable[[dict[str, str]], bool]:
    in_set = _SET_TERM.match(term)
    if in_set:
        key, wanted = in_set[1], in_set[2] == "in"
        values = frozenset(value.strip() for value in in_set[3].split(","))
        if wanted:
            return lambda found: found.get(key) in values
        return lambda found: found.get(key) not in values
    equality = re.match(r"^([^=!\s]+)\s*(==|!=|=)\s*([^=!\s]*)$", term)
    if equality:
        key, operator, value = equality[1], equality[2], equality[3]
        if operator == "!=":
            return lambda found: found.get(key) != value
        return lambda found: found.get(key) == value
    if re.match(r"^![^=!\s]+$", term):
        return lambda found: term[1:] not in found
    if re.match(r"^[^=!\s]+$", term):
        return lambda found: term in found
    raise bad_request(f"unable to parse requirement: found '{term}', expected: !, identifier, or 'end of string'")


def both(first: Predicate | None, second: Predicate | None) -> Predicate | None:
    """An object must satisfy both; None selects all."""
    if first is None or second is None:
        return first or second
    one, other = first, second
    return lambda item: one(item) and other(item)
