"""The cases of the domain as bays of the lake, and a rule calendar for its zones."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from cases.stay_cases import STAY_CASES
from cases.verdict_cases import VERDICT_CASES
from integration.lake.changes import OFFLINE_AFTER, Bay, Change, History
from melpark.contracts import RULE_VERSIONS, RULE_WINDOWS, SENSOR_EVENTS, SENSOR_STATES
from melpark.parking.plates import Plate
from melpark.parking.rule_calendar import Version, windows
from melpark.parking.rules import Coverage, Window
from melpark.parking.stays import Event, Present

OBSERVED_AT = datetime(2025, 8, 1, tzinfo=UTC)
# Of the calendar of the made-up zones and of the City's: around the first polls, and the last.
KNOWN = (
    (datetime(2025, 7, 20, tzinfo=UTC), datetime(2025, 8, 12, tzinfo=UTC)),
    (datetime(2026, 1, 12, tzinfo=UTC), datetime(2026, 1, 22, tzinfo=UTC)),
)
MADE_UP_PLATES = {
    9001: frozenset(
        {
            Plate("Mon-Fri", 450, 1110, "2P"),
            Plate("Mon-Fri", 450, 1110, "LZ30"),
            Plate("Sat", 450, 750, "MP1P"),
        }
    ),
    9002: frozenset({Plate("Mon-Sun", 420, 1140, "MP2P"), Plate("Mon-Sun", 1140, 1320, "2P")}),
}


def add_cases(history: History) -> tuple[list[Window], list[Coverage]]:
    """Each case becomes a bay of the history, with a zone of its own."""
    for stay in STAY_CASES:
        _add(history, f"stay {stay}", stay.events, stay.present, None, stay.heard_from_at)
    calendar: list[Window] = []
    coverage: list[Coverage] = []
    for case in VERDICT_CASES:
        _add(history, f"verdict {case}", case.events, case.present, case.zone_number)
        calendar += case.windows
        coverage += case.coverage
    return calendar, coverage


def calendar_of(plates: dict[int, frozenset[Plate]]) -> tuple[list[Window], list[Coverage]]:
    """The windows of zones with these plates, as the loader computes them."""
    versions = [Version(zone, *span, those) for zone, those in plates.items() for span in KNOWN]
    return list(windows(versions)), [version.coverage for version in versions]


def rule_changes(calendar: Iterable[Window], coverage: Iterable[Coverage]) -> Iterator[Change]:
    for window in calendar:
        row = {
            name: getattr(window, name)
            for name in RULE_WINDOWS.column_names
            if name not in ("observed_at", "clock_start_at", "kind")
        }
        beyond = {
            "clock_start_at": window.clock_from_at,
            "kind": window.kind.value,
            "observed_at": OBSERVED_AT,
        }
        yield Change(RULE_WINDOWS, row | beyond)
    for known in coverage:
        row = {
            "zone_number": known.zone_number,
            "start_at": known.start_at,
            "end_at": known.end_at,
            "is_current": True,
            "plates": {},
            "observed_at": OBSERVED_AT,
        }
        yield Change(RULE_VERSIONS, row)


def _add(
    history: History,
    kerbside_id: str,
    events: tuple[Event, ...],
    present: Present,
    zone: int | None,
    heard_from_at: datetime | None = None,
) -> None:
    history.bays[kerbside_id] = Bay(list(events), present.last_heard_at, present.is_online)
    history.changes += [
        Change(
            SENSOR_EVENTS,
            {
                "kerbside_id": kerbside_id,
                "status": event.status,
                "status_changed_at": event.status_changed_at,
                "heard_at": event.heard_at,
                "previous_heard_at": event.previous_heard_at,
                "observed_at": event.heard_at,
                "origin": "live",
            },
        )
        for event in events
    ]
    first = min((event.status_changed_at for event in events), default=present.last_heard_at)
    states = [(heard_from_at or min(first, present.last_heard_at), True)]
    if not present.is_online:
        states.append((present.last_heard_at + OFFLINE_AFTER, False))
    history.changes += [
        Change(
            SENSOR_STATES,
            {
                "kerbside_id": kerbside_id,
                "valid_from_at": since,
                "is_online": is_online,
                "zone_number": zone,
                "longitude": 144.95,
                "latitude": -37.81,
                "is_retired": False,
                "observed_at": OBSERVED_AT,
                "origin": "live",
            },
        )
        for since, is_online in states
    ]
    history.zones[kerbside_id] = zone
