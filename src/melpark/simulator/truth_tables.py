"""The truth as tables, for oracles: what really happened, whatever the feed shows of it."""

from datetime import datetime

import numpy as np
import pyarrow as pa

from melpark.simulator.arrow import TIMESTAMP, table
from melpark.simulator.deadlines import DAY, NEVER
from melpark.simulator.feed import NOBODY, REFRESH_SECONDS, Feed
from melpark.simulator.outages import tick_at

NEVER_SECONDS = int(NEVER)

STAYS = pa.schema(
    [
        pa.field("kerbside_id", pa.string(), False),
        pa.field("arrival_at", TIMESTAMP, False),
        pa.field("departure_at", TIMESTAMP, False),
        pa.field("zone_number", pa.int32(), False),
        pa.field("limit_minutes", pa.int32()),
        pa.field("leave_by_at", TIMESTAMP),
        pa.field("overstay_minutes", pa.float64(), False),
    ]
)
FAULTS = pa.schema(
    [
        pa.field("kerbside_id", pa.string(), False),
        pa.field("kind", pa.string(), False),
        pa.field("start_at", TIMESTAMP, False),
        pa.field("end_at", TIMESTAMP),
    ]
)
OUTAGES = pa.schema(
    [
        pa.field("kind", pa.string(), False),
        pa.field("start_at", TIMESTAMP, False),
        pa.field("end_at", TIMESTAMP, False),
    ]
)


def stays(feed: Feed, start: datetime, end: datetime) -> pa.Table:
    """Every stay that began in [start, end), at most a day and on one UTC day, with the plates that its bay is under.

    `zone_number` is where the bay's plates are, also where the feed shows none or another. `limit_minutes` is the limit
    in force on arrival, null without one; `leave_by_at` the first moment over, null within days; `overstay_minutes`
    what lies between it and the earlier of the departure and the end of the limit's window.
    """
    truth, sensors = feed.truth, feed.city.sensors
    first, last = int(start.timestamp()), int(end.timestamp())
    changes = truth.changes(first, last + 2 * DAY)
    began = changes.is_present & (changes.at < last) & ~changes.is_last
    arrival, departure = changes.at[began], np.append(changes.at[1:], 0)[began]
    bay = changes.bay[began]
    limit, leave_by, over = truth.deadlines(bay, arrival, departure)
    zones = np.array([sensor.zone.zone_number for sensor in sensors])
    return table(
        STAYS,
        {
            "kerbside_id": _ids(feed).take(pa.array(bay)),
            "arrival_at": arrival,
            "departure_at": departure,
            "zone_number": zones[bay],
            "limit_minutes": pa.array(limit // 60, mask=limit == 0),
            "leave_by_at": _instants(leave_by),
            "overstay_minutes": over / 60,
        },
    )


def faults(feed: Feed, start: datetime, end: datetime) -> pa.Table:
    """The faults of sensors that touch [start, end): dead, stuck, or no_time (at one refresh of them). Nothing new is
    reported after `start_at` and before `end_at`, null where it lasts.
    """
    first, last = int(start.timestamp()), int(end.timestamp())
    found = feed.faultiness.within(first, last)
    # Up to the refresh after the last: what begins and ends at a refresh touches both sides of it.
    ticks = np.arange(tick_at(first + REFRESH_SECONDS - 1), last + REFRESH_SECONDS, REFRESH_SECONDS)
    timeless = feed.timeless(ticks)
    timeless, at = timeless[timeless != NOBODY], ticks[timeless != NOBODY]
    return table(
        FAULTS,
        {
            "kerbside_id": _ids(feed).take(pa.array(np.append(found.bay, timeless))),
            "kind": ["dead" if dead else "stuck" for dead in found.is_dead] + ["no_time"] * len(timeless),
            "start_at": np.append(found.since, at - REFRESH_SECONDS),
            "end_at": _instants(np.append(found.until, at + REFRESH_SECONDS)),
        },
    )


def outages(feed: Feed, start: datetime, end: datetime) -> pa.Table:
    """The outages of the feed and the portal that touch [start, end), by kind of `melpark.simulator.outages`."""
    found = feed.time.outages(int(start.timestamp()), int(end.timestamp()))
    return table(
        OUTAGES,
        {
            "kind": [one.failure.value for one in found],
            "start_at": [one.start for one in found],
            "end_at": [one.end for one in found],
        },
    )


def _ids(feed: Feed) -> pa.Array:
    return pa.array([str(sensor.kerbside_id) for sensor in feed.city.sensors])


def _instants(seconds: np.ndarray) -> pa.Array:
    never = seconds == NEVER_SECONDS
    return pa.array(np.where(never, 0, seconds) * 1_000_000, mask=never).cast(TIMESTAMP)
