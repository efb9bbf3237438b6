"""From commit in PostgreSQL to the event in a real browser's page, beside a bare Kafka consumer of the same commits."""

import time
from typing import Any

from playwright.sync_api import Page

import cdc_latency
from e2e.page.browser import open_page, wait_for_connection
from live_changes import Seen, commit, kafka_follower, moment
from melpark.settings import Settings

WAIT_SECONDS = 120.0
CLOCK_LOOKS = 20
# The page's own EventSource, with an ear before its listeners.
LISTEN = """
window.__seen = [];
window.EventSource = class extends EventSource {
    constructor(...given) {
        super(...given);
        this.addEventListener("bays", (event) => {
            const at = performance.timeOrigin + performance.now();
            for (const bay of JSON.parse(event.data)) window.__seen.push([bay.kerbside_id, bay.status_changed_at, at]);
        });
    }
};
"""
TAKE = "() => window.__seen.splice(0)"
CLOCK = "() => performance.timeOrigin + performance.now()"


def measure(settings: Settings, url: str, rates: list[float], seconds: float) -> dict[str, Any]:
    """p50, p95 and p99 in milliseconds at each rate; one page stays open for all."""
    report = {}
    with open_page(url, script=LISTEN) as opened:
        wait_for_connection(opened.page, "live")
        _warm_up(settings, opened.page)
        for rate in rates:
            ahead = _clock_ahead(opened.page)
            with kafka_follower(settings) as kafka:
                committed = commit(settings, rate, max(2, round(rate * seconds)))
                page = _page_seen(opened.page, committed, ahead)
                found = {
                    "kafka": cdc_latency.percentiles(_plain(committed), _plain(kafka)),
                    "page": cdc_latency.percentiles(_plain(committed), _plain(page)),
                }
            for row in found.values():
                row["p50_of_kafka"] = row["p50"] / found["kafka"]["p50"]
                row["p99_of_kafka"] = row["p99"] / found["kafka"]["p99"]
            report[f"{rate:g}/s"] = found
    return report


def _warm_up(settings: Settings, page: Page) -> None:
    """The way is open, and its code compiled, when the page has seen the first changes."""
    committed = commit(settings, 10, 50)
    if lost := committed.keys() - _page_seen(page, committed, 0).keys():
        raise SystemExit(
            f"{len(lost)} of the first 50 changes did not reach the page in {WAIT_SECONDS:.0f} s"
        )


def _page_seen(page: Page, committed: Seen, ahead: float) -> Seen:
    """When the page had each change, by our clock; waits until it has all."""
    seen: Seen = {}
    deadline = time.monotonic() + WAIT_SECONDS
    while not committed.keys() <= seen.keys() and time.monotonic() < deadline:
        for bay, changed_at, at in page.evaluate(TAKE):
            seen.setdefault((bay, moment(changed_at)), at / 1000 - ahead)
        time.sleep(0.2)
    return seen


def _clock_ahead(page: Page) -> float:
    """Seconds that the browser's clock is ahead of ours, by the quickest of some looks."""
    looks = []
    for _ in range(CLOCK_LOOKS):
        before = time.time()
        theirs = page.evaluate(CLOCK) / 1000
        after = time.time()
        looks.append((after - before, theirs - (before + after) / 2))
    return float(min(looks)[1])


def _plain(seen: Seen) -> dict[str, float]:
    return {f"{bay} {changed_at}": at for (bay, changed_at), at in seen.items()}


def lines(report: dict[str, Any]) -> list[str]:
    times = "".join(f"{name + ' ms':>9}" for name in ("p50", "p95", "p99"))
    rows = [f"{'commit to':<24}{times}{'p50 of kafka':>14}{'p99 of kafka':>14}{'commits':>9}{'lost':>6}"]
    names = {"kafka": "bare consumer", "page": "page in a browser"}
    for rate, found in report.items():
        rows += [
            f"{names[name] + ', ' + rate:<24}{row['p50']:9,.1f}{row['p95']:9,.1f}{row['p99']:9,.1f}"
            f"{row['p50_of_kafka']:14.1f}{row['p99_of_kafka']:14.1f}{row['count']:9,}{row['lost']:6,}"
            for name, row in found.items()
        ]
    return rows
