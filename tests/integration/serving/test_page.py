"""The map in a real browser shows every bay of the real capture, and changes as the stream says."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from e2e.page.browser import (
    DESKTOP,
    PHONE,
    Scheme,
    Size,
    click_on,
    drawn_colour,
    drawn_state,
    look_at,
    open_page,
    shown,
    theme_colour,
    wait_for_connection,
    wait_for_drawn_state,
    wait_until_drawn,
)
from integration.serving.change_log import ChangeLog, Row, poll, sensor
from integration.serving.conftest import StartServer
from integration.serving.running import RunningServer
from melpark.places import STATIC_PAGE
from melpark.stack import web_page

CITY = {"source": "replay", "capture_dir": "."}


@pytest.fixture(scope="session", autouse=True)
def _built_page(tmp_path_factory: pytest.TempPathFactory) -> None:
    web_page.build(tmp_path_factory.mktemp("web") / "build.log")


@pytest.fixture
def city(log: ChangeLog, real_capture: Path) -> dict[str, Row]:
    """The newest poll of the capture, in the log."""
    file = max((real_capture / "on-street-parking-bay-sensors").glob("*.json.gz"))
    records = json.loads(gzip.decompress(file.read_bytes()))
    newest = max(record["lastupdated"] for record in records)
    rows = [_row(record, newest) for record in records]
    log.write(rows, [poll()])
    return {row["kerbside_id"]: row for row in rows}


@pytest.mark.real_data
@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_every_bay_is_drawn_and_counted(
    log: ChangeLog, city: dict[str, Row], start_server: StartServer, size: Size, scheme: Scheme
) -> None:
    server = _ready(start_server(log, CITY))
    with open_page(server.url, size, scheme) as opened:
        wait_until_drawn(opened.page, len(city))
        wait_for_connection(opened.page, "live")
        assert len(city) == 3309
        tiles = ("free", "taken", "overstaying", "silent")
        counted = {tile: int(shown(opened.page, f"#count-{tile}").replace(",", "")) for tile in tiles}
        assert sum(counted.values()) == 3309
        told = server.bays().values()
        assert counted["silent"] == sum(not bay["is_online"] or bay["is_suspect"] for bay in told)
        assert sum(not bay["is_online"] for bay in told) == sum(not row["is_online"] for row in city.values())
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert shown(opened.page, "#attribution") == "City of Melbourne Open Data, CC BY 4.0"
        assert not opened.page.locator("#simulated").is_visible()


@pytest.mark.real_data
def test_a_bay_changes_its_colour_when_its_change_arrives(
    log: ChangeLog, city: dict[str, Row], start_server: StartServer
) -> None:
    row = next(
        row
        for row in city.values()
        if row["status"] == "Unoccupied" and row["is_online"] and _is_alone(row, city)
    )
    now = "2025-08-07T01:10:00.000000Z"
    bay = row["kerbside_id"]
    server = _ready(start_server(log, CITY))
    with open_page(server.url) as opened:
        wait_until_drawn(opened.page, 3309)
        look_at(opened.page, bay)
        assert drawn_state(opened.page, bay) == "free"
        assert drawn_colour(opened.page, bay) == pytest.approx(theme_colour(opened.page, "free-fill"), abs=2)
        log.write([row | {"status": "Present", "status_changed_at": now}])
        wait_for_drawn_state(opened.page, bay, "taken")
        assert drawn_colour(opened.page, bay) == pytest.approx(theme_colour(opened.page, "taken"), abs=2)
        log.write([row | {"status": "Present", "is_online": False}])
        wait_for_drawn_state(opened.page, bay, "offline")


def test_the_page_asks_nothing_of_another_origin_and_breaks_no_policy(
    log: ChangeLog, start_server: StartServer
) -> None:
    log.write([sensor("1")], [poll()])
    server = _ready(start_server(log))
    with open_page(server.url) as opened:
        wait_until_drawn(opened.page, 1)
        wait_for_connection(opened.page, "live")
        look_at(opened.page, "1")
        assert opened.origins() == {server.url}
        assert opened.complaints == []
    with open_page(f"{server.url}/docs") as opened:
        opened.page.get_by_text("/api/v1/bays/{kerbside_id}").first.wait_for()
        assert opened.origins() == {server.url}
        assert opened.complaints == []


def test_nothing_that_is_built_loads_from_elsewhere() -> None:
    for file in STATIC_PAGE.rglob("*"):
        if file.suffix in {".html", ".css"}:
            loaded = re.findall(r"""(?:src|href)=["']?([^"' >]+)|url\(["']?([^"')]+)""", file.read_text())
            assert not [
                name for pair in loaded for name in pair if name.startswith(("http:", "https:", "//"))
            ]
    assert (STATIC_PAGE / "index.html").exists()


def test_simulated_data_is_called_so_on_the_page(log: ChangeLog, start_server: StartServer) -> None:
    log.write([sensor("1")], [poll()])
    server = _ready(start_server(log))
    for size in (DESKTOP, PHONE):
        with open_page(server.url, size) as opened:
            opened.page.locator("#simulated").wait_for()
            assert "Simulated data" in shown(opened.page, "#simulated")
            box = opened.page.locator("#simulated").bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= size[0]


def test_a_frozen_feed_is_called_so_on_the_page_and_in_the_api(
    log: ChangeLog, start_server: StartServer
) -> None:
    """The newest change of any bay counts: one has not changed for four days, the other for three hours."""
    changed_at = ("2025-08-03T01:00:00.000000Z", "2025-08-06T22:11:39.000000Z")
    log.write([sensor(str(number), status_changed_at=at) for number, at in enumerate(changed_at)], [poll()])
    server = _ready(start_server(log))
    told = server.client.get("/api/v1/freshness").json()
    assert told["is_frozen"]
    assert 0 <= told["unchanged_seconds"] - 3 * 3600 <= 120
    with open_page(server.url, DESKTOP) as opened:
        warning = opened.page.locator("#freshness strong")
        warning.wait_for()
        assert "No bay has changed for 3 h" in warning.inner_text()


def test_a_bay_is_found_and_left_by_keyboard_alone(log: ChangeLog, start_server: StartServer) -> None:
    log.write([sensor("7570N", "Present", zone_number=None)], [poll()])
    server = _ready(start_server(log))
    with open_page(server.url) as opened:
        page = opened.page
        wait_until_drawn(page, 1)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.keyboard.type("7570N")
        page.keyboard.press("Enter")
        page.locator("#card").wait_for()
        assert shown(page, "#card-title") == "Bay 7570N"
        assert shown(page, "#card-status") == "Taken"
        assert "AEST" in shown(page, "#card-facts")
        page.keyboard.press("Escape")
        assert not page.locator("#card").is_visible()
        assert page.evaluate("document.activeElement.id") == "search"


def test_a_map_that_was_moved_comes_to_rest(log: ChangeLog, start_server: StartServer) -> None:
    log.write([sensor("1")], [poll()])
    server = _ready(start_server(log))
    with open_page(server.url) as opened:
        wait_until_drawn(opened.page, 1)
        # The address follows the map, which must not follow the address in turn, for ever.
        assert (
            opened.page.evaluate(
                """() => new Promise((resolve) => {
                const { map } = window.__melpark;
                let moves = 0;
                map.on("moveend", () => (moves += 1));
                map.jumpTo({ center: [144.96, -37.81], zoom: 15 });
                window.setTimeout(() => resolve(moves), 500);
            })"""
            )
            == 1
        )


def test_a_click_on_a_bay_opens_its_card_which_follows_its_changes(
    log: ChangeLog, start_server: StartServer
) -> None:
    log.write([sensor("1")], [poll()])
    server = _ready(start_server(log))
    with open_page(server.url) as opened:
        page = opened.page
        wait_until_drawn(page, 1)
        look_at(page, "1")
        click_on(page, "1")
        page.locator("#card").wait_for()
        assert shown(page, "#card-status") == "Free"
        log.write([sensor("1", "Present")])
        page.locator("#card-status").get_by_text("Taken").wait_for()


def test_the_page_says_when_the_server_is_gone_and_catches_up_with_the_next(
    log: ChangeLog, start_server: StartServer
) -> None:
    log.write([sensor("1"), sensor("2", longitude=144.961)], [poll()])
    first = _ready(start_server(log))
    with open_page(first.url) as opened:
        wait_until_drawn(opened.page, 2)
        wait_for_connection(opened.page, "live")
        first.stop()
        wait_for_connection(opened.page, "reconnecting")
        log.write([sensor("1", "Present"), sensor("3", longitude=144.962)])
        log.delete(sensor("2"))
        start_server(log, port=first.port)
        wait_for_connection(opened.page, "live")
        opened.page.wait_for_function("() => [...window.__melpark.bays.keys()].sort().join() === '1,3'")
        wait_until_drawn(opened.page, 2)
        look_at(opened.page, "1")
        wait_for_drawn_state(opened.page, "1", "taken")


def _is_alone(row: Row, city: dict[str, Row]) -> bool:
    """No other bay is drawn over it: none is within ten metres or so."""
    near = [
        other
        for other in city.values()
        if abs(other["longitude"] - row["longitude"]) + abs(other["latitude"] - row["latitude"]) < 1e-4
    ]
    return len(near) == 1


def _ready(server: RunningServer) -> RunningServer:
    server.wait_until_ready()
    return server


def _row(record: dict[str, Any], newest: str) -> Row:
    return sensor(
        str(record["kerbsideid"]),
        record["status_description"],
        status_changed_at=record["status_timestamp"].replace("+00:00", "Z"),
        zone_number=record["zone_number"],
        longitude=record["location"]["lon"],
        latitude=record["location"]["lat"],
        is_online=record["lastupdated"] == newest,
    )
