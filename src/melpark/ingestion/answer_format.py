"""The records of an answer, one at a time: a JSON array, lines of JSON, or CSV. Told by the bytes themselves.

CSV is the export in which every value is text: the header's names may be in Title_Case, a place is "lat, lon", a
comma or a semicolon parts the cells, a byte order mark may come first, and times carry the offset of the one who
asked, two of them around a change of daylight saving. Its records are made equal to those of the JSON export.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum

import ijson
import orjson

from melpark.contracts import Table, Type
from melpark.errors import RefusedError
from melpark.ingestion.body import Body
from melpark.ingestion.json_depth import check_depth
from melpark.ingestion.sources.record import NotJson
from melpark.ingestion.surrogates import MendedFile, mended

# Up to here the faster parser takes the array at once; beyond, records come one by one from the file.
WHOLE_BYTES = 16 << 20
LONGEST_LINE_BYTES = 1 << 20
KEPT_CHARACTERS = 1000
HEAD_BYTES = 1 << 16
BOM = b"\xef\xbb\xbf"
LINE_END = re.compile(rb"[\r\n]+")
INTEGER = re.compile(r"-?\d{1,18}")
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
PLACE = re.compile(rf"({NUMBER.pattern})\s*,\s*({NUMBER.pattern})")


class Format(StrEnum):
    """How an answer is written."""

    JSON_ARRAY = "JSON array"
    JSON_LINES = "lines of JSON"
    CSV = "CSV"


def format_of(body: Body, table: Table) -> Format:
    """The format of an answer for `table`. Raises RefusedError when it is none of them."""
    head = body.head(HEAD_BYTES).removeprefix(BOM).lstrip()
    if head.startswith(b"["):
        return Format.JSON_ARRAY
    if not head:
        raise RefusedError("not JSON: it is empty")
    line = head.splitlines()[0]
    if head.startswith(b"{"):
        return _format_of_object(line, head, table)
    names = {_name(cell) for cell in _header(line.decode(errors="replace"))}
    if names.isdisjoint(table.source_fields):
        raise RefusedError("not JSON, and no CSV whose first line names a field of the dataset")
    return Format.CSV


def records(body: Body, table: Table) -> Iterator[object]:
    """Every record, as the JSON export would hold it; a line that is not JSON comes as NotJson.

    Raises RefusedError, perhaps after some records, when the answer as a whole cannot be read.
    """
    yield from _READERS[format_of(body, table)](body, table)


def _format_of_object(line: bytes, head: bytes, table: Table) -> Format:
    """Lines of JSON begin with a whole object; an error message is one, too, but without our fields."""
    try:
        first = _loaded(line)
    except orjson.JSONDecodeError:
        # A first line that is broken does not hide that others follow.
        if len(head.splitlines()) < 2 or not head.splitlines()[1].lstrip().startswith(b"{"):
            raise RefusedError("not a JSON array, nor lines of JSON") from None
        return Format.JSON_LINES
    if not isinstance(first, dict) or table.source_fields.isdisjoint(first):
        raise RefusedError("not a JSON array, but an object without a field of the dataset")
    return Format.JSON_LINES


def _json_array(body: Body, table: Table) -> Iterator[object]:
    if body.size <= WHOLE_BYTES:
        yield from _json_array_at_once(body)
        return
    check_depth(body)
    try:
        yield from ijson.items(MendedFile(_chunks(body)), "item", use_float=True)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise RefusedError(f"not JSON: {str(error).splitlines()[0]}") from None


def _json_array_at_once(body: Body) -> list[object]:
    try:
        found = _loaded(body.read().removeprefix(BOM))
    except orjson.JSONDecodeError as error:
        raise RefusedError(f"not JSON: {error}") from None
    assert isinstance(found, list)
    return found


def _loaded(json: bytes) -> object:
    """The value of a JSON text. Raises orjson.JSONDecodeError."""
    try:
        return orjson.loads(json)
    except orjson.JSONDecodeError:
        if (again := mended(json)) == json:
            raise
        return orjson.loads(again)


def _json_lines(body: Body, table: Table) -> Iterator[object]:
    for line in _lines(body):
        try:
            yield _loaded(line)
        except orjson.JSONDecodeError:
            yield NotJson(line.decode(errors="replace").strip()[:KEPT_CHARACTERS])


def _chunks(body: Body) -> Iterator[bytes]:
    """The bytes after a byte order mark."""
    chunks = body.chunks()
    yield next(chunks, b"").removeprefix(BOM)
    yield from chunks


def _lines(body: Body) -> Iterator[bytes]:
    """The lines that are not blank, ended by a line feed, a carriage return or both, which no JSON string holds."""
    rest = b""
    for chunk in _chunks(body):
        *lines, rest = LINE_END.split(rest + chunk)
        yield from filter(bytes.strip, lines)
        while len(rest) > LONGEST_LINE_BYTES:
            yield rest[:LONGEST_LINE_BYTES]
            rest = rest[LONGEST_LINE_BYTES:]
    if rest.strip():
        yield rest


def _csv(body: Body, table: Table) -> Iterator[object]:
    text = io.TextIOWrapper(body.open(), encoding="utf-8-sig", newline="")
    try:
        delimiter = _delimiter(next(line for line in text if line.strip()))
        text.seek(0)
        rows = (row for row in csv.reader(text, delimiter=delimiter, strict=True) if not _is_blank(row))
        names = [_name(cell) for cell in next(rows)]
        readers = [_reader_of(name, table) for name in names]
        for row in rows:
            if len(row) != len(names):
                yield row
                continue
            cells = zip(names, readers, row, strict=True)
            yield {name: read(cell) if cell else None for name, read, cell in cells}
    except UnicodeDecodeError as error:
        raise RefusedError(f"CSV that is not UTF-8: {error.reason}") from None
    except csv.Error as error:
        raise RefusedError(f"not CSV: {error}") from None
    finally:
        text.detach()


_READERS: dict[Format, Callable[[Body, Table], Iterator[object]]] = {
    Format.JSON_ARRAY: _json_array,
    Format.JSON_LINES: _json_lines,
    Format.CSV: _csv,
}


def _is_blank(row: list[str]) -> bool:
    return len(row) < 2 and not "".join(row).strip()


def _delimiter(line: str) -> str:
    return ";" if line.count(";") > line.count(",") else ","


def _header(line: str) -> list[str]:
    return next(csv.reader([line], delimiter=_delimiter(line)), [])


def _name(cell: str) -> str:
    """`Status_Timestamp` and `Status Timestamp` as the JSON export names them."""
    return cell.strip().casefold().replace(" ", "_")


def _reader_of(name: str, table: Table) -> Callable[[str], object]:
    """How a cell becomes the value of the JSON export; one that does not fit stays text, for the parser to judge."""
    if name == "location":
        return _place
    types = {column.type for column in table.columns if name in column.source_fields}
    readers: Mapping[Type, Callable[[str], object]] = {
        Type.INTEGER: _integer,
        Type.DOUBLE: _number,
        Type.BOOLEAN: _integer,
    }
    return readers.get(types.pop(), _text) if len(types) == 1 else _text


def _text(cell: str) -> object:
    return cell


def _integer(cell: str) -> object:
    return int(cell) if INTEGER.fullmatch(cell) else cell


def _number(cell: str) -> object:
    return float(cell) if NUMBER.fullmatch(cell) else cell


def _place(cell: str) -> object:
    match = PLACE.fullmatch(cell.strip())
    if not match:
        return cell
    latitude, longitude = cell.split(",")
    return {"lon": float(longitude), "lat": float(latitude)}
