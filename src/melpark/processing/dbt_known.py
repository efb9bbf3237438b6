"""What Python knows and dbt needs: `python -m melpark.processing.dbt_known > dbt_gold/macros/known.sql`."""

import sys
from collections.abc import Iterable

from melpark.parking.local_time import public_holidays
from melpark.parking.plates import read_code

# The City's historical files begin with the first; the law of holidays is not known beyond the last.
YEARS = range(2011, 2036)
# Every code that the City's plates are known to hold.
CODES = (
    *("1P", "2P", "3P", "4P", "5P"),
    *("MP1P", "MP2P", "MP3P", "MP4P"),
    *("FP1P", "FP2P", "FP15"),
    *("LZ15", "LZ30"),
    *("DP2P", "HP", "QP", "SP", "PP"),
)
HEAD = "{# Made by `python -m melpark.processing.dbt_known`; a test compares. #}\n"


def text() -> str:
    """The whole file: a macro for each table of values."""
    holidays = [(f"date'{day}'", _quoted(name)) for year in YEARS for day, name in public_holidays(year)]
    codes = [
        (_quoted(code), _quoted(rule.kind), str(rule.limit_minutes or "null"), str(rule.is_metered).lower())
        for code in CODES
        for rule in (read_code(code),)
    ]
    return (
        HEAD
        + _macro("public_holidays", ("local_date", "name"), holidays)
        + _macro("sign_codes", ("code", "kind", "limit_minutes", "is_metered"), codes)
    )


def _macro(name: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    values = ",\n".join(f"    ({', '.join(row)})" for row in rows)
    return (
        f"\n{{% macro {name}() -%}}\n(values\n{values}\nas {name}({', '.join(columns)}))\n{{%- endmacro %}}\n"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "\\'") + "'"


if __name__ == "__main__":
    sys.stdout.write(text())
