"""Pages of what is true now, from memory: each row once, in the order of its key."""

from collections.abc import Callable, Iterable

from fastapi import Request, Response
from starlette.exceptions import HTTPException

from melpark.serving.api import cursor as cursors
from melpark.serving.api.columns import Resource
from melpark.serving.api.context import Context
from melpark.serving.api.history import key_part
from melpark.serving.api.listing import (
    Page,
    PagedQuery,
    Row,
    answer,
    chosen_fields,
    media_type,
    unchanged,
    value_of,
)

Rows = Iterable[Row]


def page(
    request: Request,
    context: Context,
    resource: Resource,
    query: PagedQuery,
    rows: Rows,
    state: object,
    limit: int | None = None,
    encoded: Callable[[Row], object] | None = None,
) -> Response:
    """One page of rows, which are looked at only when `state` is not the one that the asker holds.

    `limit` None gives all of them. `encoded` gives a whole row as JSON where that is known already.
    What changes between two pages shows in the later one; no row is there twice, and none that stays is missed, for a
    page begins after the key that the one before ended with. Raises HTTPException 406 and 422.
    """
    fields = chosen_fields(resource, query.fields)
    kind = media_type(request, resource)
    question = cursors.digest(resource.name, query.question())
    etag = 'W/"' + cursors.digest(question, query.cursor, limit, fields, kind, state) + '"'
    if same := unchanged(request, etag, context.age()):
        return same
    ordered = sorted(
        ((key_of(resource, row), row) for row in rows), key=_first, reverse=resource.newest_first
    )
    if query.cursor is not None:
        ordered = _after(resource, query.cursor, question, ordered)
    following = None
    if limit is not None and len(ordered) > limit:
        ordered = ordered[:limit]
        following = cursors.Cursor(ordered[-1][0], question).text()
    shown = Page(resource, [row for _, row in ordered], context.about(), following, encoded)
    return answer(request, shown, fields, etag, context.age())


Keyed = tuple[tuple[str | int | float, ...], Row]


def _first(keyed: Keyed) -> tuple[str | int | float, ...]:
    return keyed[0]


def _after(resource: Resource, text: str, question: str, ordered: list[Keyed]) -> list[Keyed]:
    try:
        cursor = cursors.read(text, question, len(resource.key))
        if resource.newest_first:
            return [keyed for keyed in ordered if keyed[0] < cursor.key]
        return [keyed for keyed in ordered if keyed[0] > cursor.key]
    except (ValueError, TypeError) as error:
        reason = str(error) if isinstance(error, ValueError) else "cursor is not one of this server"
        raise HTTPException(422, reason) from None


def key_of(resource: Resource, row: Row) -> tuple[str | int | float, ...]:
    """The row's key, as a cursor holds it; what is null comes first."""
    values = (value_of(row, name) for name in resource.key)
    return tuple("" if value is None else key_part(value) for value in values)
