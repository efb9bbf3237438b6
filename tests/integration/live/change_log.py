"""The change log of the made-up city as Debezium writes it, and what Flink makes of it."""

import zlib
from collections.abc import Mapping
from typing import Any

import orjson
from confluent_kafka import Producer

from integration.capture.engines import Engines
from integration.live.made_up_bays import Row
from melpark import contracts
from melpark.places import LIVE_ALERTS_TOPIC, LIVE_LATE_TOPIC, LIVE_OCCUPANCY_TOPIC, topic
from melpark.processing.topics import BAY_PARTITIONS

KEYS = {table.name: table.key for table in contracts.CAPTURED}
Key = tuple[str, str, str, str | None]


class ChangeLog:
    """Writes rows of tables, a poll in one transaction; reads what Flink published."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._producer = Producer(
            {
                "bootstrap.servers": engines.settings.kafka_address,
                "transactional.id": "made-up-city",
                "linger.ms": 0,
                "log_level": 0,
            }
        )
        self._producer.init_transactions(60)
        self._sensors: dict[str, Row] = {}

    def write(self, rows: Mapping[str, list[Row]]) -> None:
        self._producer.begin_transaction()
        for table, of_table in rows.items():
            for row in of_table:
                key = {name: row[name] for name in KEYS[table]}
                bay = row.get("kerbside_id")
                partition = zlib.crc32(bay.encode()) % BAY_PARTITIONS if bay else 0
                before = self._sensors.get(str(bay)) if table == "sensors" else None
                value = {"before": before, "after": row, "op": "u" if before else "c"}
                if table == "sensors" and bay:
                    self._sensors[bay] = row
                self._producer.produce(topic(table), orjson.dumps(value), orjson.dumps(key), partition)
        self._producer.commit_transaction(60)

    def occupancy(self) -> dict[Key, dict[str, Any]]:
        """The newest value of each place and window; a place that is no more has none."""
        found: dict[Key, dict[str, Any]] = {}
        for message in self._engines.read(LIVE_OCCUPANCY_TOPIC):
            key = orjson.loads(message.key() or b"{}")
            identity = (
                key.get("place_kind"),
                key.get("place"),
                key.get("window_kind"),
                key.get("window_start_at"),
            )
            if text := message.value():
                found[identity] = orjson.loads(text)
                assert found[identity].items() >= key.items()
            else:
                found.pop(identity, None)
        return found

    def alerts(self) -> list[dict[str, Any]]:
        """Every value, in order."""
        return [orjson.loads(message.value() or b"{}") for message in self._engines.read(LIVE_ALERTS_TOPIC)]

    def late(self) -> list[dict[str, Any]]:
        return [orjson.loads(message.value() or b"{}") for message in self._engines.read(LIVE_LATE_TOPIC)]
