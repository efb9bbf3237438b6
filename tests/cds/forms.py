"""The form of one answer: its envelope, and the fields of everything in it (points 2, 4 and 5)."""

from collections.abc import Iterator
from typing import Any
from zoneinfo import available_timezones

from cds import law
from cds.served import KINDS, LISTS

CURRENCIES = {"AUD", "USD", "EUR", "GBP", "NZD"}
TIME_ZONES = available_timezones()


def form_of(path: str, body: Any) -> Iterator[str]:
    """What is wrong with an answer of JSON, by the path that was asked."""
    yield from (line.replace("5:", "2:", 1) for line in law.breaches("envelope", body, path))
    if not isinstance(body, dict):
        return
    if body.get("time_zone") not in TIME_ZONES:
        yield f"2: time_zone of {path} is {body.get('time_zone')!r}"
    if body.get("currency") not in CURRENCIES:
        yield f"2: currency of {path} is {body.get('currency')!r}"
    if not str(body.get("version")).startswith("1.0."):
        yield f"2: version of {path} is {body.get('version')!r}"
    yield from _data(path, body.get("data"))


def _data(path: str, data: Any) -> Iterator[str]:
    key = LISTS.get(path)
    if not isinstance(data, dict):
        yield f"2: data of {path} is no object"
    elif key is None:
        kind = KINDS[path.split("/")[2]][0]
        if any(name in data for name in LISTS.values()):
            yield f"2: data of {path} is no bare object"
        yield from law.breaches(kind, data, path)
    elif list(data) != [key]:
        yield f"2: data of {path} holds {', '.join(data)} instead of {key}"
    else:
        kind, name = KINDS[key]
        for record in data[key]:
            yield from law.breaches(kind, record, f"{kind} {record.get(name)}")
