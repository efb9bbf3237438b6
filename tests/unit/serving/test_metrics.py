"""Laws of `/metrics`: it tells what the stack measured, and a stage, an engine or the whole stack may be away."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from melpark.places import Home
from melpark.serving.live import LiveState
from melpark.serving.live_answers import LiveAnswers
from melpark.serving.metrics import LiveCollector
from melpark.serving.stack_metrics import running
from melpark.serving.stream import BayChange, Stream
from melpark.settings import Settings
from unit.serving.exposed import AT, SENSORS, Client, measured, run_of_a_stack, scrape


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_every_stage_is_told_as_it_was_measured_and_one_that_is_away_is_down(home: Home) -> None:
    run_of_a_stack(home)
    said = scrape(Client(home))
    for name, stage in measured().stages.items():
        is_up = name != "serving"
        assert said.value("melpark_stage_up", stage=name) == is_up
        assert said.value("melpark_stage_rows", stage=name) == stage.rows
        assert said.value("melpark_stage_lag_seconds", stage=name) == stage.lag_seconds
        newest = said.value("melpark_stage_newest_event_timestamp_seconds", stage=name)
        assert newest == (AT.timestamp() if is_up else None)


def test_polls_rejects_and_quarantine_are_told(home: Home) -> None:
    run_of_a_stack(home)
    said = scrape(Client(home))
    outcomes = {"accepted": 7, "refused": 1, "failed": 2}
    for outcome, polls in outcomes.items():
        assert said.value("melpark_polls_total", dataset=SENSORS, outcome=outcome) == polls
    assert said.value("melpark_rejected_records_total", dataset=SENSORS) == 30
    assert said.value("melpark_poll_failed", dataset=SENSORS) == 1
    assert said.value("melpark_poll_last_accepted_timestamp_seconds", dataset=SENSORS) == AT.timestamp()
    assert said.value("melpark_quarantined_events") == 4
    assert said.value("melpark_live_late_events") == 3


def test_engines_capture_source_and_jobs_are_told(home: Home) -> None:
    run_of_a_stack(home)
    said = scrape(Client(home))
    assert said.value("melpark_stack_up") == 1
    states = [said.value("melpark_stack_state", state=state) for state in ("healthy", "starting", "degraded")]
    assert states == [0, 0, 1]
    assert said.value("melpark_engine_up", engine="engine0") == 1
    assert said.value("melpark_engine_up", engine="engine1") == 0
    assert said.value("melpark_engine_restarts_total", engine="engine0") == 0
    assert said.value("melpark_capture_whole") == 0
    assert said.value("melpark_capture_slot_active") == 1
    assert said.value("melpark_capture_slot_retained_bytes") == 2**20
    assert said.value("melpark_capture_gaps", state="open") == 1
    assert said.value("melpark_capture_gaps", state="filled") == 0
    assert said.value("melpark_source_age_seconds") == 90
    assert said.value("melpark_source_frozen") == 0
    assert said.value("melpark_job_failed", job="gold") == 0
    assert said.value("melpark_job_failed", job="maintenance") == 1
    assert said.value("melpark_job_last_success_timestamp_seconds", job="maintenance") is None


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"written_at": "soon"}', '{"written_at": 1}'])
def test_without_a_stack_that_speaks_the_scrape_succeeds_and_says_so(text: str | None, home: Home) -> None:
    if text is not None:
        home.run.mkdir()
        home.status.write_text(text)
    said = scrape(Client(home))
    assert said.value("melpark_stack_up") == 0
    assert "melpark_stage_up" not in said.families
    assert said.value("melpark_live_ready") == 0


def test_what_a_stack_said_long_ago_is_not_told_as_the_present(home: Home) -> None:
    run_of_a_stack(home)
    document = running(home)
    assert document is not None
    home.status.write_text(json.dumps(document | {"written_at": "2026-01-02T03:04:05Z"}))
    assert scrape(Client(home)).value("melpark_stack_up") == 0


def test_a_part_that_is_not_as_agreed_is_left_out_and_the_others_are_told(home: Home) -> None:
    run_of_a_stack(home)
    document = running(home)
    assert document is not None
    home.status.write_text(json.dumps(document | {"polls": {"x": {}}, "capture": {}}))
    said = scrape(Client(home))
    assert said.value("melpark_stage_up", stage="silver") == 1
    assert said.value("melpark_source_age_seconds") == 90


def test_answers_are_counted_by_route_and_status_and_no_path_makes_a_series_of_its_own(home: Home) -> None:
    client = Client(home)
    for path in ("/healthz", "/healthz", "/api/v1/bays/1", "/api/v1/bays/2", "/nowhere", "/nowhere/else"):
        client.get(path)
    client.get("/healthz", method="BREW")
    said = scrape(client)
    count, seconds = "melpark_http_requests_total", "melpark_http_request_duration_seconds_count"
    assert said.value(count, method="GET", route="/healthz", status="200") == 2
    assert said.value(count, method="GET", route="/api/v1/bays/{kerbside_id}", status="503") == 2
    assert said.value(count, method="GET", route="other", status="404") == 2
    assert said.value(count, method="other", route="/healthz", status="405") == 1
    assert said.value(seconds, method="GET", route="/healthz") == 2


def test_an_error_that_nobody_expected_is_counted(home: Home) -> None:
    def fails() -> dict[str, Any]:
        raise RuntimeError("a fault")

    client = Client(home, streets=fails)
    assert client.get("/api/v1/streets").status_code == 500
    count = "melpark_http_requests_total"
    assert scrape(client).value(count, method="GET", route="/api/v1/streets", status="500") == 1


def test_readers_of_the_stream_and_those_that_did_not_keep_up_are_counted(home: Home) -> None:
    async def read() -> dict[str, float]:
        stream = Stream(queued_batches=1)
        readers = [stream.follow(None, b"") for _ in range(2)]
        for reader in readers:
            await anext(reader)
            await anext(reader)
        for number in range(3):
            stream.publish([BayChange(str(number), None, None)])
            stream.flush()
        families = LiveCollector(LiveState(Settings(home=home.root), stream), LiveAnswers()).collect()
        return {sample.name: sample.value for family in families for sample in family.samples}

    said = asyncio.run(read())
    assert said["melpark_stream_readers"] == 2
    assert said["melpark_stream_batches_total"] == 3
    assert said["melpark_stream_readers_dropped_total"] == 2
