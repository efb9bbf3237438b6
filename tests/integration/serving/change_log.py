"""Writes change events as Debezium does: JSON without schemas, in transactions, keyed by bay."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson
from confluent_kafka import Producer

from melpark.contracts import POLLS, RULE_VERSIONS, RULE_WINDOWS, SENSORS

Row = dict[str, Any]


def sensor(kerbside_id: str, status: str = "Unoccupied", **values: Any) -> Row:
    """A row of parking.sensors."""
    return {
        "kerbside_id": kerbside_id,
        "status": status,
        "status_changed_at": "2025-08-07T01:00:00.000000Z",
        "zone_number": 7303,
        "longitude": 144.96,
        "latitude": -37.81,
        "is_online": True,
        "is_retired": False,
        "heard_at": None,
        "observed_at": "2025-08-07T01:11:39.000000Z",
        "extra": None,
    } | values


def poll(**values: Any) -> Row:
    """A row of parking.polls."""
    return {
        "poll_id": 1,
        "dataset": SENSORS.dataset,
        "outcome": "accepted",
        "reason": None,
        "etag": '"a"',
        "observed_at": "2025-08-07T01:11:39.000000Z",
        "feed_updated_at": "2025-08-07T01:11:05.000000Z",
        "started_at": "2025-08-07T01:11:39.000000Z",
        "received_at": datetime.now(UTC).isoformat(),
        "body_bytes": 1,
        "records": 1,
        "kept": 1,
        "changed": 1,
        "rejected": 0,
        "origin": "live",
    } | values


def window(start_at: str, end_at: str, **values: Any) -> Row:
    """A row of parking.rule_windows."""
    return {
        "zone_number": 7303,
        "start_at": start_at,
        "end_at": end_at,
        "code": "2P",
        "limit_minutes": 120,
        "kind": "timed",
        "is_metered": False,
        "is_ambiguous": False,
        "clock_start_at": start_at,
        "observed_at": "2025-08-01T00:00:00.000000Z",
    } | values


def version(zone_number: int = 7303, **values: Any) -> Row:
    """A row of parking.rule_versions."""
    return {
        "zone_number": zone_number,
        "start_at": "2025-06-01T00:00:00.000000Z",
        "end_at": "2025-09-10T00:00:00.000000Z",
        "is_current": True,
        "plates": "[]",
        "observed_at": "2025-08-01T00:00:00.000000Z",
    } | values


def change(after: Row | None, before: Row | None = None) -> bytes:
    """A change event."""
    op = "d" if after is None else "c" if before is None else "u"
    micros = int(datetime.now(UTC).timestamp() * 1_000_000)
    return orjson.dumps(
        {"before": before, "after": after, "source": {"ts_us": micros, "ts_ms": micros // 1000}, "op": op}
    )


class ChangeLog:
    """The topics of the live state under names of their own, written in transactions."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self.bootstrap = bootstrap
        self.name = name
        self.sensors_topic = self.topic(SENSORS.name)
        self.polls_topic = self.topic(POLLS.name)
        self.topics = [self.topic(table.name) for table in (SENSORS, POLLS, RULE_WINDOWS, RULE_VERSIONS)]
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "transactional.id": name,
                "linger.ms": 0,
                "log_level": 2,
            }
        )
        self._producer.init_transactions(60)

    def topic(self, table: str) -> str:
        """Of a table of this log."""
        return f"{self.name}.{table}"

    def write(
        self,
        sensors: Iterable[Row] = (),
        polls: Iterable[Row] = (),
        windows: Iterable[Row] = (),
        versions: Iterable[Row] = (),
        commit: bool = True,
    ) -> None:
        """One transaction with these rows, aborted when not to be committed."""
        self._producer.begin_transaction()
        for row in sensors:
            self._send(self.sensors_topic, {"kerbside_id": row["kerbside_id"]}, change(row))
        for row in polls:
            self._send(self.polls_topic, {"poll_id": row["poll_id"]}, change(row))
        for table, rows in ((RULE_WINDOWS, windows), (RULE_VERSIONS, versions)):
            for row in rows:
                self._send(self.topic(table.name), {name: row[name] for name in table.key}, change(row))
        if commit:
            self._producer.commit_transaction(60)
        else:
            self._producer.flush(60)
            self._producer.abort_transaction(60)

    def delete(self, row: Row) -> None:
        """The delete of a row and its tombstone."""
        key = {"kerbside_id": row["kerbside_id"]}
        self._producer.begin_transaction()
        self._send(self.sensors_topic, key, change(None, before=row))
        self._send(self.sensors_topic, key, None)
        self._producer.commit_transaction(60)

    def write_raw(self, key: bytes, value: bytes) -> None:
        """Whatever a broken producer might write to the sensors' topic."""
        self._producer.begin_transaction()
        self._producer.produce(self.sensors_topic, value, key)
        self._producer.commit_transaction(60)

    def _send(self, topic: str, key: Row, value: bytes | None) -> None:
        self._producer.produce(topic, value, orjson.dumps(key))
