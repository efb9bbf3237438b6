"""Listings: pages of rows as JSON, CSV or GeoJSON, with chosen fields, and nothing when nothing is new."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any

import orjson
from fastapi import Request, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from melpark.serving.api.columns import Resource
from melpark.serving.bays import JSON_OPTIONS, Bay

JSON, CSV, GEOJSON = "application/json", "text/csv", "application/geo+json"
LARGEST_PAGE = 5000

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def _sane(at: datetime) -> datetime:
    try:
        at = at.astimezone(UTC)
    except OverflowError:
        at = LATEST
    if not EARLIEST <= at < LATEST:
        raise ValueError("must lie between 2000 and 2100")
    return at


Instant = Annotated[AwareDatetime, AfterValidator(_sane)]
Word = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")]


class PagedQuery(BaseModel):
    """Where a page begins, and the fields of its rows."""

    model_config = ConfigDict(extra="forbid")

    cursor: str | None = Field(
        None,
        max_length=1000,
        pattern="^[A-Za-z0-9_-]+$",
        description="`next_cursor` of the page before, with every other parameter as it was",
    )
    fields: str | None = Field(
        None,
        max_length=600,
        pattern="^[a-z_]+(,[a-z_]+)*$",
        description="Names of the fields wanted, by commas; all without it",
    )

    def question(self) -> dict[str, Any]:
        """Everything that was asked but the page."""
        return self.model_dump(exclude={"cursor", "limit", "fields"}, mode="json")


class ListQuery(PagedQuery):
    """What every listing takes."""

    limit: int = Field(100, ge=1, le=LARGEST_PAGE, description="Most rows of one page", examples=[100])


class TimeQuery(ListQuery):
    """Rows within a time."""

    start_at: Instant | None = Field(
        None, description="From this instant on, RFC 3339", examples=["2025-08-07T00:00:00Z"]
    )
    end_at: Instant | None = Field(
        None, description="To before this instant, RFC 3339", examples=["2025-08-08T00:00:00Z"]
    )


# By its columns' names, or with them as attributes.
Row = Mapping[str, Any] | Bay


def value_of(row: Row, name: str) -> Any:
    """A column of a row."""
    return getattr(row, name) if isinstance(row, Bay) else row[name]


@dataclass(frozen=True)
class Page:
    """Rows of a resource; what stands beside them; where the next page begins."""

    resource: Resource
    rows: Sequence[Row]
    about: Mapping[str, Any]
    next_cursor: str | None = None
    # A whole row as JSON where that is known already.
    encoded: Callable[[Row], object] | None = None


def chosen_fields(resource: Resource, text: str | None) -> tuple[str, ...]:
    """The fields asked for, in the resource's order. Raises HTTPException 422 that names what it has not."""
    if text is None:
        return resource.names
    wanted = [name.strip() for name in text.split(",")]
    unknown = sorted(set(wanted) - set(resource.names))
    if unknown:
        raise HTTPException(
            422,
            f"fields: {resource.name} has no {', '.join(map(repr, unknown))}; it has {', '.join(resource.names)}",
        )
    return tuple(name for name in resource.names if name in wanted)


def media_type(request: Request, resource: Resource) -> str:
    """The kind of answer that the Accept header likes best. Raises HTTPException 406 when it likes none."""
    offered = [JSON, CSV, *([GEOJSON] if resource.has_place else [])]
    best, best_quality = None, 0.0
    for kind in offered:
        quality = _quality(request.headers.get("accept") or "*/*", kind)
        if quality > best_quality:
            best, best_quality = kind, quality
    if best is None:
        raise HTTPException(406, f"{resource.name} comes as {' or '.join(offered)}")
    return best


def _quality(accept: str, kind: str) -> float:
    """How much an Accept header likes a media type, 0 to 1: its most specific range counts."""
    found = (-1, 0.0)
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        rank = {kind: 2, f"{kind.partition('/')[0]}/*": 1, "*/*": 0}.get(name, -1)
        weight = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
        try:
            found = max(found, (rank, float(weight))) if rank >= 0 else found
        except ValueError:
            continue
    return found[1]


def unchanged(request: Request, etag: str, headers: Mapping[str, str] | None = None) -> Response | None:
    """304 when the asker holds this state already."""
    held = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    if "*" in held or etag.removeprefix("W/") in held:
        return Response(status_code=304, headers=_headers(etag) | dict(headers or {}))
    return None


def _headers(etag: str) -> dict[str, str]:
    return {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept"}


def answer(
    request: Request,
    page: Page,
    fields: tuple[str, ...],
    etag: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The page in the form that was asked for."""
    kind = media_type(request, page.resource)
    sent = _headers(etag) | dict(headers or {})
    if page.next_cursor:
        following = request.url.include_query_params(cursor=page.next_cursor)
        sent["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    if kind == CSV:
        sent["Attribution"] = str(page.about.get("attribution", ""))
        return Response(_csv(page, fields), media_type=f"{CSV}; charset=utf-8; header=present", headers=sent)
    if kind == GEOJSON:
        return Response(
            orjson.dumps(_geojson(page, fields), option=JSON_OPTIONS), media_type=GEOJSON, headers=sent
        )
    rows: Sequence[object]
    if fields != page.resource.names:
        rows = _of(page.rows, fields)
    else:
        rows = [page.encoded(row) for row in page.rows] if page.encoded else page.rows
    content = {**page.about, page.resource.name: rows, "next_cursor": page.next_cursor}
    return Response(orjson.dumps(content, option=JSON_OPTIONS, default=_plain), media_type=JSON, headers=sent)


def _of(rows: Iterable[Row], fields: Sequence[str]) -> list[dict[str, Any]]:
    return [{name: value_of(row, name) for name in fields} for row in rows]


def _plain(value: Any) -> Any:
    return float(value)


def _csv(page: Page, fields: Sequence[str]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(fields)
    writer.writerows([_cell(value_of(row, name)) for name in fields] for row in page.rows)
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return orjson.dumps(value, option=JSON_OPTIONS).decode().strip('"')
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple | dict):
        return orjson.dumps(value, option=JSON_OPTIONS).decode()
    return str(value)


def _geojson(page: Page, fields: Sequence[str]) -> dict[str, Any]:
    names = [name for name in fields if name not in ("longitude", "latitude")]
    return {
        "type": "FeatureCollection",
        **page.about,
        "next_cursor": page.next_cursor,
        "features": [
            {
                "type": "Feature",
                "geometry": _point(value_of(row, "longitude"), value_of(row, "latitude")),
                "properties": {name: value_of(row, name) for name in names},
            }
            for row in page.rows
        ],
    }


def _point(longitude: float | None, latitude: float | None) -> dict[str, Any] | None:
    if longitude is None or latitude is None:
        return None
    return {"type": "Point", "coordinates": [longitude, latitude]}
