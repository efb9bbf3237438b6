"""The page's own work: main-thread time of a frame while the map is panned, and first paint. Run by `make bench-page`.

A simulated city of 3,300 bays is served without engines; while the map is panned, changes arrive. Time is what
the browser's trace says of the main thread's tasks (thread time: waiting for the software renderer is left out), summed
up by frame.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

import machine
from e2e.page.browser import DESKTOP, launched, new_page, wait_for_connection
from integration.serving.running import listening
from melpark.serving.app import create_app
from melpark.serving.bays import Poll, Sensor
from melpark.serving.live import LiveState
from melpark.serving.streets import fit_streets, geojson
from melpark.settings import Settings
from melpark.simulator.city import City, build
from melpark.stack import web_page

CATEGORIES = [
    "toplevel",
    "devtools.timeline",
    "devtools.timeline.frame",
    "disabled-by-default-devtools.timeline",
]
TASK = "RunTask"
# Once in each frame of the main thread, within its task.
FRAME = "PrePaint"
PARTS = {"the streets": 13.2, "the city": 14.2, "a quarter": 15.5, "shapes of bays": 17.2}
# Paint as the browser counts it, and the moment in which every bay is drawn.
PAINT = """() => new Promise((resolve) => {
    const look = () => {
        if (document.body.dataset.baysDrawn !== "0") {
            const [first] = performance.getEntriesByName("first-contentful-paint");
            resolve({ first_paint: first ? first.startTime : null, bays_drawn: performance.now() });
        } else requestAnimationFrame(look);
    };
    look();
})"""

LOOK = """async (zoom) => {
    const { map } = window.__melpark;
    map.jumpTo({ center: [144.963, -37.8135], zoom });
    await map.once("idle");
}"""


class Feed:
    """Sensors that change at a rate while it flows, told to the live state as the change log's reader would."""

    def __init__(
        self, live: LiveState, loop: asyncio.AbstractEventLoop, sensors: list[Sensor], rate: float
    ) -> None:
        self._live, self._loop, self._sensors, self._rate = live, loop, sensors, rate
        self._over, self._flows = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    @contextmanager
    def flowing(self) -> Iterator[None]:
        self._flows.set()
        yield
        self._flows.clear()

    def stop(self) -> None:
        self._over.set()
        self._flows.set()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def _run(self) -> None:
        dice = random.Random(1)
        while not self._over.wait(1 / self._rate):
            self._flows.wait()
            at = datetime.now(UTC)
            number = dice.randrange(len(self._sensors))
            sensor = self._sensors[number]
            status = "Unoccupied" if sensor.status == "Present" else "Present"
            changed = replace(sensor, status=status, status_changed_at=at, committed_at=at)
            self._sensors[number] = changed
            self._loop.call_soon_threadsafe(self._live.apply, [changed], at)


def main() -> None:
    arguments = _arguments()
    web_page.build(Path(tempfile.gettempdir()) / "melpark-page-build.log")
    report: dict[str, Any] = {"machine": machine.described(), "measured_at": datetime.now(UTC).isoformat()}
    with served(arguments.rate) as (url, feed), launched() as browser:
        report["paint_milliseconds"] = [_paint(new_page(browser, url).page) for _ in range(arguments.opens)]
        page = new_page(browser, url, DESKTOP).page
        wait_for_connection(page, "live")
        page.wait_for_function("() => window.__melpark.ready")
        report["frames"] = {
            name: _frames(page, feed, zoom, arguments.seconds) for name, zoom in PARTS.items()
        }
    _print(report)
    arguments.output.write_text(json.dumps(report, indent=2))


@contextmanager
def served(rate: float) -> Iterator[tuple[str, Feed]]:
    """The page over a simulated city, and what lets its bays change so many times a second."""
    city = build(Settings().simulator_seed)
    settings = Settings(home=Path(tempfile.mkdtemp(prefix="melpark-bench-")), rate_limit_per_minute=0)
    live = LiveState(settings)
    now = datetime.now(UTC)
    sensors = _sensors(city, now)
    live.apply([*sensors, Poll(now, now - timedelta(minutes=1), now)], now)
    live.ready(now)
    lines = fit_streets((bay.segment.description, bay.longitude, bay.latitude) for bay in city.bays)

    feeds: list[Feed] = []

    def start(live: LiveState, loop: asyncio.AbstractEventLoop) -> Any:
        feeds.append(Feed(live, loop, sensors, rate))
        feeds[0].start()
        return feeds[0]

    app = create_app(settings, live, start, streets=lambda: geojson(lines, settings.attribution))
    with listening(app) as url:
        yield url, feeds[0]


def _sensors(city: City, now: datetime) -> list[Sensor]:
    dice = random.Random(2)
    return [
        Sensor(
            kerbside_id=str(one.kerbside_id),
            status=dice.choice(["Present", "Unoccupied"]),
            status_changed_at=now - timedelta(minutes=dice.randrange(2, 300)),
            zone_number=one.zone_number,
            longitude=one.longitude,
            latitude=one.latitude,
            is_online=dice.random() < 0.9,
            is_retired=False,
            heard_at=None,
            observed_at=now,
            committed_at=now,
        )
        for one in city.sensors
    ]


def _paint(page: Page) -> dict[str, float]:
    found: dict[str, float] = page.evaluate(PAINT)
    page.close()
    return found


def _frames(page: Page, feed: Feed, zoom: float, seconds: float) -> dict[str, float]:
    """Milliseconds of the main thread for each frame while the map is dragged to and fro."""
    page.evaluate(LOOK, zoom)
    browser = page.context.browser
    assert browser is not None
    browser.start_tracing(page=page, categories=CATEGORIES)
    x, y = 800, 420
    page.mouse.move(x, y)
    page.mouse.down()
    with feed.flowing():
        for step in range(int(seconds * 30)):
            page.mouse.move(
                x + 180 * (1 if step // 30 % 2 else -1) * (step % 30) / 30, y + 40 * (step % 7) / 7
            )
            page.wait_for_timeout(1000 / 30)
    page.mouse.up()
    events = json.loads(browser.stop_tracing())["traceEvents"]
    return summary(frame_times(events))


def frame_times(events: list[dict[str, Any]]) -> list[float]:
    """Thread time of the main thread's tasks from one frame's end to that of the next, in milliseconds."""
    frames = [event for event in events if event["name"] == FRAME]
    threads = [(event["pid"], event["tid"]) for event in frames]
    if not threads:
        raise SystemExit("The trace holds no frame of the page")
    main_thread = max(set(threads), key=threads.count)
    of_page = [event for event in events if (event["pid"], event["tid"]) == main_thread]
    painted = iter(sorted(event["ts"] for event in of_page if event["name"] == FRAME))
    tasks = sorted(
        (event["ts"], event["ts"] + event["dur"], event.get("tdur", event["dur"]) / 1000)
        for event in of_page
        if event["name"] == TASK and event["ph"] == "X"
    )
    found: list[float] = []
    spent, paint = 0.0, next(painted, None)
    for begin, end, milliseconds in tasks:
        while paint is not None and paint < begin:
            paint = next(painted, None)
        spent += milliseconds
        if paint is not None and paint <= end:
            found.append(spent)
            spent = 0.0
    return found


def summary(frames: list[float]) -> dict[str, float]:
    """Percentiles of the frames."""
    cuts = statistics.quantiles(frames, n=100, method="inclusive")
    return {"frames": len(frames), "p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "most": max(frames)}


def _print(report: dict[str, Any]) -> None:
    paints = report["paint_milliseconds"]
    for name in ("first_paint", "bays_drawn"):
        values = [paint[name] for paint in paints if paint[name] is not None]
        print(
            f"{name.replace('_', ' ')}: median {statistics.median(values):.0f} ms, most {max(values):.0f} ms"
        )
    print("main thread, ms a frame        frames    p50    p95    p99")
    for name, row in report["frames"].items():
        print(f"  {name:28} {row['frames']:6.0f} {row['p50']:6.1f} {row['p95']:6.1f} {row['p99']:6.1f}")
    print(f"machine: {report['machine']}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rate", type=float, default=100, help="changes a second")
    parser.add_argument("--seconds", type=float, default=10, help="of panning at each distance")
    parser.add_argument("--opens", type=int, default=5, help="of the page, for the first paint")
    parser.add_argument("--output", type=Path, default=Path("benchmark-page.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
