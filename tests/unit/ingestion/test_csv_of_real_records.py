"""The City's own records of all six datasets, written as its portal writes CSV, give the same rows and refusals."""

import csv
import gzip
import io
import json
import re
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from melpark.ingestion.answer_format import Format, format_of, records
from melpark.ingestion.body import Body
from melpark.ingestion.sources import READERS

pytestmark = pytest.mark.real_data
MELBOURNE = ZoneInfo("Australia/Melbourne")
# How it writes the year 1 of old restrictions in CSV is not known: as in JSON.
INSTANT = re.compile(r"20\d\d-\d\d-\d\dT.*\+00:00")


def as_csv(found: list[dict[str, Any]]) -> bytes:
    """As the portal does: a byte order mark, Title_Case names, times with Melbourne's offset, places as "lat, lon"."""
    text = io.StringIO()
    names = list(dict.fromkeys(name for record in found for name in record))
    writer = csv.writer(text)
    writer.writerow(name.title() for name in names)
    writer.writerows([_cell(record.get(name)) for name in names] for record in found)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case {"lon": lon, "lat": lat}:
            return f"{lat}, {lon}"
        case str() if INSTANT.fullmatch(value):
            return datetime.fromisoformat(value).astimezone(MELBOURNE).isoformat()
        case bool() | dict() | list():
            return json.dumps(value)
        case _:
            return str(value)


@pytest.mark.parametrize("dataset", READERS)
def test_the_citys_records_are_the_same_from_csv_as_from_json(dataset: str, real_capture: Path) -> None:
    newest = max((real_capture / dataset).glob("*.json.gz"))
    found: list[dict[str, Any]] = orjson.loads(gzip.decompress(newest.read_bytes()))
    # Half of them are enough, and read twice as fast.
    found = found[::2]
    reader = READERS[dataset]
    observed_at = datetime.strptime(newest.name, "%Y%m%dT%H%M%S%z.json.gz")
    body = Body.of(as_csv(found))
    assert format_of(body, reader.table) is Format.CSV
    json_rows, csv_rows = (reader.parse(given, observed_at) for given in (found, records(body, reader.table)))
    assert len(json_rows.kept) > 200
    assert [one.row for one in csv_rows.kept] == [one.row for one in json_rows.kept]
    refused = [Counter((one.reason, one.field) for one in rows.rejected) for rows in (json_rows, csv_rows)]
    assert refused[0] == refused[1]
