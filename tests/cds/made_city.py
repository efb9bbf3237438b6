"""A street of a few bays with everything that the standard has a word for: the lake on which the validator is tried."""

from datetime import UTC, datetime, timedelta

from cds.made_lake import FIRST_POLL, MadeLake
from melpark.places import Home

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
# A Monday from 10:00 to 14:10 in Melbourne, of which the hours of 11 to 13 are whole.
START = datetime(2025, 8, 4, 0, 0, tzinfo=UTC)
NOW = datetime(2025, 8, 4, 4, 10, tzinfo=UTC)
MIDDLE = (144.9633, -37.8141)
METRE = 1 / 111_320
LONSDALE, QUEEN = 20001, 20002
PRESENT, FREE = "Present", "Unoccupied"


def along(metres: float, across: float = 0.0) -> tuple[float, float]:
    """A place on a street that runs east from the middle."""
    return MIDDLE[0] + metres * METRE / 0.79, MIDDLE[1] + across * METRE


# Name, zone, segment, metres along and across the street.
BAYS = (
    ("1", 7001, LONSDALE, 0, 0),
    ("2", 7001, LONSDALE, 6, 0),
    ("3", 7002, LONSDALE, 12, 0),
    # Between those of zone 7001, so that its ground must lead around.
    ("4", 7001, LONSDALE, 18, 0),
    # Square to the kerb on the other side.
    ("5", 7003, LONSDALE, 0, 15),
    ("6", 7003, LONSDALE, 2.6, 15),
    ("7", 7003, LONSDALE, 5.2, 15),
    ("8", 7001, QUEEN, 120, 30),
    # At the very place of another bay.
    ("9", 7001, LONSDALE, 0, 0),
)


def make(home: Home) -> MadeLake:
    """The lake, not yet written."""
    lake = MadeLake(home)
    for minutes in range(0, 248, 2):
        lake.poll(FIRST_POLL + minutes * MINUTE)
    lake.poll(NOW)
    for name, zone, segment, metres, across in BAYS:
        lake.bay(name, zone, segment, along(metres, across))
        lake.state(name, along(metres, across), FIRST_POLL - MINUTE, observed_at=FIRST_POLL)
        lake.kerb_bay(segment, along(metres, across))
    for metres in (24, 30, 36, 42):
        lake.kerb_bay(LONSDALE, along(metres))
    lake.location(7001, LONSDALE, "Lonsdale Street between Swanston Street and Russell Street")
    lake.location(7002, LONSDALE, "Lonsdale Street between Swanston Street and Russell Street")
    lake.location(7003, LONSDALE, "Lonsdale Street between Swanston Street and Russell Street")
    lake.location(7001, QUEEN, "Queen Street between Lonsdale Street and Little Lonsdale Street")
    _plates(lake)
    _vehicles(lake)
    _silent_sensors(lake)
    return lake


def _plates(lake: MadeLake) -> None:
    lake.plate(7001, "Mon-Fri", 450, 1110, "MP2P")
    lake.plate(7001, "Sat", 450, 750, "2P")
    # Bays of zone 7002 load until noon, and park for a quarter hour after it, which was another plate before.
    lake.plate(7002, "Mon-Fri", 450, 720, "LZ30")
    changed_at = START + 2 * HOUR
    lake.plate(7002, "Mon-Sun", 720, 1440, "FP1P", until=changed_at)
    lake.plate(7002, "Mon-Sun", 720, 1440, "FP1P", changed_at, is_assumed=False, is_retired=True)
    lake.plate(7002, "Mon-Sun", 720, 1440, "FP15", changed_at, is_assumed=False)
    # Zone 7004 is over by then.
    lake.plate(7004, "Mon-Fri", 450, 1110, "1P", until=changed_at)
    lake.plate(7004, "Mon-Fri", 450, 1110, "1P", changed_at, is_assumed=False, is_retired=True)
    lake.plate(7004, "Mon-Fri", 450, 1110, "4P", changed_at, is_assumed=False)
    # Two at one time: which bay has which is not known.
    lake.plate(7003, "Mon-Fri", 450, 1110, "2P")
    lake.plate(7003, "Mon-Sun", 600, 720, "DP2P")


def _vehicles(lake: MadeLake) -> None:
    """Bay 1: a vehicle of 40 minutes, then one that leaves unseen as another comes. Bay 2: one over three hours."""
    for name, _, _, _, _ in BAYS:
        lake.event(name, FREE, START - HOUR, observed_at=FIRST_POLL)
    for status, minutes in ((PRESENT, 20), (FREE, 60), (PRESENT, 90), (PRESENT, 120), (FREE, 125)):
        lake.event("1", status, START + minutes * MINUTE)
    # Two words of an empty bay, one after the other: a vehicle that nobody saw.
    lake.event("1", FREE, START + 150 * MINUTE)
    lake.event("2", PRESENT, START + 30 * MINUTE)
    lake.event("4", PRESENT, START + 5 * MINUTE)
    lake.event("4", FREE, START + 8 * MINUTE)
    lake.event("3", PRESENT, START + 100 * MINUTE)
    lake.event("3", FREE, START + 110 * MINUTE)
    taken = {
        "1": [(20, 60), (90, 125)],
        "2": [(30, 250)],
        "3": [(100, 110)],
        "4": [(5, 8)],
    }
    for name, zone, segment, _, _ in BAYS:
        if name not in ("5", "6"):
            at = FIRST_POLL
            for start, end in taken.get(name, []):
                lake.time(name, zone, segment, at, START + start * MINUTE)
                lake.time(name, zone, segment, START + start * MINUTE, START + end * MINUTE, True, True)
                at = START + end * MINUTE
            if at < NOW:
                lake.time(name, zone, segment, at, NOW)


def _silent_sensors(lake: MadeLake) -> None:
    """Bay 5 was silent for an hour and came back, bay 6 is silent since; bay 10 is in no zone and bay 11 is gone."""
    heard_at, back_at = START + 45 * MINUTE, START + 2 * HOUR
    lost_at = heard_at + 15 * MINUTE
    for name, place in (("5", along(0, 15)), ("6", along(2.6, 15))):
        first = next(row for row in lake.rows["sensor_states"] if row["kerbside_id"] == name)
        first |= {"valid_to_at": lost_at, "is_current": False}
        is_back = name == "5"
        lake.state(name, place, lost_at, back_at if is_back else None, is_online=False)
        _early_vehicle(lake, name, lost_at)
        lake.time(name, 7003, LONSDALE, lost_at, back_at if is_back else NOW, is_online=False)
    lake.state("5", along(0, 15), back_at)
    lake.time("5", 7003, LONSDALE, back_at, NOW)
    lake.bay("10", None, LONSDALE, along(48))
    lake.state("10", along(48), FIRST_POLL - MINUTE, observed_at=FIRST_POLL)
    lake.event("10", PRESENT, START + 10 * MINUTE)
    lake.bay("11", 7004, LONSDALE, along(60), until=START + HOUR)
    lake.bay("11", 7004, LONSDALE, along(60), START + HOUR, is_retired=True)
    lake.state("11", along(60), FIRST_POLL - MINUTE, START + HOUR, observed_at=FIRST_POLL)
    lake.state("11", along(60), START + HOUR, is_online=False, is_retired=True)
    lake.event("11", PRESENT, START + 15 * MINUTE)
    lake.time("11", 7004, LONSDALE, FIRST_POLL, START + 15 * MINUTE)
    lake.time("11", 7004, LONSDALE, START + 15 * MINUTE, START + HOUR, True, True)


def _early_vehicle(lake: MadeLake, name: str, lost_at: datetime) -> None:
    """Ten minutes, before the sensor fell silent."""
    came_at, left_at = START + 10 * MINUTE, START + 20 * MINUTE
    lake.event(name, PRESENT, came_at)
    lake.event(name, FREE, left_at)
    lake.time(name, 7003, LONSDALE, FIRST_POLL, came_at)
    lake.time(name, 7003, LONSDALE, came_at, left_at, is_occupied=True)
    lake.time(name, 7003, LONSDALE, left_at, lost_at)
