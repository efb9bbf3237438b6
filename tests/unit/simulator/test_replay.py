from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melpark.contracts import BAYS, DATASETS, SENSORS
from melpark.simulator.answers import Answer
from melpark.simulator.capture import Capture
from melpark.simulator.replay import Replay
from unit.simulator.played_portal import (
    FIRST,
    FakeTime,
    PlayedPortal,
    add_file,
    date_of,
    make_capture,
    replayed,
)

OTHER_DATASET = "on-street-parking-of-another-city"


def walk(portal: PlayedPortal, etag: str | None = None) -> list[int]:
    """Numbers of the polls that a poller commits until there is nothing new."""
    polls = []
    while (answer := portal.export(etag)).status_code == 200:
        polls.append(answer.json()[0]["poll"])
        etag = answer.headers["ETag"]
    assert answer.status_code == 304
    return polls


def test_a_poller_that_commits_every_answer_gets_every_file_once_and_in_order(tmp_path: Path) -> None:
    portal = PlayedPortal(replayed(make_capture(tmp_path, polls=5)))
    assert walk(portal) == [0, 1, 2, 3, 4]


def test_date_is_the_time_in_the_files_name_and_the_body_its_bytes(tmp_path: Path) -> None:
    portal = PlayedPortal(replayed(make_capture(tmp_path, polls=2)))
    first = portal.export()
    second = portal.export(first.headers["ETag"])
    assert [date_of(first), date_of(second)] == [FIRST, FIRST + timedelta(minutes=12)]
    assert second.content == b'[{"poll": 1}]'


def test_a_poller_killed_before_its_commit_is_given_the_same_poll_again(tmp_path: Path) -> None:
    portal = PlayedPortal(replayed(make_capture(tmp_path)))
    committed = portal.export().headers["ETag"]
    answers = [portal.export(committed) for _ in range(3)]
    assert len({(answer.headers["ETag"], answer.content) for answer in answers}) == 1
    assert walk(portal, committed) == [1, 2]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["commit", "poller killed", "server restarted"]), max_size=30))
def test_whatever_is_killed_no_file_is_skipped(
    tmp_path_factory: pytest.TempPathFactory, fates: list[str]
) -> None:
    capture = Capture.open(make_capture(tmp_path_factory.mktemp("capture"), polls=6))
    replay = Replay(capture, run_number=1, speed=0, longest_hold_seconds=10)
    committed: list[Answer] = []
    for fate in [*fates, *["commit"] * 7]:
        etags = (committed[-1].etag,) if committed else ()
        answer = replay.answer(SENSORS.dataset, etags, FakeTime().at)
        if fate == "server restarted":
            replay = Replay(capture, run_number=1, speed=0, longest_hold_seconds=10)
        elif fate == "commit" and answer.body is not None:
            committed.append(answer)
    files = capture.files[SENSORS.dataset]
    assert [answer.observed_at for answer in committed] == [file.observed_at for file in files]
    assert replay.is_done


def test_a_restarted_server_goes_on_where_the_commits_reach(tmp_path: Path) -> None:
    capture = replayed(make_capture(tmp_path, polls=4))
    before = PlayedPortal(capture)
    etag = before.export(before.export().headers["ETag"]).headers["ETag"]
    assert walk(PlayedPortal(capture), etag) == [2, 3]


def test_a_new_run_starts_at_the_first_file(tmp_path: Path) -> None:
    capture = make_capture(tmp_path)
    first_run = PlayedPortal(replayed(capture, run_number=1))
    etag = None
    for _ in range(3):
        etag = first_run.export(etag).headers["ETag"]
    again = PlayedPortal(replayed(capture, run_number=2))
    assert walk(again, etag) == [0, 1, 2]


@pytest.mark.parametrize(
    "etag", ['"of-another-portal"', '"r11-20250805T051939Z"', '"r1-20250101T000000Z"', "*"]
)
def test_an_unknown_etag_starts_at_the_first_file(tmp_path: Path, etag: str) -> None:
    assert PlayedPortal(replayed(make_capture(tmp_path))).export(etag).json() == [{"poll": 0}]


def test_an_etag_counts_in_a_list_and_when_it_is_weak(tmp_path: Path) -> None:
    portal = PlayedPortal(replayed(make_capture(tmp_path)))
    etag = portal.export().headers["ETag"]
    assert portal.export(f'"other", W/{etag}').json() == [{"poll": 1}]


def test_the_etag_of_one_dataset_acknowledges_no_other(tmp_path: Path) -> None:
    make_capture(tmp_path)
    add_file(tmp_path, "20250805T051939Z.json.gz", [{"poll": 0}], dataset=BAYS.dataset)
    portal = PlayedPortal(replayed(tmp_path))
    etag = portal.export().headers["ETag"]
    portal.export(etag)
    assert portal.health()["acknowledged"] == {SENSORS.dataset: False, BAYS.dataset: False}


def test_done_when_the_last_etag_of_every_polled_dataset_has_come_back(tmp_path: Path) -> None:
    make_capture(tmp_path, polls=1)
    add_file(tmp_path, "20250122T034400Z.json.gz", [], dataset=BAYS.dataset)
    add_file(tmp_path, "20250122T034400Z.json.gz", [], dataset=OTHER_DATASET)
    portal = PlayedPortal(replayed(tmp_path))
    sensors, bays = (portal.export(dataset=name).headers["ETag"] for name in (SENSORS.dataset, BAYS.dataset))
    assert not portal.health()["is_done"]
    portal.export(sensors)
    assert portal.health()["acknowledged"] == {SENSORS.dataset: True, BAYS.dataset: False}
    portal.export(bays, dataset=BAYS.dataset)
    assert portal.health()["is_done"]


def test_a_restarted_server_learns_from_the_etags_that_it_is_done(tmp_path: Path) -> None:
    capture = replayed(make_capture(tmp_path, polls=1))
    etag = PlayedPortal(capture).export().headers["ETag"]
    restarted = PlayedPortal(capture)
    assert not restarted.health()["is_done"]
    restarted.export(etag)
    assert restarted.health()["is_done"]


def test_a_dataset_that_melpark_does_not_poll_is_served_and_not_waited_for(tmp_path: Path) -> None:
    make_capture(tmp_path, polls=1)
    add_file(tmp_path, "20250122T034400Z.json.gz", [{"meter": 1}], dataset=OTHER_DATASET)
    portal = PlayedPortal(replayed(tmp_path))
    assert portal.export(dataset=OTHER_DATASET).json() == [{"meter": 1}]
    assert OTHER_DATASET not in portal.health()["acknowledged"]


def test_at_speed_zero_nothing_is_held(tmp_path: Path) -> None:
    portal = PlayedPortal(replayed(make_capture(tmp_path, polls=4)))
    walk(portal)
    assert portal.time.slept == []


def test_the_next_file_is_held_for_the_gap_by_speed_after_the_acknowledgement(tmp_path: Path) -> None:
    capture = make_capture(tmp_path, gap=timedelta(minutes=2))
    portal = PlayedPortal(replayed(capture, speed=60))
    etag = portal.export().headers["ETag"]
    portal.time.pass_by(100)
    portal.export(etag)
    assert portal.time.slept == [2]
    # The poller was killed, and asks again with the same ETag.
    portal.export(etag)
    assert portal.time.slept == [2]


@pytest.mark.parametrize(("timeout", "longest"), [(30, 10), (4, 2)])
def test_no_hold_is_longer_than_ten_seconds_or_half_the_clients_timeout(
    tmp_path: Path, timeout: float, longest: float
) -> None:
    capture = make_capture(tmp_path, gap=timedelta(days=160))
    portal = PlayedPortal(replayed(capture, speed=60, request_timeout_seconds=timeout))
    assert walk(portal) == [0, 1, 2]
    assert portal.time.slept == [longest, longest]


def test_reference_files_are_never_held(tmp_path: Path) -> None:
    make_capture(tmp_path, polls=1)
    for name in ("20250122T034400Z.json.gz", "20260122T034400Z.json.gz"):
        add_file(tmp_path, name, [], dataset=BAYS.dataset)
    portal = PlayedPortal(replayed(tmp_path, speed=60))
    etag = portal.export(dataset=BAYS.dataset).headers["ETag"]
    assert portal.export(etag, dataset=BAYS.dataset).headers["ETag"] == '"r1-20260122T034400Z"'
    assert portal.time.slept == []


def test_at_speed_one_there_is_nothing_new_until_the_real_gap_has_passed(tmp_path: Path) -> None:
    portal = PlayedPortal(replayed(make_capture(tmp_path), speed=1))
    etag = portal.export().headers["ETag"]
    assert portal.export(etag).status_code == 304
    portal.time.pass_by(719)
    assert portal.export(etag).status_code == 304
    portal.time.pass_by(1)
    assert portal.export(etag).json() == [{"poll": 1}]
    assert portal.time.slept == []


def test_a_304_carries_the_date_and_etag_of_the_file_that_the_client_holds(tmp_path: Path) -> None:
    portal = PlayedPortal(replayed(make_capture(tmp_path), speed=1))
    first = portal.export()
    unchanged = portal.export(first.headers["ETag"])
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert date_of(unchanged) == date_of(first)
    assert unchanged.headers["ETag"] == first.headers["ETag"]


@pytest.mark.real_data
def test_the_real_capture_goes_the_whole_way(real_capture: Path) -> None:
    capture = Capture.open(real_capture)
    portal = PlayedPortal(replayed(capture.path))
    for dataset in DATASETS:
        etag = None
        for file in capture.files[dataset]:
            answer = portal.export(etag, dataset)
            assert (date_of(answer), answer.content) == (file.observed_at, file.body())
            etag = answer.headers["ETag"]
        assert portal.export(etag, dataset).status_code == 304
    assert portal.health()["is_done"]
