"""A small city whose present is known by heart: bays of every zone and kind around its middle, by a fixed dice."""

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fastapi.testclient import TestClient

from melpark.parking.plates import Plate
from melpark.parking.rule_calendar import Version, windows
from melpark.parking.rules import Coverage
from melpark.serving.app import create_app
from melpark.serving.bays import Change, Poll, RuleVersion, RuleWindow, Sensor
from melpark.serving.live import LiveState
from melpark.settings import Settings

ADDRESS = "http://127.0.0.1:8000"
OURS = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# 15:10 in Melbourne, a Friday: limits end at 18:30, a weekend follows.
AS_OF = datetime(2025, 8, 8, 5, 10, tzinfo=UTC)
START, END = AS_OF - timedelta(days=3), AS_OF + timedelta(days=20)
MIDDLE = (144.9631, -37.8136)
PLATES: dict[int, list[Plate]] = {
    1: [Plate("Mon-Fri", 450, 1110, "2P")],
    2: [Plate("Mon-Fri", 450, 1110, "MP1P"), Plate("Mon-Fri", 540, 960, "LZ30")],
    3: [Plate("Mon-Sun", 0, 1440, "DP2P")],
    4: [Plate("Mon-Fri", 960, 1080, "LZ15")],
    5: [Plate("Mon-Sun", 450, 1380, "PP")],
    6: [Plate("Mon-Sun", 420, 1380, "SP"), Plate("Mon-Sun", 420, 1380, "4P")],
    7: [Plate("Mon-Sun", 0, 1440, "??")],
    8: [Plate("Sat-Sun", 0, 1440, "1P")],
    9: [],
}
CITY_WINDOWS = [
    window
    for zone, plates in PLATES.items()
    for window in windows([Version(zone, START, END, frozenset(plates))])
]
# Zone 8's plates are known for ten more minutes only, those of zone 10 not at all.
COVERAGE = [Coverage(zone, START, END if zone != 8 else AS_OF + 10 * MINUTE) for zone in PLATES]


def sensors() -> list[Sensor]:
    """Bays around the middle, of every zone and kind, by a fixed dice."""
    dice = random.Random(7)
    return [
        Sensor(
            kerbside_id=str(number),
            status=dice.choice(["Present", "Unoccupied", "Unoccupied"]),
            status_changed_at=AS_OF - dice.randrange(1, 600) * MINUTE,
            zone_number=dice.choice([*PLATES, 10, None]),
            longitude=MIDDLE[0] + dice.uniform(-0.01, 0.01),
            latitude=MIDDLE[1] + dice.uniform(-0.01, 0.01),
            is_online=dice.random() < 0.9,
            is_retired=dice.random() < 0.05,
            heard_at=None,
            observed_at=AS_OF,
            committed_at=OURS,
        )
        for number in range(400)
    ]


SENSORS = sensors()


def changes() -> list[Change]:
    return [
        *SENSORS,
        *(RuleWindow(window) for window in CITY_WINDOWS),
        *(RuleVersion(row) for row in COVERAGE),
        Poll(AS_OF, AS_OF - MINUTE, OURS),
    ]


def live_state(settings: Settings | None = None) -> LiveState:
    """The city as the server knows it once it has read the log."""
    live = LiveState(settings or Settings())
    live.apply(changes(), OURS)
    live.ready(OURS)
    return live


@contextmanager
def served(home: Path, live: LiveState, now: datetime = OURS) -> Iterator[TestClient]:
    """A client of the API over the live state, at `now` by our clock."""
    app = create_app(Settings(home=home), live, clock=lambda: now)
    with TestClient(app, base_url=ADDRESS) as client:
        yield client


def haversine(one: tuple[float, float], other: tuple[float, float]) -> float:
    """By the angle between two unit vectors, which is another formula than the server's."""

    def vector(place: tuple[float, float]) -> tuple[float, float, float]:
        east, north = math.radians(place[0]), math.radians(place[1])
        return math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)

    a, b = vector(one), vector(other)
    cross = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
    return 6_371_008.8 * math.atan2(math.hypot(*cross), sum(x * y for x, y in zip(a, b, strict=True)))
