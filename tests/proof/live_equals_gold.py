"""The City's own polls, live and in gold: three five-minute windows are a quarter hour. `make proof`, some minutes."""

import shutil
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from deltalake import DeltaTable

from e2e.stack.running import Stack, stopped_at_the_end
from integration.capture.engines import wait_until
from melpark.contracts import SENSORS
from melpark.places import LIVE_OCCUPANCY_TOPIC, Home

pytestmark = pytest.mark.real_data

FIRST_QUARTER = datetime(2025, 8, 7, 1, 0, tzinfo=UTC)
QUARTERS = [FIRST_QUARTER, FIRST_QUARTER + timedelta(minutes=15)]
Figures = tuple[float, float, float, float, int, int]


def test_three_windows_are_a_quarter_hour_of_gold_in_every_location(
    short_folder: Path, tmp_path: Path, real_capture: Path
) -> None:
    capture = three_polls(real_capture, tmp_path / "capture")
    stack = Stack.on(short_folder / "live-and-gold", MELPARK_LIVE="true")
    with stopped_at_the_end(stack):
        stack.start("--source", "replay", "--capture", str(capture), "--speed", "60")
        stack.wait_until_healthy()
        wait_until(lambda: windows_of(stack, QUARTERS[-1] + timedelta(minutes=10)), "the windows close", 600)
        stack.wait_for("silver", lambda status: is_in_silver(status))
        built = stack.melpark("gold", "build", "--no-tests")
        assert built.returncode == 0, built.stderr
        gold = {start: of_gold(stack, start) for start in QUARTERS}
        assert all(len(places) > 300 for places in gold.values())
        # Windows are published again until the last bay is read.
        for start, places in gold.items():
            wait_until(partial(agrees, stack, start, places), f"the quarter hour of {start}", 600)
        memory = {name: one["memory_bytes"] // 2**20 for name, one in stack.status()["engines"].items()}
        print(f"memory, MiB: {memory}, total {sum(memory.values())}")


def agrees(stack: Stack, start: datetime, places: dict[str, Figures]) -> bool:
    """Whether the three windows of each location are gold's quarter hour, and there is none besides."""
    live = summed([windows_of(stack, start + timedelta(minutes=m)) for m in (0, 5, 10)])
    wrong = {
        place: (live.get(place), places.get(place))
        for place in {*places, *live}
        if live.get(place) != pytest.approx(places.get(place), abs=0.002)
    }
    print(f"{start}: {len(places)} locations, {len(wrong)} differ: {list(wrong.items())[:5]}")
    return not wrong


def three_polls(real_capture: Path, capture: Path) -> Path:
    """The three polls of a morning that are close together, with the reference files."""
    shutil.copytree(real_capture, capture)
    for file in (capture / SENSORS.dataset).iterdir():
        if not file.name.startswith("20250807T"):
            file.unlink()
    return capture


def is_in_silver(status: dict[str, Any]) -> bool:
    rows = {name: stage["rows"] for name, stage in status["stages"].items()}
    return bool(rows["postgres"]) and rows["silver"] == rows["postgres"]


def windows_of(stack: Stack, start: datetime) -> dict[str, Figures]:
    """The newest five-minute window of each location that began then."""
    wanted = start.strftime("%Y-%m-%dT%H:%M:%SZ")
    consumer = Consumer(
        {
            "bootstrap.servers": stack.settings.kafka_address,
            "group.id": "proof",
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )
    found: dict[str, Figures] = {}
    try:
        consumer.assign([TopicPartition(LIVE_OCCUPANCY_TOPIC, 0, OFFSET_BEGINNING)])
        while (message := consumer.poll(30)) is not None and not message.error():
            key = orjson.loads(message.key())
            if (key["place_kind"], key["window_kind"], key.get("window_start_at")) != (
                "location",
                "tumbling_5",
                wanted,
            ):
                continue
            found.pop(key["place"], None)
            if message.value():
                value = orjson.loads(message.value())
                found[key["place"]] = (
                    value["bay_seconds"],
                    value["online_seconds"],
                    value["occupied_seconds"],
                    value["uncertain_seconds"],
                    value["arrivals"],
                    value["departures"],
                )
    finally:
        consumer.close()
    return found


def summed(windows: list[dict[str, Figures]]) -> dict[str, Figures]:
    places = {place for window in windows for place in window}
    nothing: Figures = (0.0, 0.0, 0.0, 0.0, 0, 0)
    return {
        place: tuple(map(sum, zip(*(window.get(place, nothing) for window in windows), strict=True)))  # type: ignore[misc]
        for place in places
    }


def of_gold(stack: Stack, start: datetime) -> dict[str, Figures]:
    table = DeltaTable(Home(stack.home).gold / "fact_occupancy").to_pyarrow_table(
        filters=[("starts_at", "=", start)]
    )
    return {
        row["location_key"]: (
            60 * row["bay_minutes"],
            60 * row["online_minutes"],
            60 * row["occupied_minutes"],
            60 * row["uncertain_minutes"],
            row["arrivals"],
            row["departures"],
        )
        for row in table.to_pylist()
    }
