"""What Flink answers, followed like the change log: occupancy of the newest windows, and alerts."""

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from melpark.contracts.live import LiveTopic
from melpark.contracts.live_alerts import ALERT_KINDS, LIVE_ALERTS
from melpark.contracts.live_occupancy import LIVE_OCCUPANCY
from melpark.contracts.table import Type
from melpark.places import live_topic

Row = dict[str, Any]
# Of each place and kind of window. Older ones are history, which gold tells.
KEPT_WINDOWS = 3
KEPT_ALERTS = 20_000


@dataclass(frozen=True, slots=True)
class Answer:
    """A value of a topic; None when its key is gone."""

    topic: LiveTopic
    key: tuple[Any, ...]
    row: Row | None


def live_topics(
    name: Callable[[str], str] = live_topic,
) -> dict[str, Callable[[bytes, bytes | None], Answer | None]]:
    """The topics of the answers, each with how its records are read."""
    return {
        name(LIVE_OCCUPANCY.name): lambda key, value: read(LIVE_OCCUPANCY, key, value),
        name(LIVE_ALERTS.name): lambda key, value: read(LIVE_ALERTS, key, value),
    }


def read(topic: LiveTopic, key: bytes, value: bytes | None) -> Answer:
    """A record of a topic. Raises ValueError (KeyError, TypeError) when it is not as the contract says."""
    keys = orjson.loads(key)
    identity = tuple(keys.get(name) for name in topic.key)
    if value is None:
        return Answer(topic, identity, None)
    content = orjson.loads(value)
    row = {column.name: _value(column.type, content.get(column.name)) for column in topic.columns}
    missing = [column.name for column in topic.columns if row[column.name] is None and not column.nullable]
    if missing:
        raise ValueError(f"without {', '.join(missing)}")
    return Answer(topic, identity, row)


def _value(kind: Type, value: Any) -> Any:
    if value is None or kind is not Type.TIMESTAMP:
        return value
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    return at


def none_raised() -> Counter[str]:
    """Every kind of alert, and that none holds."""
    return Counter(dict.fromkeys(ALERT_KINDS, 0))


class LiveAnswers:
    """The newest answers. Owned by the event loop."""

    def __init__(self) -> None:
        self.not_ready_because: str | None = "reading the live answers has not begun"
        # How many alerts of each kind hold now.
        self.raised = none_raised()
        self._occupancy: dict[tuple[Any, ...], dict[Any, Row]] = {}
        self._alerts: dict[tuple[Any, ...], Row] = {}
        self._run = secrets.token_hex(4)
        self._revision = 0

    @property
    def state_id(self) -> str:
        """Another one whenever anything has changed."""
        return f"{self._run}-{self._revision}"

    @property
    def occupancy(self) -> list[Row]:
        """Of every place its present and its newest windows."""
        return [row for windows in self._occupancy.values() for row in windows.values()]

    @property
    def alerts(self) -> list[Row]:
        """Raised and cleared ones."""
        return list(self._alerts.values())

    def apply(self, changes: Sequence[Answer], now: datetime) -> None:
        """Take in records in the order of their topics."""
        self._revision += 1
        for change in changes:
            if change.topic is LIVE_ALERTS:
                self._put_alert(change)
            else:
                self._put_occupancy(change)

    def _put_alert(self, change: Answer) -> None:
        self._take_alert(change.key)
        if change.row is not None:
            self._alerts[change.key] = change.row
            self.raised[change.row["kind"]] += change.row["state"] == "raised"
            while len(self._alerts) > KEPT_ALERTS:
                self._take_alert(next(iter(self._alerts)))

    def _take_alert(self, key: tuple[Any, ...]) -> None:
        if row := self._alerts.pop(key, None):
            self.raised[row["kind"]] -= row["state"] == "raised"

    def _put_occupancy(self, change: Answer) -> None:
        *place, start_at = change.key
        windows = self._occupancy.setdefault(tuple(place), {})
        if change.row is None:
            windows.pop(start_at, None)
            return
        windows[start_at] = change.row
        while len(windows) > KEPT_WINDOWS:
            # Starts of one kind are texts of one form, or the one None of the present.
            del windows[min(windows)]

    def ready(self, now: datetime) -> None:
        self.not_ready_because = None

    def not_ready(self, reason: str) -> None:
        self.not_ready_because = reason

    def restart(self, reason: str) -> None:
        """Forget everything: the topics will be read again from their beginning."""
        self._revision += 1
        self._occupancy.clear()
        self._alerts.clear()
        self.raised = none_raised()
        self.not_ready_because = reason
