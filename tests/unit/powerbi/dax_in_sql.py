"""Measures in SQL, so that their figures can be compared with their twins'. It is our reading of DAX, not Power BI's.

What matters of DAX: an aggregate of no rows is blank; blank counts as nought in sums and comparisons, and makes a
product or a quotient blank; a filter of CALCULATE replaces another one of the same column. The last is not
translated but refused, where it would make a difference.
"""

from dataclasses import dataclass

from unit.powerbi import dax
from unit.powerbi.semantic_model import Model


class NotTranslatedError(ValueError):
    """A measure whose SQL would not be what it says."""


@dataclass(frozen=True)
class Context:
    """The filters that CALCULATE has laid around an expression, and the columns that nothing may filter again."""

    filters: tuple[str, ...] = ()
    columns: frozenset[dax.Column] = frozenset()

    @property
    def where(self) -> str:
        return f" FILTER (WHERE {' AND '.join(self.filters)})" if self.filters else ""


def home(model: Model, measure: str) -> str:
    """The one table that a measure reads, by way of others too. Raises NotTranslatedError when there are several."""
    tables = {column.table for column in columns(model, measure)}
    if len(tables) != 1:
        raise NotTranslatedError(f"{measure} reads {sorted(tables)}")
    return tables.pop()


def columns(model: Model, measure: str) -> set[dax.Column]:
    """Every column that a measure names, by way of others too; a table that it counts stands as its column *."""
    found: set[dax.Column] = set()
    for part in dax.walk(dax.parse(model.measures[measure].node.expression)):
        if isinstance(part, dax.MeasureRef):
            found |= columns(model, part.name)
        elif isinstance(part, dax.Column):
            found.add(part)
        elif isinstance(part, dax.Table):
            found.add(dax.Column(part.name, "*"))
    return found


def query(model: Model, measure: str, key: list[str]) -> str:
    """A query for a measure by the columns of a key, which its table has or a table that filters it."""
    start = home(model, measure)
    joins, places = [], []
    for column in key:
        place, join = _find(model, start, column)
        places.append(dax.Column(place, column))
        joins += [join] if join and join not in joins else []
    value = _sql(model, dax.MeasureRef(measure), Context(columns=frozenset(places)))
    keys = [_name(place) for place in places]
    return (
        f"SELECT {', '.join([*keys, value])} FROM gold.{start} {' '.join(joins)} GROUP BY {', '.join(keys)}"
    )


def _find(model: Model, start: str, column: str) -> tuple[str, str]:
    # A report filters by dimensions, so their columns come first.
    for relationship in model.active():
        (table, ours), (other, theirs) = relationship.start, relationship.to
        if relationship.is_many_to_many or table != start or column not in model.tables[other].of("column"):
            continue
        return other, f"LEFT JOIN gold.{other} ON {start}.{ours} = {other}.{theirs}"
    if column not in model.tables[start].of("column"):
        raise NotTranslatedError(f"nothing that filters {start} has a column {column}")
    return start, ""


def _name(column: dax.Column) -> str:
    return f"{column.table}.{column.name}"


def _sql(model: Model, expression: dax.Expression, context: Context) -> str:
    match expression:
        case dax.Number(text):
            return text
        case dax.MeasureRef(name):
            return f"({_sql(model, dax.parse(model.measures[name].node.expression), context)})"
        case dax.Binary(sign, left, right):
            return _binary(sign, _sql(model, left, context), _sql(model, right, context))
        case dax.Call("SUM", (dax.Column() as column,)):
            return f"sum({_name(column)}){context.where}"
        case dax.Call("MAX", (dax.Column() as column,)):
            return f"max({_name(column)}){context.where}"
        case dax.Call("DISTINCTCOUNT", (dax.Column() as column,)):
            return f"nullif(count(DISTINCT {_name(column)}){context.where}, 0)"
        case dax.Call("COUNTROWS", (dax.Table(),)):
            return f"nullif(count(*){context.where}, 0)"
        case dax.Call("DIVIDE", (above, below)):
            return f"({_sql(model, above, context)}) / nullif({_sql(model, below, context)}, 0)"
        case dax.Call("COALESCE", (first, second)):
            return f"coalesce({_sql(model, first, context)}, {_sql(model, second, context)})"
        case dax.Call("IF", (condition, then)):
            return f"CASE WHEN {_sql(model, condition, context)} THEN {_sql(model, then, context)} END"
        case dax.Call("CALCULATE", (of, *filters)):
            return _sql(model, of, _narrowed(context, filters))
    raise NotTranslatedError(str(expression))


def _binary(sign: str, left: str, right: str) -> str:
    if sign in "*/":
        return f"(({left}) {sign} ({right}))"
    both = f"(coalesce({left}, 0) {sign} coalesce({right}, 0))"
    if sign in "+-":
        return f"CASE WHEN ({left}) IS NOT NULL OR ({right}) IS NOT NULL THEN {both} END"
    return both


def _narrowed(context: Context, filters: list[dax.Expression]) -> Context:
    named = {part for each in filters for part in dax.walk(each) if isinstance(part, dax.Column)}
    if again := named & context.columns:
        raise NotTranslatedError(f"filtered again: {sorted(_name(column) for column in again)}")
    return Context((*context.filters, *map(_filter, filters)), context.columns | named)


def _filter(expression: dax.Expression) -> str:
    match expression:
        case dax.Not(of):
            return f"NOT ({_filter(of)})"
        case dax.Call("ISBLANK", (dax.Column() as column,)):
            return f"{_name(column)} IS NULL"
        case dax.In(column, values):
            texts = ", ".join(f"'{value.value}'" for value in values)
            return f"coalesce({_name(column)}, '') IN ({texts})"
        case dax.Binary("&&" | "||" as sign, left, right):
            return f"({_filter(left)} {'AND' if sign == '&&' else 'OR'} {_filter(right)})"
        case dax.Binary(sign, dax.Column() as column, dax.Text(value)):
            return f"coalesce({_name(column)}, '') {sign} '{value}'"
        case dax.Binary(sign, dax.Column() as column, dax.Number(number)):
            return f"coalesce({_name(column)}, 0) {sign} {number}"
        case dax.Binary("=", dax.Column() as column, dax.Call("TRUE" | "FALSE" as word, ())):
            return f"coalesce({_name(column)}, false) = {word.lower()}"
    raise NotTranslatedError(str(expression))
