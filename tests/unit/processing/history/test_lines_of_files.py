"""Each line is a stay or quarantined with its reason; every fact of the City's files has its case."""

import io
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from melpark.contracts import HISTORICAL_QUARANTINE, HISTORICAL_STAYS
from melpark.processing.history.checks import REASONS
from melpark.processing.history.wrong_bytes import MarkedFile
from unit.processing.history.made_up_files import (
    HEADER_2017,
    HEADER_2019,
    load,
    reasons,
    rows,
    stay,
    times,
    write,
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("header", [HEADER_2017, HEADER_2019])
def test_both_column_sets_give_the_same_stay(tmp_path: Path, header: str) -> None:
    load(tmp_path, write(tmp_path / "events.csv", {}, header=header))

    assert rows(
        tmp_path,
        "SELECT street_marker, arrival_at, departure_at, duration_seconds, sign, is_in_violation, area, street, "
        "street_from, street_to, side_of_street, device_id, street_id, line_number FROM silver.historical_stays",
    ) == [
        (
            "C1024",
            at("2017-02-06T19:01:21"),
            at("2017-02-06T19:16:12"),
            891,
            "2P MTR M-SAT 7:30-20:30",
            False,
            "Banks",
            "QUEEN STREET",
            "FLINDERS STREET",
            "FLINDERS LANE",
            "1",
            "18053",
            "1171",
            2,
        )
    ]


def test_a_duration_in_minutes_is_kept_in_seconds(tmp_path: Path) -> None:
    load(tmp_path, write(tmp_path / "events.csv", {}, header=HEADER_2019))

    found = rows(
        tmp_path,
        "SELECT duration_seconds, reported_duration_seconds, bay_id, side_of_street_name FROM silver.historical_stays",
    )
    assert found == [(891, 14 * 60, "2044", "East")]


NO_STAYS: list[tuple[dict[str, str], str]] = [
    ({"StreetMarker": ""}, "missing_marker"),
    ({"StreetMarker": "  "}, "missing_marker"),
    ({"ArrivalTime": "2017-02-07T06:01:21"}, "arrival_unreadable"),
    ({"ArrivalTime": ""}, "arrival_unreadable"),
    ({"DepartureTime": "02/30/2017 06:16:12 AM"}, "departure_unreadable"),
    ({"DurationSeconds": "long"}, "duration_unreadable"),
    ({"DurationSeconds": "nan"}, "duration_unreadable"),
    ({"DurationSeconds": "-inf"}, "duration_unreadable"),
    ({"DurationSeconds": "1e300"}, "duration_unreadable"),
    ({"DurationSeconds": "1e13"}, "duration_unreadable"),
    ({"In Violation": "perhaps"}, "in_violation_unreadable"),
    ({"Vehicle Present": "perhaps"}, "vehicle_present_unreadable"),
    ({"Vehicle Present": "FALSE"}, "vacancy"),
    ({"DepartureTime": "02/07/2017 06:01:21 AM", "DurationSeconds": "0"}, "departure_not_after_arrival"),
    ({"DepartureTime": "02/07/2017 06:01:20 AM", "DurationSeconds": "-1"}, "departure_not_after_arrival"),
    # A departure that was never seen: 1900, a duration of -3.7e9 seconds.
    (
        {"DepartureTime": "01/01/1900 12:00:00 AM", "DurationSeconds": "-3713641682"},
        "departure_not_after_arrival",
    ),
    ({"ArrivalTime": "02/07/1917 06:01:21 AM"}, "time_out_of_range"),
    ({"DepartureTime": "02/07/2117 06:01:21 AM"}, "time_out_of_range"),
    # The first Sunday of October: 02:00 is followed by 03:00.
    (stay("C1", "10/01/2017 02:30:00 AM", "10/01/2017 04:30:00 AM"), "nonexistent_local_time"),
    (stay("C1", "10/01/2017 01:30:00 AM", "10/01/2017 02:00:00 AM"), "nonexistent_local_time"),
]


def test_a_line_that_is_no_stay_has_its_reason(tmp_path: Path) -> None:
    (outcome,) = load(tmp_path, write(tmp_path / "events.csv", *(row for row, _ in NO_STAYS)))

    found = rows(tmp_path, "SELECT reason FROM silver.historical_quarantine ORDER BY line_number")
    assert [reason for (reason,) in found] == [reason for _, reason in NO_STAYS]
    assert outcome.quarantined == Counter(reason for _, reason in NO_STAYS)
    assert outcome.stays == 0


def test_a_line_with_another_number_of_fields_is_kept_as_it_is(tmp_path: Path) -> None:
    file = write(tmp_path / "events.csv", {}, {"StreetMarker": ""})
    first, good, bad = file.read_text().splitlines()
    file.write_text("\n".join([first, "a,b", good, "c", bad, "d,e,f"]) + "\n")
    load(tmp_path, file)

    quarantined = rows(
        tmp_path, "SELECT line_number, reason, payload->>'line' FROM silver.historical_quarantine ORDER BY 1"
    )
    assert quarantined == [
        (2, "wrong_number_of_fields", "a,b"),
        (4, "wrong_number_of_fields", "c"),
        (5, "missing_marker", None),
        (6, "wrong_number_of_fields", "d,e,f"),
    ]
    assert rows(tmp_path, "SELECT line_number FROM silver.historical_stays") == [(3,)]


def test_a_byte_that_is_no_utf8_costs_its_own_line_only(tmp_path: Path) -> None:
    file = write(tmp_path / "events.csv", {"StreetName": "CAF#"}, {}, {"StreetMarker": "C2", "Sign": "é"})
    file.write_bytes(file.read_bytes().replace(b"CAF#", b"CAF\xc9"))
    (outcome,) = load(tmp_path, file)

    assert (outcome.stays, outcome.quarantined) == (2, {"not_utf8": 1})
    kept = rows(tmp_path, "SELECT line_number, payload->>'StreetName' FROM silver.historical_quarantine")
    assert kept == [(2, r"CAF\xc9")]


def test_a_line_with_such_a_byte_and_another_number_of_fields_costs_itself_only(tmp_path: Path) -> None:
    file = write(tmp_path / "events.csv", {}, {"StreetMarker": "C2", "StreetName": "É\uf7c9"})
    first, good, other = file.read_bytes().splitlines()
    # The first byte of a character at the end of the file, too.
    file.write_bytes(b"\n".join([first, b"\xff,b", good, b"CAF\xc9", other, "É".encode() + b"\xc3,"]))
    (outcome,) = load(tmp_path, file)

    assert (outcome.stays, outcome.quarantined) == (1, {"wrong_number_of_fields": 3, "not_utf8": 1})
    kept = rows(tmp_path, "SELECT line_number, payload->>'line' FROM silver.historical_quarantine ORDER BY 1")
    assert kept == [(2, r"\xff,b"), (4, r"CAF\xc9"), (5, None), (6, r"É\xc3,")]


def test_a_file_of_utf8_alone_may_hold_any_character(tmp_path: Path) -> None:
    load(tmp_path, write(tmp_path / "events.csv", {"StreetName": "É\uf7c9\N{GRINNING FACE}"}))
    assert rows(tmp_path, "SELECT street FROM silver.historical_stays") == [("É\uf7c9\N{GRINNING FACE}",)]


@pytest.mark.parametrize("size", range(1, 12))
def test_a_character_may_be_cut_anywhere_in_reading(size: int) -> None:
    text = "é\N{GRINNING FACE}x" * 3
    source = MarkedFile(io.BytesIO(text.encode() + b"\xc9A\xf0"))
    assert b"".join(iter(lambda: source.read(size), b"")).decode() == text + "\uf7c9A\uf7f0"


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_lines_of_a_file_end_in_a_line_feed_a_carriage_return_or_both(
    tmp_path: Path, line_end: bytes
) -> None:
    file = write(tmp_path / "events.csv", {}, {"StreetMarker": ""})
    file.write_bytes(line_end.join(file.read_bytes().splitlines()) + line_end)
    (outcome,) = load(tmp_path, file)
    assert (outcome.stays, outcome.quarantined) == (1, {"missing_marker": 1})


def test_the_longest_duration_that_can_be_read_is_compared_without_overflow(tmp_path: Path) -> None:
    row = stay("C1", "04/02/2017 02:10:00 AM", "04/02/2017 02:50:00 AM", DurationSeconds="-9223372036854")
    load(tmp_path, write(tmp_path / "events.csv", row))
    assert reasons(tmp_path) == {"ambiguous_local_time": 1}


def test_the_quarantine_holds_the_line_but_of_a_vacancy_only_its_number(tmp_path: Path) -> None:
    load(tmp_path, write(tmp_path / "events.csv", {"Vehicle Present": "FALSE"}, {"StreetMarker": ""}))

    found = rows(
        tmp_path,
        "SELECT reason, payload IS NULL, payload->>'ArrivalTime', payload->>'Side Of Street', line_number "
        "FROM silver.historical_quarantine ORDER BY line_number",
    )
    assert found == [
        ("vacancy", True, None, None, 2),
        ("missing_marker", False, "02/07/2017 06:01:21 AM", "1", 3),
    ]


def test_a_quote_a_comma_and_an_accent_in_a_name_are_kept(tmp_path: Path) -> None:
    load(tmp_path, write(tmp_path / "events.csv", {"StreetName": 'O\'BRIEN "é", LANE'}))

    assert rows(tmp_path, "SELECT street FROM silver.historical_stays") == [('O\'BRIEN "é", LANE',)]


def test_a_file_without_the_column_of_vehicles_holds_stays_only(tmp_path: Path) -> None:
    header = HEADER_2017.removesuffix(",Vehicle Present")
    (outcome,) = load(tmp_path, write(tmp_path / "events.csv", {}, header=header))

    assert (outcome.stays, outcome.quarantined) == (1, {})


# The first Sunday of April: 02:00 to 03:00 comes twice, first as UTC+11, then as UTC+10.
SETTLED = [
    (("02:50", "02:10", ""), ("2017-04-01T15:50", "2017-04-01T16:10")),
    (("02:10", "02:50", "6000"), ("2017-04-01T15:10", "2017-04-01T16:50")),
    (("01:10", "02:50", "9600"), ("2017-04-01T14:10", "2017-04-01T16:50")),
    (("02:10", "04:10", "10800"), ("2017-04-01T15:10", "2017-04-01T18:10")),
]
# A duration that equals the wall clocks' difference says nothing: the City's are such differences.
UNSETTLED = [("02:00", "08:59", "25140"), ("01:10", "02:50", "6000"), ("02:10", "02:50", "")]


def on_the_day(marker: int, case: tuple[str, str, str]) -> dict[str, str]:
    arrival, departure, seconds = case
    day = "04/02/2017 {}:00 AM"
    return stay(f"C{marker}", day.format(arrival), day.format(departure), DurationSeconds=seconds)


def test_the_repeated_hour_is_settled_by_order_or_by_a_duration_with_the_hour_in_it(tmp_path: Path) -> None:
    cases = [on_the_day(marker, case) for marker, (case, _) in enumerate(SETTLED)]
    load(tmp_path, write(tmp_path / "events.csv", *cases))

    assert times(tmp_path) == [(at(arrival), at(departure)) for _, (arrival, departure) in SETTLED]


def test_an_hour_that_nothing_settles_is_quarantined(tmp_path: Path) -> None:
    cases = [on_the_day(marker, case) for marker, case in enumerate(UNSETTLED)]
    load(tmp_path, write(tmp_path / "events.csv", *cases))

    assert reasons(tmp_path) == {"ambiguous_local_time": len(UNSETTLED)}


def test_a_stay_across_the_end_of_daylight_saving_lasts_as_long_as_it_did(tmp_path: Path) -> None:
    row = stay("C1", "04/01/2017 10:00:00 PM", "04/02/2017 09:00:00 AM", DurationSeconds="39600")
    load(tmp_path, write(tmp_path / "events.csv", row))

    found = rows(tmp_path, "SELECT duration_seconds, reported_duration_seconds FROM silver.historical_stays")
    assert found == [(12 * 3600, 11 * 3600)]


@pytest.mark.real_data
def test_the_city_s_sample_of_2017(tmp_path: Path, real_data: Path) -> None:
    (outcome,) = load(tmp_path, real_data / "historical" / "parking_events_2017_sample.csv.gz")

    # Four departures not after their arrivals, three of them in 1900; one arrival in the repeated hour.
    assert (outcome.lines, outcome.stays) == (1000, 995)
    assert outcome.quarantined == {"departure_not_after_arrival": 4, "ambiguous_local_time": 1}
    lowest = "SELECT min(CAST(payload->>'DurationSeconds' AS BIGINT)) FROM silver.historical_quarantine"
    assert rows(tmp_path, lowest) == [(-3713641682,)]
    unsigned = (
        "SELECT (SELECT count(*) FROM silver.historical_stays WHERE sign IS NULL) "
        "+ (SELECT count(*) FROM silver.historical_quarantine WHERE payload->>'Sign' IS NULL)"
    )
    assert rows(tmp_path, unsigned) == [(384,)]
    differ = (
        "SELECT count(*) FROM silver.historical_stays WHERE duration_seconds <> reported_duration_seconds"
    )
    assert rows(tmp_path, differ) == [(0,)]


def test_the_tables_have_the_contracts_columns(tmp_path: Path) -> None:
    load(tmp_path, write(tmp_path / "events.csv", {}))

    for table in (HISTORICAL_STAYS, HISTORICAL_QUARANTINE):
        described = rows(tmp_path, f"DESCRIBE SELECT * FROM silver.{table.name}")
        assert [row[0] for row in described] == list(table.column_names)


def test_the_page_names_every_reason() -> None:
    page = (Path(__file__).parents[4] / "docs" / "historical-files.md").read_text()
    for name in [*(name for name, _ in REASONS), "already_loaded", "exact_duplicate", "overlap"]:
        assert f"`{name}`" in page
