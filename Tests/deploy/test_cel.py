"""The reader of CEL says what CEL's specification says, and nothing where it does not know."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.cel import CELError, Lazy, compile_expression

SCOPE: dict[str, Any] = {"pod": {"labels": {"a": "b"}, "list": [1, 2], "none": None}, "empty": {}}


@pytest.mark.parametrize("text, value", [
    ("true || false && false", True), ("!true || true", True), ("!(true || true)", False),
    ("1 == 1 && 'a' != \"b\"", True), ("1 < 2 && 2 <= 2 && 3 > 2 && !(1 >= 2)", True), ("1 == '1'", False),
    ("'a' in pod.labels && !('b' in pod.labels) && 2 in [1, 2]", True), ("pod.labels['a'] + 'c'", "bc"),
    ("has(pod.labels) && !has(pod.other)", True), ("pod.none == null && pod != null", True),
    ("pod.list.all(n, n > 0) && pod.list.exists(n, n == 2)", True), ("pod.list.filter(n, n != 1)", [2]),
    ("pod.labels.all(k, k == 'a')", True), ("empty.all(k, false)", True), ("[].exists(k, true)", False),
    ("size(pod.list) + size('abc') + size({})", 5), ("dyn(pod).labels == {} ? 1 : [1] == [1] ? 2 : 3", 2),
    ("'abc'.startsWith('ab')", True), ("[1, 2].all(a, [3].all(b, a < b))", True),
    # An error of one side is absorbed where the other side decides.
    ("pod.other == 1 || true", True), ("pod.other == 1 && false", False), ("[0, 1].exists(n, n == 1 || pod.other)", True),
])
def test_an_expression_has_its_value(text: str, value: Any) -> None:
    result = compile_expression(text)(SCOPE)
    assert (type(result), result) == (type(value), value)


@pytest.mark.parametrize("text", [
    "pod.other", "pod['other']", "has(pod.other.more)", "missing", "pod.other == 1 || false", "pod && true", "!1",
    "1 < 'a'", "1 + 'a'", "pod.list.all(n, n)", "'a'.all(n, true)", "1 in 1", "1.startsWith('a')", "[0].all(n, pod.other)"])
def test_what_has_no_value_is_an_error(text: str) -> None:
    evaluation = compile_expression(text)
    with pytest.raises(CELError):
        evaluation(SCOPE)


@pytest.mark.parametrize("text", [
    "", "1 +", "(1", "[1", "1 2", "a.matches('b')", "a.map(b, b)", "has(a)", "int(1)", "'a\\n'", "1 - 1", "a.?b", "{'a': 1}",
    "a.all(1, true)", "a ? b", "1.5 == 2 ?"])
def test_what_is_not_read_here_is_an_error(text: str) -> None:
    with pytest.raises(CELError):
        compile_expression(text)


def test_a_variable_is_computed_once_and_only_when_asked_for() -> None:
    asked: list[str] = []

    def value(name: str) -> Any:
        asked.append(name)
        return name

    scope = {"variables": Lazy({"a": lambda: value("a"), "b": lambda: value("b")})}
    assert compile_expression("variables.a == 'a' && variables.a != 'b' || variables.b == 'b'")(scope) is True
    assert asked == ["a"]
