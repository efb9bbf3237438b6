"""PromQL as its own parser reads it: which series an expression asks for, by metric, labels and values."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import promql_parser
from promql_parser import AggregateExpr, BinaryExpr, Call, MatrixSelector, ParenExpr, SubqueryExpr, UnaryExpr


@dataclass(frozen=True)
class Series:
    """One selector: the metric, and its labels with the value where it must be equal to one."""

    metric: str
    labels: dict[str, str | None] = field(default_factory=dict)


@dataclass
class Expression:
    """What an expression selects, and by which labels it groups."""

    text: str
    series: list[Series] = field(default_factory=list)
    groups: set[str] = field(default_factory=set)

    @classmethod
    def parse(cls, text: str) -> "Expression":
        """Raises ValueError when it is no PromQL."""
        made = cls(text)
        for part in _parts(promql_parser.parse(text)):
            if isinstance(part, promql_parser.VectorSelector):
                made.series.append(_series(part))
            elif isinstance(part, AggregateExpr) and part.modifier is not None:
                made.groups |= set(part.modifier.labels)
        return made


def _series(selector: promql_parser.VectorSelector) -> Series:
    assert selector.name, "a selector without the name of a metric"
    labels = {
        one.name: one.value if one.op == promql_parser.MatchOp.Equal else None
        for one in selector.matchers.matchers
    }
    return Series(selector.name, labels)


def _parts(expression: object) -> Iterator[object]:
    yield expression
    inner: list[object] = []
    if isinstance(expression, BinaryExpr):
        inner = [expression.lhs, expression.rhs]
    elif isinstance(expression, Call):
        inner = list(expression.args)
    elif isinstance(expression, MatrixSelector):
        inner = [expression.vector_selector]
    elif isinstance(expression, AggregateExpr | ParenExpr | UnaryExpr | SubqueryExpr):
        inner = [expression.expr]
    for part in inner:
        yield from _parts(part)
