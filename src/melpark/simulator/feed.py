"""What the sensors of the simulated city report, with the flaws of the real feed: late, and partly wrong.

A dead sensor keeps its last status and its old `lastupdated`; a stuck one goes on reporting the status at
which it stuck; a few give 1970 as the time of their status.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from melpark.simulator.city import City, Record, Sensor
from melpark.simulator.dynamics import Truth, status_name
from melpark.simulator.randomness import stream

REFRESH_SECONDS = 120
# The feed holds nothing of its last seconds. A spread of no more than one refresh keeps it from running back.
LEAST_LAG_SECONDS = 42
MOST_LAG_SECONDS = 162

SHARE_DEAD = 0.15
SHARE_STUCK = 0.25
SENSORS_WITHOUT_TIME = 7
FIRST_FAULT = datetime(2023, 10, 24, tzinfo=UTC)
LAST_FAULT = datetime(2025, 7, 1, tzinfo=UTC)
# Dead sensors fell silent in so many groups, each at one refresh.
SILENCES = 28


@dataclass(frozen=True)
class Fault:
    """A sensor that reports nothing new since `since` (seconds since 1970)."""

    kind: Literal["dead", "stuck"]
    since: int
    has_time: bool = True


def tick_of(at: datetime) -> int:
    """The refresh at or before `at`, in seconds since 1970."""
    return int(at.timestamp()) // REFRESH_SECONDS * REFRESH_SECONDS


class Feed:
    """The live feed of one city at any refresh. Holds no state."""

    def __init__(self, city: City, truth: Truth) -> None:
        self.city = city
        self.truth = truth
        self.faults: Mapping[int, Fault] = _faults(city)

    def known_until(self, tick: int) -> int:
        """Seconds since 1970 of the newest change that the refresh `tick` can hold."""
        lag = stream(self.city.seed, "lag", tick).randint(LEAST_LAG_SECONDS, MOST_LAG_SECONDS)
        return tick - lag

    def records(self, tick: int) -> list[Record]:
        """`on-street-parking-bay-sensors` in the portal's shape, one record per sensor."""
        known_until = self.known_until(tick)
        return [self._record(sensor, tick, known_until) for sensor in self.city.sensors]

    def _record(self, sensor: Sensor, tick: int, known_until: int) -> Record:
        fault = self.faults.get(sensor.kerbside_id)
        if fault and fault.since > known_until:
            fault = None
        changed_at, is_present = self.truth.status_at(
            sensor.kerbside_id, fault.since if fault else known_until
        )
        heard_at = fault.since if fault and fault.kind == "dead" else tick
        return {
            "lastupdated": _iso(heard_at),
            "status_timestamp": _iso(changed_at if fault is None or fault.has_time else 0),
            "zone_number": sensor.zone_number,
            "status_description": status_name(is_present),
            "kerbsideid": sensor.kerbside_id,
            "location": {"lon": sensor.longitude, "lat": sensor.latitude},
        }


def _faults(city: City) -> dict[int, Fault]:
    rng = stream(city.seed, "faults")
    span = int((LAST_FAULT - FIRST_FAULT) / timedelta(seconds=1))
    start = tick_of(FIRST_FAULT)
    silences = [start + rng.randrange(0, span, REFRESH_SECONDS) for _ in range(SILENCES)]
    faults = {}
    for sensor in city.sensors:
        if rng.random() < SHARE_DEAD:
            faults[sensor.kerbside_id] = Fault("dead", rng.choice(silences))
        elif rng.random() < SHARE_STUCK:
            faults[sensor.kerbside_id] = Fault("stuck", start + rng.randrange(span))
    stuck = [kerbside_id for kerbside_id, fault in faults.items() if fault.kind == "stuck"]
    for kerbside_id in rng.sample(stuck, SENSORS_WITHOUT_TIME):
        faults[kerbside_id] = Fault("stuck", faults[kerbside_id].since, has_time=False)
    return faults


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
