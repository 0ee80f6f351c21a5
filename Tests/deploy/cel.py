"""Evaluates the part of CEL that deploy/'s policies are written in, without a CEL library.

That is: literals, lists, maps, selection and indexing, `in`, comparison, `+`, logic, the
conditional, the macros has, all, exists and filter, and the functions size, dyn and
startsWith. Anything else is an error, never a guess. As in CEL's specification, && and ||
absorb an error of one side where the other side decides, and a key that is missing is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable

TOKEN = re.compile(r"""\s*(?:(?P<string>"[^"\\\n]*"|'[^'\\\n]*')|(?P<number>\d+)|(?P<name>[A-Za-z_]\w*)"""
                   r"""|(?P<symbol>&&|\|\||==|!=|<=|>=|[<>!+?:.,()\[\]{}]))""")
NAME = re.compile(r"[A-Za-z_]\w*")
CONSTANTS = {"true": True, "false": False, "null": None}
MACROS = ("all", "exists", "filter")

Scope = dict[str, Any]
Evaluation = Callable[[Scope], Any]


class CELError(ValueError):
    """The expression cannot be read, or not be evaluated on these values."""


class Lazy:
    """A map whose values are computed when they are first asked for: the `variables` of a policy."""

    def __init__(self, values: dict[str, Callable[[], Any]]) -> None:
        self._values = values
        self._known: dict[str, Any] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __getitem__(self, key: str) -> Any:
        if key not in self._known:
            self._known[key] = self._values[key]()
        return self._known[key]


def compile_expression(text: str) -> Evaluation:
    """A function from the values of the variables to the value of the expression."""
    parser = Parser(tokens(text), text)
    evaluation = parser.conditional()
    if parser.peek():
        raise parser.error(f"{parser.peek()!r} behind the end")
    return evaluation


def tokens(text: str) -> list[str]:
    result: list[str] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise CELError(f"no CEL that is read here: {text[position:position + 40]!r}")
        result.append(match.group().strip())
        position = match.end()
    return result


@dataclass
class Parser:
    """Recursive descent, one method for each precedence of CEL's grammar."""

    rest: list[str]
    text: str

    def peek(self) -> str:
        return self.rest[0] if self.rest else ""

    def take(self, *symbols: str) -> str:
        """Takes the next token if it is one of these; with none given, any."""
        if self.rest and (not symbols or self.rest[0] in symbols):
            return self.rest.pop(0)
        return ""

    def expect(self, symbol: str) -> None:
        if not self.take(symbol):
            raise self.error(f"{symbol!r} expected before {self.peek()!r}")

    def error(self, words: str) -> CELError:
        return CELError(f"{words} in {self.text!r}")

    def conditional(self) -> Evaluation:
        condition = self.either()
        if not self.take("?"):
            return condition
        yes = self.either()
        self.expect(":")
        no = self.conditional()
        return lambda scope: yes(scope) if boolean(condition(scope)) else no(scope)

    def either(self) -> Evaluation:
        left = self.both()
        while self.take("||"):
            left = absorbing(left, self.both(), True)
        return left

    def both(self) -> Evaluation:
        left = self.relation()
        while self.take("&&"):
            left = absorbing(left, self.relation(), False)
        return left

    def relation(self) -> Evaluation:
        left = self.sum()
        while operator := self.take("==", "!=", "<", "<=", ">", ">=", "in"):
            left = related(operator, left, self.sum())
        return left

    def sum(self) -> Evaluation:
        left = self.unary()
        while self.take("+"):
            left = added(left, self.unary())
        return left

    def unary(self) -> Evaluation:
        if self.take("!"):
            negated = self.unary()
            return lambda scope: not boolean(negated(scope))
        return self.member()

    def member(self) -> Evaluation:
        value = self.primary()
        while operator := self.take(".", "["):
            if operator == "[":
                value = Indexed(value, self.conditional())
                self.expect("]")
                continue
            name = self.name()
            if not self.take("("):
                value = Indexed(value, constant(name))
            elif name in MACROS:
                variable = self.name()
                self.expect(",")
                value = macro(name, value, variable, self.conditional())
                self.expect(")")
            elif name == "startsWith":
                value = starting(value, self.conditional())
                self.expect(")")
            else:
                raise self.error(f"{name}() is not read here")
        return value

    def name(self) -> str:
        if not NAME.fullmatch(self.peek()):
            raise self.error(f"a name expected before {self.peek()!r}")
        return self.take()

    def primary(self) -> Evaluation:
        token = self.take()
        if token == "(":
            inner = self.conditional()
            self.expect(")")
            return inner
        if token == "[":
            items = self.items("]")
            return lambda scope: [item(scope) for item in items]
        if token == "{":
            self.expect("}")
            return lambda scope: {}
        if token[:1] in ('"', "'"):
            return constant(token[1:-1])
        if token.isdigit():
            return constant(int(token))
        if token in CONSTANTS:
            return constant(CONSTANTS[token])
        if not NAME.fullmatch(token):
            raise self.error(f"a value expected before {token!r}")
        return self.call(token) if self.take("(") else variable_named(token)

    def call(self, name: str) -> Evaluation:
        argument = self.conditional()
        self.expect(")")
        if name == "dyn":
            return argument
        if name == "size":
            return lambda scope: len(argument(scope))
        if name == "has":
            if not isinstance(argument, Indexed):
                raise self.error("has() of what is no field")
            return argument.exists
        raise self.error(f"{name}() is not read here")

    def items(self, closing: str) -> list[Evaluation]:
        result: list[Evaluation] = []
        while not self.take(closing):
            if result:
                self.expect(",")
            result.append(self.conditional())
        return result


@dataclass(frozen=True)
class Indexed:
    """container.field or container[key]."""

    container: Evaluation
    key: Evaluation

    def __call__(self, scope: Scope) -> Any:
        container, key = self.container(scope), self.key(scope)
        if not self.exists(scope):
            raise CELError(f"no such key: {key}")
        return container[key]

    def exists(self, scope: Scope) -> bool:
        container = self.container(scope)
        if not isinstance(container, dict | Lazy):
            raise CELError(f"no map: {container!r}")
        return self.key(scope) in container


def constant(value: Any) -> Evaluation:
    return lambda scope: value


def variable_named(name: str) -> Evaluation:
    def value(scope: Scope) -> Any:
        if name not in scope:
            raise CELError(f"undeclared reference to {name}")
        return scope[name]
    return value


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise CELError(f"no truth value: {value!r}")
    return value


def absorbing(left: Evaluation, right: Evaluation, decisive: bool) -> Evaluation:
    """|| (decided by true) and && (by false)."""
    def value(scope: Scope) -> bool:
        try:
            first = boolean(left(scope))
        except CELError:
            if boolean(right(scope)) is decisive:
                return decisive
            raise
        return first if first is decisive else boolean(right(scope))
    return value


def related(operator: str, left: Evaluation, right: Evaluation) -> Evaluation:
    def value(scope: Scope) -> bool:
        first, second = left(scope), right(scope)
        if operator in ("==", "!="):
            return bool(first == second) is (operator == "==")
        if operator == "in":
            if not isinstance(second, list | dict | Lazy):
                raise CELError(f"no list or map: {second!r}")
            return first in second
        if type(first) is not type(second) or not isinstance(first, int | str):
            raise CELError(f"no order between {first!r} and {second!r}")
        return bool({"<": first < second, "<=": first <= second, ">": first > second, ">=": first >= second}[operator])
    return value


def added(left: Evaluation, right: Evaluation) -> Evaluation:
    def value(scope: Scope) -> Any:
        first, second = left(scope), right(scope)
        if type(first) is not type(second) or not isinstance(first, list | str | int):
            raise CELError(f"no sum of {first!r} and {second!r}")
        return first + second
    return value


def starting(text: Evaluation, beginning: Evaluation) -> Evaluation:
    def value(scope: Scope) -> bool:
        whole = text(scope)
        if not isinstance(whole, str):
            raise CELError(f"no text: {whole!r}")
        return whole.startswith(beginning(scope))
    return value


def macro(name: str, container: Evaluation, variable: str, body: Evaluation) -> Evaluation:
    """all, exists and filter: over the items of a list, or the keys of a map."""
    def value(scope: Scope) -> Any:
        items = container(scope)
        if not isinstance(items, list | dict):
            raise CELError(f"no list or map: {items!r}")
        if name == "filter":
            return [item for item in items if boolean(body({**scope, variable: item}))]
        # Like && (all) or || (exists) of the body for each item.
        result: Evaluation = constant(name == "all")
        for item in items:
            result = absorbing(result, partial(lambda item, _: body({**scope, variable: item}), item), name == "exists")
        return result(scope)
    return value
