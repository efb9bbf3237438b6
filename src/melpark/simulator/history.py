"""A simulated past as tables: what polls at every refresh would have left in PostgreSQL.

Each span of time is made by itself from the seed, so days may be made in any order, the newest first, and the live
feed goes on where the history ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from melpark.contracts import FEED_OUTAGES, POLLS, SENSOR_EVENTS, SENSOR_STATES, SENSORS
from melpark.simulator import polled
from melpark.simulator.arrow import TIMESTAMP, schema, table
from melpark.simulator.drift import NO_ZONE
from melpark.simulator.feed import NOBODY, REFRESH_SECONDS, Feed, tick_of
from melpark.simulator.outages import Failure
from melpark.simulator.polled import Polls, State

ORIGIN = "seed"
STAMP = "%Y%m%dT%H%M%SZ"
STATUSES = pa.array(["Unoccupied", "Present"])
REASONS = {
    Failure.SERVER_ERROR: "HTTP 503",
    Failure.QUOTA: "HTTP 429",
    Failure.CUT_BODY: "the body was cut off",
}


@dataclass(frozen=True)
class Span:
    """The polls from `start` to before `end`, both refreshes in UTC, of one UTC day."""

    start: datetime
    end: datetime

    @property
    def day(self) -> date:
        return self.start.date()


@dataclass(frozen=True)
class Found:
    """Rows of the tables of `parking`, without those that the database numbers."""

    sensor_events: pa.Table
    sensor_states: pa.Table
    feed_outages: pa.Table
    polls: pa.Table


def spans(start: datetime, end: datetime) -> Iterator[Span]:
    """The UTC days between two refreshes, the newest first; the first and the last may be parts of days."""
    while end > start:
        midnight = (end - timedelta(microseconds=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        begin = max(start, midnight)
        yield Span(begin, end)
        end = begin


class History:
    """The past of one feed. Holds no state."""

    def __init__(self, feed: Feed, offline_after: timedelta = timedelta(minutes=15)) -> None:
        self.feed = feed
        self.offline_after = int(offline_after.total_seconds())
        self._ids = pa.array([str(sensor.kerbside_id) for sensor in feed.city.sensors])

    def found(self, span: Span) -> Found:
        """What the polls of a span add to what the polls before it left."""
        first, last = tick_of(span.start), tick_of(span.end)
        made = polled.polls(self.feed, first, last)
        events = polled.events(self.feed, made)
        states = polled.states(self.feed, made, self.offline_after)
        outages = polled.outages(made, self.offline_after)
        changed = np.bincount(
            np.concatenate((events.poll, np.array([state.poll for state in states], np.int64))),
            minlength=len(made.at),
        )
        return Found(
            table(
                schema(SENSOR_EVENTS),
                {
                    "kerbside_id": self._ids.take(pa.array(events.bay)),
                    "status_changed_at": events.changed_at,
                    "status": _statuses(events.is_present),
                    "observed_at": made.at[events.poll],
                    "heard_at": events.heard_at,
                    "previous_heard_at": events.previous_heard_at,
                    "origin": _origins(len(events.bay)),
                },
            ),
            self._states(made, states),
            table(
                schema(FEED_OUTAGES),
                {
                    "start_at": [start for start, _, _ in outages],
                    "end_at": [end for _, end, _ in outages],
                    "observed_at": [observed for _, _, observed in outages],
                    "origin": [ORIGIN] * len(outages),
                },
            ),
            self._polls(made, changed),
        )

    def standing(self, start: datetime, end: datetime) -> pa.Table:
        """Each bay's state at `end`, as it stands in a history that begins with the poll before `start`."""
        made = polled.polls(self.feed, tick_of(start), tick_of(end))
        changed = self._states(made, polled.states(self.feed, made, self.offline_after))
        first = self.opening(start - timedelta(seconds=REFRESH_SECONDS)).sensor_states
        order = [("kerbside_id", "ascending"), ("valid_from_at", "ascending")]
        all_states = pa.concat_tables([first, changed]).sort_by(order)
        ids = all_states["kerbside_id"].to_numpy(zero_copy_only=False)
        return all_states.filter(pa.array(np.append(ids[1:] != ids[:-1], True)))

    def opening(self, at: datetime) -> Found:
        """What the poll at or before `at` leaves when it is the very first: every bay is new."""
        now = self.sensors(at)
        observed = int(now["observed_at"][0].as_py().timestamp())
        poll = polled.polls(self.feed, observed, observed + REFRESH_SECONDS)
        heard = pc.coalesce(
            now["heard_at"], pa.scalar(int(poll.updated[-1]) * 1_000_000, now["heard_at"].type)
        )
        origin = _origins(now.num_rows)
        never = pa.nulls(now.num_rows, now["heard_at"].type)
        columns = {name: now[name] for name in now.column_names}
        events = columns | {"heard_at": heard, "previous_heard_at": never, "origin": origin}
        begun = columns | {
            "valid_from_at": heard,
            "is_online": pa.array([True] * now.num_rows),
            "origin": origin,
        }
        off = now.filter(pc.invert(now["is_online"]))
        ended = {name: off[name] for name in off.column_names}
        gone_at = pc.add(off["heard_at"], pa.scalar(timedelta(seconds=self.offline_after), pa.duration("us")))
        ended |= {"valid_from_at": gone_at, "origin": _origins(off.num_rows)}
        states = [table(schema(SENSOR_STATES), rows) for rows in (begun, ended)]
        return Found(
            table(schema(SENSOR_EVENTS), events),
            pa.concat_tables(states),
            schema(FEED_OUTAGES).empty_table(),
            self._polls(poll, np.array([0, now.num_rows])),
        )

    def sensors(self, at: datetime) -> pa.Table:
        """Rows of `parking.sensors` as they stand after the poll at or before `at`, with what the one before knew of a
        row that it refused (no time). `observed_at` is that poll's, for the poll that last changed a row lies before.
        """
        first = tick_of(at)
        made = polled.polls(self.feed, first, first + REFRESH_SECONDS)
        tick = int(made.at[-1])
        now = self.feed.snapshot(tick)
        keeps_up = now.heard_at == now.updated_at
        zones = now.places.zone_numbers
        return table(
            schema(SENSORS),
            {
                "kerbside_id": self._ids,
                "status": _statuses(now.is_present),
                "status_changed_at": now.changed_at,
                "zone_number": pa.array(zones, mask=zones == NO_ZONE),
                "longitude": now.places.longitudes,
                "latitude": now.places.latitudes,
                "is_online": now.heard_at + self.offline_after > now.updated_at,
                "is_retired": np.zeros(len(zones), np.bool_),
                "heard_at": [
                    None if live else heard
                    for live, heard in zip(keeps_up.tolist(), now.heard_at.tolist(), strict=True)
                ],
                "observed_at": np.full(len(zones), tick),
                "extra": pa.nulls(len(zones), pa.string()),
            },
        )

    def _states(self, made: Polls, states: list[State]) -> pa.Table:
        return table(
            schema(SENSOR_STATES),
            {
                "kerbside_id": [self._ids[state.bay].as_py() for state in states],
                "valid_from_at": [state.valid_from_at for state in states],
                "is_online": [state.is_online for state in states],
                "zone_number": [state.zone_number for state in states],
                "longitude": [state.longitude for state in states],
                "latitude": [state.latitude for state in states],
                "is_retired": [False] * len(states),
                "observed_at": [made.at[state.poll] for state in states],
                "origin": [ORIGIN] * len(states),
            },
        )

    def _polls(self, made: Polls, changed: polled.Indices) -> pa.Table:
        """One row a refresh. `changed` counts events and states; our clock is taken to be the source's."""
        records = len(self.feed.city.sensors)
        rejected = (self.feed.timeless(made.ticks) != NOBODY).astype(np.int64)
        accepted = made.answered
        by_poll = {name: np.zeros(len(made.ticks), np.int64) for name in ("updated", "changed")}
        by_poll["updated"][accepted] = made.updated[1:]
        by_poll["changed"][accepted] = changed[1:]
        failed = [self.feed.time.failure(tick) for tick in made.ticks[~accepted].tolist()]
        reasons = iter([REASONS[failure] for failure in failed if failure])
        seed = self.feed.city.seed
        count, mask = len(made.ticks), ~accepted
        return table(
            schema(POLLS, without=("poll_id",)),
            {
                "dataset": [SENSORS.dataset] * count,
                "outcome": ["accepted" if ok else "failed" for ok in accepted],
                "reason": [None if ok else next(reasons) for ok in accepted],
                "etag": [
                    f'"s{seed}-{datetime.fromtimestamp(tick, UTC).strftime(STAMP)}"' if ok else None
                    for tick, ok in zip(made.ticks.tolist(), accepted, strict=True)
                ],
                "observed_at": _masked(made.ticks, mask),
                "feed_updated_at": _masked(by_poll["updated"], mask),
                "started_at": made.ticks,
                "received_at": made.ticks,
                "body_bytes": pa.nulls(count, pa.int64()),
                "records": pa.array(np.full(count, records), pa.int32(), mask=mask),
                "kept": pa.array(records - rejected, pa.int32(), mask=mask),
                "changed": pa.array(by_poll["changed"], pa.int32(), mask=mask),
                "rejected": pa.array(rejected, pa.int32(), mask=mask),
                "origin": _origins(count),
                "finished_at": pa.nulls(count, TIMESTAMP),
                "body_digest": pa.nulls(count, pa.string()),
                "note": pa.nulls(count, pa.string()),
            },
        )


def _masked(seconds: polled.Seconds, mask: np.ndarray) -> list[int | None]:
    return [None if gone else value for value, gone in zip(seconds.tolist(), mask.tolist(), strict=True)]


def _statuses(is_present: np.ndarray) -> pa.Array:
    return STATUSES.take(pa.array(is_present.astype(np.int8)))


def _origins(rows: int) -> pa.Array:
    return pa.repeat(ORIGIN, rows)
