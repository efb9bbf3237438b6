"""Laws of the windows that Flink publishes: the pure functions' figures, whoever is killed meanwhile."""

from datetime import timedelta
from typing import Any

import pytest

from integration.capture.engines import wait_until
from integration.live.conftest import Live
from integration.live.made_up_bays import FIRST_POLL_AT
from melpark.parking.intervals import Interval
from melpark.parking.kpis import Measure, occupancy_percent
from melpark.processing.live.cluster import Cluster
from melpark.processing.live.jobs import jobs
from melpark.stack import live_jobs

MINUTES = {"tumbling_5": 5, "hopping_30": 30}
SLOT = timedelta(minutes=5)
FEED_LAG = timedelta(minutes=3)
PUBLISHED_AGAIN = timedelta(hours=3)
FIRST_WINDOW_AT = FIRST_POLL_AT.replace(minute=0, second=0) + timedelta(hours=1)


def closed(live: Live) -> list[tuple[str, Interval]]:
    """The windows that polls have closed, wholly after the first poll, and that are published again if need be."""
    found = []
    closed_until = live.city.known_until - FEED_LAG
    for kind, minutes in MINUTES.items():
        window = Interval(FIRST_WINDOW_AT, FIRST_WINDOW_AT + timedelta(minutes=minutes))
        while window.end_at <= closed_until:
            if window.end_at > closed_until - PUBLISHED_AGAIN:
                found.append((kind, window))
            window = Interval(window.start_at + SLOT, window.end_at + SLOT)
    return found


def figures(of: Measure, hours: float) -> tuple[Any, ...]:
    return (
        of.whole.total_seconds(),
        of.online.total_seconds(),
        of.occupied.total_seconds(),
        of.uncertain.total_seconds(),
        of.arrivals,
        of.departures,
        of.arrivals / hours,
        occupancy_percent(of),
    )


def published(value: dict[str, Any]) -> tuple[Any, ...]:
    names = ("bay_seconds", "online_seconds", "occupied_seconds", "uncertain_seconds")
    return tuple(value[name] for name in (*names, "arrivals", "departures", "turnover", "occupancy_percent"))


def differences(live: Live) -> list[str]:
    """Each zone's, the street's and the city's windows that are not those of the pure functions."""
    found = live.log.occupancy()
    wrong = []
    for kind, window in closed(live):
        places: list[tuple[str, str, int | None]] = [("city", "melbourne", None), ("street", "Unknown", None)]
        for number in range(7000, 7004):
            places += [("zone", str(number), number), ("location", f"{number}-{number + 13000}", number)]
        for place_kind, place, zone in places:
            value = found.get((place_kind, place, kind, window.start_at.strftime("%Y-%m-%dT%H:%M:%SZ")))
            expected = figures(live.city.expected(zone, window), MINUTES[kind] / 60)
            if value is None or published(value) != pytest.approx(expected):
                wrong.append(f"{place_kind} {place} {kind} {window.start_at}: {value} instead of {expected}")
    return wrong


def wait_until_right(live: Live) -> None:
    """Flink needs a moment; then every figure is right."""
    wrong: list[str] = []

    def is_right() -> bool:
        wrong[:] = differences(live)
        return not wrong

    try:
        wait_until(is_right, "every figure is right", seconds=400)
    except AssertionError:
        pytest.fail("\n".join([f"{len(wrong)} figures are wrong:", *wrong[:10]]))


TOPICS = ("sensor_events", "sensor_states", "feed_outages", "polls")


# Meanwhile vehicles leave that have stood there for a day, and a silence is told before, amid and after all else.
@pytest.mark.parametrize(
    "order",
    [TOPICS, TOPICS[::-1], ("polls", "sensor_events", "feed_outages", "sensor_states")],
    ids=["events before the clock", "the clock before events", "the clock before a silence"],
)
def test_windows_are_right_in_whatever_order_topics_are_read(live: Live, order: tuple[str, ...]) -> None:
    live.poll_topic_by_topic([2, 3, 2, 4, 2, 27, 2, 2, 3, 2, 2, 2], (*order, "sensors"))
    wait_until_right(live)


def test_windows_are_those_of_the_pure_functions_also_where_nothing_happened_and_over_a_silence(
    live: Live,
) -> None:
    live.poll([2] * 20 + [28] + [2] * 20)
    wait_until_right(live)
    assert len(closed(live)) > 30


def test_now_is_what_the_newest_rows_say(live: Live) -> None:
    wait_until_right(live)
    now = live.log.occupancy()["city", "melbourne", "now", None]
    assert now["bays_total"] == len(live.city.bays)
    assert (now["bays_online"], now["bays_occupied"]) == live.city.now()
    assert now["window_end_at"] is now["bay_seconds"] is now["arrivals"] is None


def test_later_knowledge_publishes_windows_again_and_what_is_older_goes_to_the_late_topic(live: Live) -> None:
    wait_until_right(live)
    before = live.log.occupancy()
    live.log.write(live.city.poll_with_late_report(timedelta(minutes=20)).rows)
    wait_until_right(live)
    now = live.log.occupancy()
    start = (live.city.known_until - timedelta(minutes=15)).replace(second=0)
    start -= timedelta(minutes=start.minute % 5)
    again = ("city", "melbourne", "tumbling_5", start.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert now[again]["occupied_seconds"] != before[again]["occupied_seconds"]
    assert now[again]["published_at"] > before[again]["published_at"]
    older = live.city.poll_with_late_report(timedelta(hours=4))
    live.log.write(older.rows)
    at = older.rows["sensor_events"][-1]["status_changed_at"][:19] + "Z"
    wait_until(lambda: at in [row["happened_at"] for row in live.log.late()], "it is counted")
    wait_until_right(live)


def test_totals_hold_when_the_task_manager_is_killed(live: Live) -> None:
    live.poll([2, 2])
    live.engines.kill("taskmanager")
    live.poll([2, 2])
    live.engines.start("taskmanager")
    live.poll([2, 2])
    wait_until_right(live)


def test_jobs_go_on_from_their_newest_checkpoint_when_the_job_manager_is_killed(live: Live) -> None:
    wait_until(live.is_well, "every job runs")
    live.engines.kill("jobmanager")
    live.poll([2, 2])
    live.engines.start("jobmanager")
    said: list[str] = []
    wait_until(lambda: Cluster(live.settings.flink_port).has_room(), "the task manager is back")
    live_jobs.deploy(live.settings, said.append)
    assert len(said) == len(jobs())
    assert all("goes on from" in line and "/checkpoints/" in line for line in said)
    live.poll([2, 2])
    wait_until_right(live)


def test_jobs_that_run_are_replaced_by_force_without_losing_or_doubling_anything(live: Live) -> None:
    wait_until(live.is_well, "every job runs")
    before = {job.job_id for job in Cluster(live.settings.flink_port).running()}
    assert live_jobs.deploy(live.settings, print) == []
    live.poll([2, 2])
    said: list[str] = []
    assert live_jobs.deploy(live.settings, said.append, is_forced=True) == [job.title for job in jobs()]
    assert all("goes on from" in line and "/savepoints/" in line for line in said)
    after = {job.job_id for job in Cluster(live.settings.flink_port).running()}
    assert len(after) == len(before) == len(jobs())
    assert not after & before
    live.poll([2, 2])
    wait_until_right(live)
