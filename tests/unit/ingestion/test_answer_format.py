"""Whatever export the portal gives, the records are the same."""

import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melpark.contracts import BAYS, SENSORS, SIGN_PLATES
from melpark.errors import RefusedError
from melpark.ingestion import answer_format
from melpark.ingestion.answer_format import Format, format_of, records
from melpark.ingestion.body import Body
from melpark.ingestion.sources import READERS, NotJson, Reason
from melpark.ingestion.surrogates import MendedFile, mended

NOW = datetime(2025, 10, 5, 1, tzinfo=UTC)
SENSOR: dict[str, object] = {
    "lastupdated": "2025-10-05T00:59:39+00:00",
    "status_timestamp": "2025-10-04T15:30:00+00:00",
    "zone_number": 7203,
    "status_description": "Present",
    "kerbsideid": 5691,
    "location": {"lon": 144.9563, "lat": -37.8141},
}
WITHOUT_ZONE = SENSOR | {"kerbsideid": 5692, "zone_number": None}
# Daylight saving began at 02:00 of 5 October 2025: two offsets in one file.
CSV = (
    "Lastupdated,Status_Timestamp,Zone_Number,Status_Description,KerbsideID,Location\r\n"
    '2025-10-05T11:59:39+11:00,2025-10-05T01:30:00+10:00,7203,Present,5691,"-37.8141, 144.9563"\r\n'
    '2025-10-05T11:59:39+11:00,2025-10-05T01:30:00+10:00,,Present,5692,"-37.8141, 144.9563"\r\n'
)


def read(content: bytes | str, table: Any = SENSORS) -> list[object]:
    return list(records(Body.of(content.encode() if isinstance(content, str) else content), table))


def rows(content: bytes | str) -> list[dict[str, object]]:
    parsed = READERS[SENSORS.dataset].parse(read(content), NOW)
    assert parsed.rejected == ()
    return [item.row for item in parsed.kept]


@pytest.mark.parametrize(
    "content",
    [
        CSV,
        "\N{ZERO WIDTH NO-BREAK SPACE}" + CSV,
        CSV.replace('"', "").replace(", ", "~").replace(",", ";").replace("~", ", "),
        CSV.replace("Status_Timestamp", "Status Timestamp").replace("\r\n", "\n"),
        orjson.dumps(SENSOR) + b"\n\n" + orjson.dumps(WITHOUT_ZONE),
        b"\xef\xbb\xbf" + orjson.dumps([SENSOR, WITHOUT_ZONE]),
    ],
    ids=["comma", "byte order mark", "semicolon", "spaces in names", "lines of JSON", "array with a mark"],
)
def test_every_export_gives_the_rows_of_the_json_array(content: bytes | str) -> None:
    assert rows(content) == rows(orjson.dumps([SENSOR, WITHOUT_ZONE]))


def test_a_csv_time_without_offset_is_refused_and_not_guessed() -> None:
    parsed = READERS[SENSORS.dataset].parse(read(CSV.replace("+10:00", "", 1)), NOW)
    assert [(item.reason, item.field) for item in parsed.rejected] == [
        (Reason.WRONG_TYPE, "status_timestamp")
    ]


def test_a_csv_wall_clock_stays_text_and_an_id_that_is_no_number_too() -> None:
    plates = (
        "ParkingZone;Restriction_Days;Time_Restrictions_Start;Time_Restrictions_Finish;Restriction_Display\n"
    )
    (plate,) = read(plates + "7002;Sat;07:30:00;23:59:00;4P\n", SIGN_PLATES)
    assert plate == {
        "parkingzone": 7002,
        "restriction_days": "Sat",
        "time_restrictions_start": "07:30:00",
        "time_restrictions_finish": "23:59:00",
        "restriction_display": "4P",
    }
    (bay,) = read("KerbsideID,RoadSegmentID,Latitude\n7570N,,-37.8\n", BAYS)
    assert bay == {"kerbsideid": "7570N", "roadsegmentid": None, "latitude": -37.8}


def test_a_csv_row_of_another_width_is_no_record() -> None:
    assert read(CSV + "1,2\r\n")[-1] == ["1", "2"]


def test_a_line_that_is_not_json_is_one_rejected_record() -> None:
    found = read(orjson.dumps(SENSOR) + b"\n{broken\n" + orjson.dumps(WITHOUT_ZONE))
    assert found == [SENSOR, NotJson("{broken"), WITHOUT_ZONE]
    parsed = READERS[SENSORS.dataset].parse(found, NOW)
    assert [(item.reason, item.payload) for item in parsed.rejected] == [(Reason.NOT_JSON, "{broken")]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"<html>busy</html>", "not JSON, and no CSV"),
        (b"a,b\n1,2\n", "no CSV whose first line names"),
        (b'{"error": "busy"}', "not a JSON array"),
        (b'{\n  "error": "busy"\n}', "not a JSON array"),
        (b'[{"kerbsideid": 1}, {"kerb', "not JSON"),
        (b"KerbsideID,Location\n\xff,1\n", "not UTF-8"),
        (b'KerbsideID,Location\n"1"x,1\n', "not CSV"),
    ],
)
def test_an_answer_of_no_known_format_is_refused_whole(content: bytes, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        read(content)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def read_as_large(content: bytes) -> list[object]:
    whole = answer_format.WHOLE_BYTES
    try:
        answer_format.WHOLE_BYTES = 0
        return read(content)
    finally:
        answer_format.WHOLE_BYTES = whole


@settings(max_examples=30, deadline=None)
@given(st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=6))
def test_a_large_array_is_read_as_a_small_one(array: list[dict[str, object]]) -> None:
    content = orjson.dumps(array)
    assert read_as_large(content) == read(content) == array


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (rb"a\ud83db", "a\N{REPLACEMENT CHARACTER}b"),
        (rb"\ude00", "\N{REPLACEMENT CHARACTER}"),
        (rb"\ud83d\ud83d\ude00", "\N{REPLACEMENT CHARACTER}\N{GRINNING FACE}"),
        (rb"\ude00\ud83d\\", "\N{REPLACEMENT CHARACTER}" * 2 + "\\"),
        (rb"\\ud83d", "\\ud83d"),
    ],
)
def test_a_lone_surrogate_is_one_replacement_character_in_answers_of_every_size(
    escaped: bytes, text: str
) -> None:
    record = b'{"kerbsideid":"' + escaped + b'"}'
    found = [{"kerbsideid": text}]
    assert read(b"[" + record + b"]") == read_as_large(b"\xef\xbb\xbf[" + record + b"]") == found
    assert read(record + b"\n" + record) == found * 2


PIECES = st.sampled_from([rb"\ud83d", rb"\ude00", rb"\\", rb"\"", rb"\u0041", rb"\n", b"a"])


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=8).map(b"".join), st.lists(st.integers(0, 50), max_size=4))
def test_a_text_mended_in_chunks_is_the_one_mended_whole_and_what_python_makes_of_it(
    escaped: bytes, cuts: list[int]
) -> None:
    json_text = b'"' + escaped + b'"'
    edges = [0, *sorted(min(cut, len(json_text)) for cut in cuts), len(json_text)]
    file = MendedFile(json_text[start:end] for start, end in pairwise(edges))
    assert b"".join(iter(lambda: file.read(9), b"")) == mended(json_text)
    halves = json.loads(json_text).encode("utf-16", "surrogatepass")
    assert orjson.loads(mended(json_text)) == halves.decode("utf-16", "replace")


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_lines_may_end_in_a_line_feed_a_carriage_return_or_both(line_end: bytes) -> None:
    lines = [orjson.dumps(SENSOR), b"{broken", b"", orjson.dumps(WITHOUT_ZONE)]
    assert read(line_end.join(lines)) == [SENSOR, NotJson("{broken"), WITHOUT_ZONE]
    assert rows(CSV.encode().replace(b"\r\n", line_end)) == rows(CSV)


def json_array(count: int) -> Iterator[bytes]:
    line = orjson.dumps(SENSOR | {"note": "x" * 5000})
    yield b"["
    for _ in range(count):
        yield line + b","
    yield line + b"]"


def csv_lines(count: int) -> Iterator[bytes]:
    header, line, _ = CSV.splitlines()
    yield f"{header},Note\n".encode()
    for _ in range(count):
        yield f"{line},{'x' * 5000}\n".encode()


def json_lines(count: int) -> Iterator[bytes]:
    yield from (orjson.dumps(SENSOR | {"note": "x" * 5000}) + b"\n" for _ in range(count))


@pytest.mark.parametrize(
    ("kind", "write"),
    [(Format.JSON_ARRAY, json_array), (Format.JSON_LINES, json_lines), (Format.CSV, csv_lines)],
)
def test_memory_does_not_grow_with_the_answer(kind: Format, write: Any) -> None:
    mebibyte = 2**20
    tracemalloc.start()
    try:
        body = Body()
        for chunk in write(7000):
            body.write(chunk)
        assert format_of(body, SENSORS) is kind
        assert body.size > 30 * mebibyte
        assert sum(1 for _ in records(body, SENSORS)) >= 7000
        assert tracemalloc.get_traced_memory()[1] < 6 * mebibyte
    finally:
        tracemalloc.stop()
