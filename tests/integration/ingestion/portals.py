"""Portals to poll: a replay of a capture on a port of its own, and a small capture to play."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import orjson
import uvicorn

from integration.ingestion.made_up_polls import at, sensor
from melpark.contracts import BAY_RESTRICTIONS, BAYS, METERS, SENSORS, SIGN_PLATES, ZONE_SEGMENTS
from melpark.settings import Settings
from melpark.simulator.capture import write_file
from melpark.simulator.server import create_app

BAY: dict[str, object] = {
    "roadsegmentid": 1,
    "kerbsideid": "1",
    "roadsegmentdescription": "A between B and C",
    "latitude": -37.81,
    "longitude": 144.95,
    "lastupdated": "2023-10-31",
}
SEGMENT: dict[str, object] = {
    "parkingzone": 7001,
    "segment_id": 1,
    "onstreet": "A",
    "streetfrom": "B",
    "streetto": "C",
}
PLATE: dict[str, object] = {
    "parkingzone": 7001,
    "restriction_days": "Mon-Fri",
    "time_restrictions_start": "07:30:00",
    "time_restrictions_finish": "18:30:00",
    "restriction_display": "2P",
}
RESTRICTION: dict[str, object] = {
    f"{name}{slot}": None
    for slot in range(1, 7)
    for name in (
        "description", "disabilityext", "duration", "effectiveonph", "endtime",
        "exemption", "fromday", "starttime", "today", "typedesc",
    )
} | {
    "bayid": 8029,
    "deviceid": 25408,
    "typedesc1": "2P Meter",
    "description1": "2P MTR M-F 7:30-18:30",
    "fromday1": 1,
    "today1": 5,
    "starttime1": "0001-01-01T07:30:00+00:00",
    "endtime1": "0001-01-01T18:30:00+00:00",
    "duration1": 120,
    "disabilityext1": 240,
    "effectiveonph1": 0,
}  # fmt: skip
METER: dict[str, object] = {
    "barcode": "MPM1630378",
    "creditcard": "Yes",
    "tapandgo": "Yes",
    "asset_id": "1630378",
    "meter_id": "871A",
    "location_description": "A between B and C",
    "latitude": -37.81,
    "longitude": 144.95,
    "location": {"lon": 144.95, "lat": -37.81},
}
REFERENCES: dict[str, list[dict[str, object]]] = {
    BAYS.dataset: [BAY],
    ZONE_SEGMENTS.dataset: [SEGMENT],
    SIGN_PLATES.dataset: [PLATE],
    BAY_RESTRICTIONS.dataset: [RESTRICTION],
    METERS.dataset: [METER],
}


def small_capture(folder: Path, polls: int = 3) -> Path:
    """A capture of one record each, and `polls` polls of two bays two minutes apart."""
    for dataset, records in REFERENCES.items():
        write_file(folder, dataset, at(0), orjson.dumps(records))
    for number in range(polls):
        minute = 2 * number
        records = [sensor(1, minute, changed=minute - 1), sensor(2, minute)]
        write_file(folder, SENSORS.dataset, at(minute), orjson.dumps(records))
    return folder


def replaying(settings: Settings, capture: Path) -> Settings:
    """Settings of a home that plays `capture` as fast as it is polled."""
    return settings.model_copy(update={"source": "replay", "capture_dir": capture, "speed": 0.0})


@contextmanager
def portal(settings: Settings) -> Iterator[Settings]:
    """Play the settings' source on a free port; yields settings that name it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        played = settings.model_copy(update={"source_port": listener.getsockname()[1]})
        with serve(played, listener):
            yield played


@contextmanager
def serve(settings: Settings, listener: socket.socket) -> Iterator[None]:
    config = uvicorn.Config(
        create_app(settings),
        log_level="warning",
        date_header=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def is_done(settings: Settings) -> bool:
    """True when every answer of the replay was acknowledged."""
    return bool(httpx.get(f"{settings.source_url}/healthz").json()["is_done"])
