"""A strict reader of DAX, as far as the measures use it: what it does not know is an error.

Measures here need no variables, iterators or time intelligence, and DirectQuery is fastest without.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>\d+(?:\.\d+)?)
    | (?P<text>"(?:[^"]|"")*")
    | '(?P<table>[^']+)'
    | \[(?P<bracket>[^\[\]]+)\]
    | (?P<word>[A-Z]+)
    | (?P<sign><=|>=|<>|&&|\|\||[-+*/=<>(){},])
    )""",
    re.VERBOSE,
)
# How many arguments each function takes.
FUNCTIONS = {
    "CALCULATE": (2, 9),
    "COALESCE": (2, 2),
    "COUNTROWS": (1, 1),
    "DISTINCTCOUNT": (1, 1),
    "DIVIDE": (2, 2),
    "FALSE": (0, 0),
    "IF": (2, 3),
    "ISBLANK": (1, 1),
    "MAX": (1, 1),
    "SELECTEDVALUE": (1, 1),
    "SUM": (1, 1),
    "SWITCH": (3, 19),
    "TRUE": (0, 0),
}
OF_A_COLUMN = {"DISTINCTCOUNT", "ISBLANK", "MAX", "SELECTEDVALUE", "SUM"}
# Weakest first.
SIGNS = (("||",), ("&&",), ("=", "<>", "<", "<=", ">", ">="), ("+", "-"), ("*", "/"))
COMPARISON = 2


class DaxError(ValueError):
    """An expression is not the DAX that we know."""


@dataclass(frozen=True)
class Number:
    text: str


@dataclass(frozen=True)
class Text:
    value: str


@dataclass(frozen=True)
class Column:
    table: str
    name: str


@dataclass(frozen=True)
class MeasureRef:
    name: str


@dataclass(frozen=True)
class Table:
    name: str


@dataclass(frozen=True)
class Call:
    name: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True)
class Binary:
    sign: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class Not:
    expression: "Expression"


@dataclass(frozen=True)
class In:
    column: Column
    values: tuple[Text, ...]


Expression = Number | Text | Column | MeasureRef | Table | Call | Binary | Not | In


def parse(text: str) -> Expression:
    """The tree of an expression. Raises DaxError."""
    tokens = _Tokens(text)
    expression = _binary(tokens, 0)
    tokens.end()
    return expression


def walk(expression: Expression) -> Iterator[Expression]:
    """An expression and all within it."""
    yield expression
    inner: tuple[Expression, ...] = ()
    match expression:
        case Call(_, arguments):
            inner = arguments
        case Binary(_, left, right):
            inner = (left, right)
        case Not(of):
            inner = (of,)
        case In(column, values):
            inner = (column, *values)
    for part in inner:
        yield from walk(part)


class _Tokens:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while text[position:].strip():
            found = TOKEN.match(text, position)
            if not found:
                raise self.wrong(f"cannot be read from {text[position : position + 20]!r} on")
            self._tokens.append((str(found.lastgroup), str(found[str(found.lastgroup)])))
            position = found.end()
        self._next = 0

    def wrong(self, why: str) -> DaxError:
        return DaxError(f"{why} in: {self._text}")

    def peek(self) -> tuple[str, str]:
        return self._tokens[self._next] if self._next < len(self._tokens) else ("end", "")

    def take(self) -> tuple[str, str]:
        token = self.peek()
        self._next += 1
        return token

    def has(self, token: str) -> bool:
        if self.peek()[1] != token or self.peek()[0] not in ("sign", "word"):
            return False
        self._next += 1
        return True

    def expect(self, token: str) -> None:
        if not self.has(token):
            raise self.wrong(f"expected {token!r}, not {self.peek()[1]!r},")

    def end(self) -> None:
        if self.peek()[0] != "end":
            raise self.wrong(f"too much from {self.peek()[1]!r} on")


def _binary(tokens: _Tokens, strength: int) -> Expression:
    if strength == len(SIGNS):
        return _atom(tokens)
    if strength == COMPARISON and tokens.has("NOT"):
        return Not(_binary(tokens, strength))
    left = _binary(tokens, strength + 1)
    while True:
        sign = next((sign for sign in SIGNS[strength] if tokens.has(sign)), None)
        if sign:
            left = Binary(sign, left, _binary(tokens, strength + 1))
        elif strength == COMPARISON and isinstance(left, Column) and tokens.has("IN"):
            left = In(left, _texts(tokens))
        else:
            return left


def _texts(tokens: _Tokens) -> tuple[Text, ...]:
    tokens.expect("{")
    found = []
    while True:
        kind, text = tokens.take()
        if kind != "text":
            raise tokens.wrong(f"expected a text, not {text!r},")
        found.append(Text(text[1:-1]))
        if tokens.has("}"):
            return tuple(found)
        tokens.expect(",")


def _atom(tokens: _Tokens) -> Expression:
    kind, text = tokens.take()
    if kind == "number":
        return Number(text)
    if kind == "text":
        return Text(text[1:-1].replace('""', '"'))
    if kind == "bracket":
        return MeasureRef(text)
    if kind == "table":
        if tokens.peek()[0] == "bracket":
            return Column(text, tokens.take()[1])
        return Table(text)
    if kind == "sign" and text == "(":
        inner = _binary(tokens, 0)
        tokens.expect(")")
        return inner
    if kind == "word":
        return _call(tokens, text)
    raise tokens.wrong(f"{text!r} is no value")


def _call(tokens: _Tokens, name: str) -> Call:
    if name not in FUNCTIONS:
        raise tokens.wrong(f"{name} is no function that the measures need")
    tokens.expect("(")
    arguments: list[Expression] = []
    while not tokens.has(")"):
        if arguments:
            tokens.expect(",")
        arguments.append(_binary(tokens, 0))
    least, most = FUNCTIONS[name]
    if not least <= len(arguments) <= most:
        raise tokens.wrong(f"{name} takes {least} to {most} arguments")
    if name in OF_A_COLUMN and not isinstance(arguments[0], Column):
        raise tokens.wrong(f"{name} is of a column")
    if name == "COUNTROWS" and not isinstance(arguments[0], Table):
        raise tokens.wrong("COUNTROWS is of a table")
    return Call(name, tuple(arguments))
