"""Every view of the page in one browser, over a small lake and a made-up present: it shows what the API says."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from e2e.page.accessibility import too_faint_in_the_other_palette, violations
from e2e.page.browser import PHONE, OpenPage, Scheme, Size, launched, new_page, shown
from integration.serving import small_city, small_lake
from integration.serving.running import listening
from integration.serving.whole_app import ALERTS, whole_app
from melpark.places import Home
from melpark.processing import job_runs
from melpark.stack import web_page

# Small, for a software renderer pays for each pixel.
DESKTOP: Size = (1000, 620)
VIEWS = ("map", "now", "trends", "overstays", "health")
# Came 20 to 90 minutes ago under 2P on a Friday afternoon, so it may stay until 18:00 at the latest, and then for good.
PARKED = next(
    sensor
    for sensor in small_city.SENSORS
    if (sensor.zone_number, sensor.status, sensor.is_online, sensor.is_retired) == (1, "Present", True, False)
    and 20 <= (small_city.AS_OF - sensor.status_changed_at) / small_city.MINUTE <= 90
)
CHARTS = ("accumulation", "week", "dates", "seasons", "stays", "overstays", "revenue", "historical")
IS_SETTLED = """() => window.__melpark?.bays.size > 0 && !document.querySelector("[aria-busy]")
    && (window.__melpark.ready || document.body.dataset.view !== "map")"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server, Flink off."""
    folder = tmp_path_factory.mktemp("dashboard")
    web_page.build(folder / "build.log")
    app = whole_app(folder / "home", live=False)
    know_the_parked(Home(folder / "home"))
    small_lake.write_gold(Home(folder / "home"), "fact_occupancy", unfinished(), by="local_date")
    job_runs.tell(Home(folder / "home"), "tests of gold", 12.0, "1 of 3 failed")
    with listening(app) as url:
        yield url


def know_the_parked(home: Home) -> None:
    """Gold knows the meter of a bay, and its stays up to the one before the vehicle that stands there now."""
    place = small_lake.BAYS[1] | {
        "kerbside_id": PARKED.kerbside_id,
        "bay_version_key": PARKED.kerbside_id,
        "street": "Middle Street",
        "street_description": "Middle Street between A and B",
        "meter_id": "871A",
        "has_credit_card": False,
        "has_tap_and_go": True,
        "is_current": True,
    }
    small_lake.write_gold(home, "dim_bays", [*small_lake.BAYS, place])
    # Of `sessions()`: 45 minutes, of unknown length, and over for certain and not left when gold was built.
    changes: list[dict[str, Any]] = [
        {"verdict": "within", "duration_minutes": 45.0, "is_overstay": False},
        {"verdict": "within", "duration_minutes": None, "duration_min_minutes": 0.0, "is_overstay": False},
        {"verdict": "overstay", "ending": "open", "duration_minutes": None, "departure_at": None},
    ]
    base = next(row for row in small_lake.sessions() if row["verdict"] == "overstay")
    stays = [
        base
        | {
            "kerbside_id": PARKED.kerbside_id,
            "session_key": f"parked-{hours_ago}",
            "arrival_at": came_at(hours_ago),
            "arrival_max_at": came_at(hours_ago),
        }
        | changed
        for hours_ago, changed in zip((5, 4, 3), changes, strict=True)
    ]
    small_lake.write_gold(home, "fact_parking_sessions", [*small_lake.sessions(), *stays], by="ended_on")


def unfinished() -> list[small_lake.Row]:
    """Quarter hours of which the newest is a minute old, as whenever gold is built."""
    rows = small_lake.quarter_hours()
    newest = max(row["starts_at"] for row in rows)
    minutes = ("bay_minutes", "online_minutes", "occupied_minutes", "uncertain_minutes")
    return [row | {name: row[name] / 15 for name in minutes if row["starts_at"] == newest} for row in rows]


def came_at(hours_ago: int) -> datetime:
    return small_city.AS_OF - timedelta(hours=hours_ago)


def clock(at: datetime) -> str:
    """As the page tells a time of this week."""
    return f"{at.astimezone(small_lake.MELBOURNE):%a, %H:%M} AEST"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def opened(browser: Browser, url: str) -> Iterator[Callable[..., OpenPage]]:
    """Opens the page at a view's address; closed with the test."""
    pages: list[OpenPage] = []

    def open_view(
        address: str, size: Size = DESKTOP, scheme: Scheme = "light", safe: bool = False
    ) -> OpenPage:
        script = "localStorage.setItem('melpark-palette', 'safe')" if safe else None
        found = new_page(browser, f"{url}/#/{address}", size, scheme, script)
        pages.append(found)
        found.page.wait_for_function(IS_SETTLED)
        return found

    yield open_view
    for found in pages:
        found.page.close()


def ask(url: str, path: str, **query: Any) -> Any:
    return httpx.get(f"{url}/api/v1/{path}", params=query).raise_for_status().json()


def number(page: Page, selector: str) -> int:
    return int(shown(page, selector).split()[0].replace(",", ""))


@pytest.mark.parametrize(("size", "scheme", "safe"), [(DESKTOP, "light", False), (PHONE, "dark", True)])
def test_every_view_is_accessible_fits_its_screen_and_asks_nobody_else(
    opened: Callable[..., OpenPage], url: str, size: Size, scheme: Scheme, safe: bool
) -> None:
    found = opened("map?card=7&table=1", size, scheme, safe)
    for view in VIEWS:
        if view != "map":
            found.page.get_by_role("navigation").get_by_role("link", name=view).click()
            found.page.wait_for_selector(f"#{view}")
            found.page.wait_for_function(IS_SETTLED)
        assert violations(found.page) == [], view
        assert too_faint_in_the_other_palette(found.page) == [], view
        assert found.page.evaluate("document.documentElement.scrollWidth") <= size[0], view
    assert found.origins() == {url}
    assert found.complaints == []


def test_an_address_holds_the_view_and_going_back_leads_back(
    opened: Callable[..., OpenPage], url: str
) -> None:
    page = opened("map?zone=1&status=taken&at=-37.81400,144.96400,15.50&card=7").page
    told = ask(url, "bays", zone=1)["bays"]
    telling = [
        bay for bay in told if bay["is_online"] and not bay["is_suspect"] and bay["status"] == "Present"
    ]
    assert number(page, "#count-taken") == sum(not bay["is_overstay"] for bay in telling)
    assert number(page, "#count-overstaying") == sum(bay["is_overstay"] for bay in telling)
    assert shown(page, "#count-free") == "0"
    assert shown(page, "#card-title") == "Bay 7"
    assert page.evaluate("window.__melpark.map.getZoom()") == pytest.approx(15.5)
    page.get_by_role("link", name="Now", exact=True).click()
    page.wait_for_selector("#now")
    assert "zone=1" in page.url
    page.go_back()
    page.wait_for_selector("#count-taken")
    assert shown(page, "#card-title") == "Bay 7"


def test_the_card_tells_the_rule_now_and_next_how_long_one_may_stay_the_meter_and_the_last_stays(
    opened: Callable[..., OpenPage],
) -> None:
    page = opened(f"map?card={PARKED.kerbside_id}").page
    expect(page.locator(".last-stays li")).to_have_count(3)
    facts = page.locator("#card-facts > div")
    told = dict(
        zip(facts.locator("dt").all_inner_texts(), facts.locator("dd").all_inner_texts(), strict=True)
    )
    assert told["Rule now"] == "2P (2P), until Fri, 18:30 AEST"
    assert told["Then"] == "no limit"
    until = (PARKED.status_changed_at + timedelta(hours=2)).astimezone(small_lake.MELBOURNE)
    assert told["May stay"].startswith("until Fri, 8 Aug 2025")
    assert told["May stay"].endswith(f"{until:%H:%M} AEST")
    assert told["Meter"] == "871A, tap-and-go"
    assert page.locator(".last-stays li").all_inner_texts() == [
        f"{clock(came_at(3))}: left since, not summed up yet, overstayed",
        f"{clock(came_at(4))}: length not known",
        f"{clock(came_at(5))}: 45 min",
    ]


def test_who_wants_no_motion_gets_none(opened: Callable[..., OpenPage]) -> None:
    blinks = """() => {
        document.body.dataset.connection = "reconnecting";
        return getComputedStyle(document.querySelector(".lamp")).animationName;
    }"""
    flies = """(bay) => {
        document.querySelector("#search").value = bay;
        document.querySelector("#find button").click();
        return window.__melpark.map.isMoving();
    }"""
    page = opened("map", size=PHONE).page
    moves = {}
    motions: tuple[Literal["reduce", "no-preference"], ...] = ("reduce", "no-preference")
    for bay, motion in zip((PARKED.kerbside_id, "7"), motions, strict=True):
        page.emulate_media(reduced_motion=motion)
        moves[motion] = page.evaluate(flies, bay), page.evaluate(blinks)
    assert moves == {"reduce": (False, "none"), "no-preference": (True, "blink")}


def test_the_filter_by_length_of_stay_shows_where_one_may_stay(
    opened: Callable[..., OpenPage], url: str
) -> None:
    page = opened("map").page
    page.get_by_label("I want to stay").select_option("90 minutes")
    spots = ask(url, "where-to-park", near="144.963,-37.815", minutes=90, radius_metres=5000, limit=5000)[
        "spots"
    ]
    assert 0 < len(spots) < 400
    expect(page.locator("#count-free")).to_have_text(str(len(spots)))
    assert "minutes=90" in page.url
    page.get_by_label("Stay category now").select_option("1P")
    expect(page.locator(".found")).to_contain_text("No bay fits")
    page.get_by_role("button", name="Show all bays").click()
    expect(page.locator(".found")).to_have_text("All 400 bays")


def test_streets_are_drawn_from_afar_and_bays_as_boxes_from_near(opened: Callable[..., OpenPage]) -> None:
    page = opened("map?at=-37.81360,144.96310,12.00").page
    drawn = "(layer) => window.__melpark.map.queryRenderedFeatures({ layers: [layer] }).length"
    occupancy = """() => window.__melpark.map.queryRenderedFeatures({ layers: ["street-occupancy"] })
        .some((feature) => feature.state.occupancy >= 0)"""
    page.wait_for_function(occupancy)
    assert page.evaluate(drawn, "bays") == 0
    page.evaluate(
        "async () => { const { map } = window.__melpark; map.jumpTo({ zoom: 17 }); await map.once('idle'); }"
    )
    assert page.evaluate(drawn, "bay-shapes") > 0
    assert page.evaluate(drawn, "bays") == 0
    assert page.get_by_text("Middle Street").count() > 0


def test_the_table_is_used_by_keyboard_alone(opened: Callable[..., OpenPage], url: str) -> None:
    page = opened("map?zone=2&table=1").page
    page.get_by_role("button", name="Bay", exact=True).focus()
    page.keyboard.press("Enter")
    rows = page.locator(".bay-table tbody tr")
    ids = sorted((bay["kerbside_id"] for bay in ask(url, "bays", zone=2)["bays"]), key=int, reverse=True)
    assert rows.locator("th").all_inner_texts() == ids[:50]
    rows.first.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#card")).to_be_focused()
    assert shown(page, "#card-title") == f"Bay {ids[0]}"
    page.keyboard.press("Escape")
    expect(rows.first.get_by_role("button")).to_be_focused()


def test_now_tells_the_figures_of_the_live_bays_and_that_alerts_are_off(
    opened: Callable[..., OpenPage], url: str
) -> None:
    page = opened("now").page
    telling = [bay for bay in ask(url, "bays")["bays"] if bay["is_online"] and not bay["is_suspect"]]
    taken = [bay for bay in telling if bay["status"] == "Present"]
    assert number(page, "#kpi-occupancy .value") == round(100 * len(taken) / len(telling))
    assert number(page, "#kpi-free .value") == len(telling) - len(taken)
    assert number(page, "#kpi-overstays .value") == len(ask(url, "overstays/now", limit=5000)["overstays"])
    assert "Full zones" in shown(page, "#kpi-alerts")
    assert "Alerts are off." in shown(page, "#kpi-alerts")
    # The newest hour and quarter hour are not over.
    hour = ask(url, "turnover", place_kind="city", step="hour", limit=2)["turnover"][1]
    assert shown(page, "#kpi-turnover .value") == f"{hour['turnover_per_hour']:.2f}"
    quarter = ask(url, "occupancy", place_kind="city", step="quarter_hour", limit=2)["occupancy"][1]
    free = round((quarter["online_minutes"] - quarter["occupied_minutes"]) / 15)
    label = page.locator("#kpi-free svg").get_attribute("aria-label") or ""
    assert label.endswith(f"last {free}.0")
    assert page.locator("#kpi-occupancy svg path").count() == 1


def test_alerts_of_now_follow_the_filters(opened: Callable[..., OpenPage]) -> None:
    page = opened("map?zone=1").page
    raised = [alert for alert in ALERTS if alert["state"] == "raised"]
    assert {alert["place"] for alert in raised} == {"1", "3"}
    # As with Flink on.
    page.route("**/api/v1/alerts?*", lambda route: route.fulfill(json={"alerts": raised}))
    page.get_by_role("link", name="Now", exact=True).click()
    alerts = page.locator("#kpi-alerts")
    expect(alerts).to_contain_text("raised now, of these bays and their zones")
    assert shown(page, "#kpi-alerts .value") == "1"
    page.evaluate("location.hash = '#/now'")
    expect(alerts).to_contain_text("raised now, whole city")
    assert shown(page, "#kpi-alerts .value") == "2"


def test_overstays_are_those_of_the_api_the_longest_first(opened: Callable[..., OpenPage], url: str) -> None:
    page = opened("overstays?zone=1").page
    told = ask(url, "overstays/now", zone=1, limit=5000)["overstays"]
    told.sort(key=lambda row: -row["overstay_minutes"])
    cells = page.locator("#overstays tbody tr")
    assert cells.count() == min(len(told), 40)
    assert cells.first.locator("th").inner_text() == told[0]["kerbside_id"]
    assert {cells.nth(index).locator("th").inner_text() for index in range(cells.count())} <= {
        row["kerbside_id"] for row in told
    }


def test_trends_draw_each_chart_and_give_it_as_csv_and_picture(
    opened: Callable[..., OpenPage], url: str, tmp_path: Path
) -> None:
    page = opened("trends?from=2025-08-01&to=2025-08-31").page
    for chart in CHARTS:
        figure = page.locator(f"#chart-{chart}")
        assert figure.locator("canvas").count() == 1, chart
        origin = "City's files, 2011 to 2020" if chart == "historical" else "Simulated"
        assert figure.locator(".origin").inner_text() == origin
    # The lake begins in a day, and ends today.
    said = page.locator("#chart-dates figcaption")
    expect(said).to_contain_text("2025-08-06 and 2025-08-08 are parts of days")
    expect(said).to_contain_text("Most turnover on 2025-08-07")
    with page.expect_download() as csv:
        page.get_by_role("button", name="Occupancy by weekday and hour as CSV").click()
    query: dict[str, str | int] = {"start_on": "2025-08-01", "end_on": "2025-08-31", "limit": 5000}
    wanted = httpx.get(f"{url}/api/v1/trends/week", params=query, headers={"Accept": "text/csv"}).text
    csv.value.save_as(tmp_path / "week.csv")
    assert (tmp_path / "week.csv").read_bytes().decode() == wanted
    with page.expect_download() as png:
        page.get_by_role("button", name="Occupancy by weekday and hour as PNG").click()
    png.value.save_as(tmp_path / "week.png")
    picture = (tmp_path / "week.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 5000
    page.locator("#chart-week summary").click()
    hours = ask(url, "trends/week", **query)["hours"]
    expect(page.locator("#chart-week tbody tr")).to_have_count(len(hours))
    page.get_by_label("To", exact=True).fill("2025-08-01")
    expect(page.locator("#trends .problem.empty").first).to_contain_text("Gold knows nothing of these days")


def test_health_tells_both_ages_sensors_polls_and_that_no_stack_measures(
    opened: Callable[..., OpenPage], url: str
) -> None:
    page = opened("health").page
    fresh = ask(url, "freshness")
    assert shown(page, "#kpi-source .value") == f"{fresh['source_age_seconds']:.0f} s"
    assert "Not told here." in shown(page, "#health")
    assert "Off here." in shown(page, "#operation")
    # Known without Flink and without a stack.
    assert "The newest run of tests of gold failed" in shown(page, "#operation")
    checked = page.locator("#checks tr", has_text="Tests of gold").inner_text()
    assert "not good" in checked
    assert "runs at night" in page.locator("#checks tr", has_text="Nightly care").inner_text()
    sensors = ask(url, "data-quality/sensors")["sensors"]
    silent = sum(one["is_stale"] or not one["is_online"] for one in sensors if not one["is_retired"])
    row = page.locator("#health tr", has_text="Silent")
    assert row.locator("td").inner_text() == str(silent)
    polls = ask(url, "data-quality")["polls"][0]
    assert f"{polls['accepted']}" in page.locator("#health tr", has_text=polls["dataset"]).inner_text()


def test_colours_are_chosen_and_kept(opened: Callable[..., OpenPage]) -> None:
    page = opened("map").page
    page.locator(".looks summary").click()
    page.get_by_label("Colours", exact=True).last.select_option("Colour-blind safe")
    page.get_by_label("Brightness").select_option("Dark")
    page.reload()
    page.wait_for_function(IS_SETTLED)
    assert json.loads(page.evaluate("JSON.stringify(document.documentElement.dataset)")) == {
        "palette": "safe",
        "scheme": "dark",
    }
