"""What gold says of a bay's day are the key figures of the domain: time, stays, turnover, how long, how far over."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from integration.gold import oracle
from integration.gold.oracle import Rules, rounded
from integration.lake.conftest import Lake
from melpark.parking.intervals import Interval, intersection, length
from melpark.parking.kpis import average_stay, durations, measure, turnover
from melpark.parking.local_time import DAY, days_between, local_day, midnight
from melpark.parking.occupied import runs
from melpark.parking.overstays import judge
from melpark.parking.stays import Stay, stays

MINUTE, HOUR, NOTHING = timedelta(minutes=1), timedelta(hours=1), timedelta(0)
COLUMNS = (
    "kerbside_id, local_date, bay_minutes, online_minutes, occupied_minutes, stays, turnover_per_hour, "
    "average_stay_minutes, median_stay_minutes, overstays, minutes_over"
)
# All bays that were made up and every so many of the City's.
ONE_IN = 20


def _bays(lake: Lake) -> list[str]:
    made_up = [name for name in lake.history.bays if not name.isdigit()]
    return made_up + sorted(lake.history.bays.keys() - set(made_up))[::ONE_IN]


def _heard_days(lake: Lake) -> set[date]:
    """The local days on some of which the feed was heard."""
    assert lake.history.began_at
    silences = [(local_day(one.start_at), local_day(one.end_at)) for one in lake.history.silences]
    days = days_between(lake.history.began_at, lake.history.feed_updated_at)
    return {day for day in days if not any(first < day < last for first, last in silences)}


def _holds(window: Interval, at: datetime) -> bool:
    return window.start_at <= at < window.end_at


def _minutes_over(window: Interval, found: Sequence[Stay], rules: Rules) -> list[float]:
    """Of the overstays that ended in a window."""
    ended = [stay for stay in found if stay.departure_max_at and _holds(window, stay.departure_max_at)]
    judged = [judge(stay, *rules) for stay in ended if not stay.is_suspect]
    return [one.overstay_min_minutes or 0.0 for one in judged if one.is_overstay]


def _days_of(
    lake: Lake, name: str, there: list[Interval], online: list[Interval], rules: Rules
) -> Iterator[Any]:
    """What the domain says of the days on which a bay was there, or a stay of it began or ended."""
    bay, began_at = lake.history.bays[name], lake.history.began_at
    assert began_at
    time, spans = oracle.time(lake, bay, online), runs(bay.events)
    found = stays(bay.events, lake.history.present(name))
    turns = [run.start_at for run in spans] + [
        stay.departure_max_at for stay in found if stay.departure_max_at
    ]
    days = {local_day(at) for at in turns if at >= began_at}
    days.update(local_day(one.start_at) for one in there)
    for day in days:
        window = Interval(max(midnight(day), began_at), midnight(day + DAY))
        of, bay_time = measure(time, spans, found, window), length(intersection(there, [window]))
        begun = [stay for run, stay in zip(spans, found, strict=True) if _holds(window, run.start_at)]
        average, over = average_stay(of), _minutes_over(window, found, rules)
        yield rounded(
            (
                name,
                day,
                *(one / MINUTE for one in (bay_time, of.online, of.occupied)),
                of.arrivals,
                turnover(of, bay_time / HOUR) if bay_time else None,
                None if average is None else average / MINUTE,
                None if average is None else median(one / MINUTE for one in durations(begun)),
                len(over),
                sum(over, 0.0),
            )
        )


def _there(lake: Lake) -> dict[str, list[Interval]]:
    """Each bay's time since its first state and its first event, by the local days on which the feed was heard."""
    assert lake.history.began_at
    whole = Interval(lake.history.began_at, lake.history.feed_updated_at)
    days = [Interval(midnight(day), midnight(day + DAY)).meets(whole) for day in sorted(_heard_days(lake))]

    def known(name: str, states: Sequence[Mapping[str, Any]]) -> Interval:
        events = [event.status_changed_at for event in lake.history.bays[name].events]
        return Interval(max(states[0]["valid_from_at"], min(events, default=whole.end_at)), whole.end_at)

    since = {name: known(name, states) for name, states in oracle.states(lake).items()}
    return {
        name: [both for day in days if not (both := span.meets(day)).is_empty] for name, span in since.items()
    }


def _says_something(row: tuple[Any, ...]) -> bool:
    _, _, bay_minutes, _, _, stays, _, _, _, overstays, _ = row
    return bool(bay_minutes or stays or overstays)


def test_the_figures_of_a_bays_day_are_those_of_the_oracle(built: Lake) -> None:
    bays, there, online, rules = _bays(built), _there(built), oracle.online(built), oracle.rules(built)
    expected = [row for name in bays for row in _days_of(built, name, there[name], online[name], rules[name])]
    names = ", ".join(f"'{name}'" for name in bays)
    sql = f"SELECT {COLUMNS} FROM gold.fact_bay_days WHERE kerbside_id IN ({names})"
    found = [rounded(row) for row in oracle.rows(built, sql)]

    assert sorted(filter(_says_something, found), key=repr) == sorted(
        filter(_says_something, expected), key=repr
    )
    for figure in zip(*(row[5:] for row in expected), strict=True):
        assert sum(bool(value) for value in figure) > 10
