"""Parking zones as they are now, and what their rules say at a time."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from melpark.parking.rules import Coverage, Kind, Window
from melpark.serving.api.columns import Column, Resource
from melpark.serving.api.context import Context
from melpark.serving.api.describe import listed
from melpark.serving.api.history import Where
from melpark.serving.api.listing import Instant, ListQuery
from melpark.serving.api.present import page
from melpark.serving.bays import Bay, RuleNow
from melpark.serving.calendar import ZoneRules
from melpark.serving.judging import rule_now
from melpark.serving.schemas import RuleSchema

RULES_EXAMPLE = [{"code": "MP2P", "kind": "timed", "limit_minutes": 120, "is_metered": True}]
ZONE_NUMBER = Column("zone_number", int, "Parking zone", 7303)
RULE_STATUS = Column(
    "rule_status",
    Literal["restricted", "unrestricted", "no_rule"],
    "Whether a rule is in force; no_rule where none is known, which is not the same as unrestricted",
    "restricted",
)
RULES = Column("rules", list[RuleSchema], "The rules in force; several where plates overlap", RULES_EXAMPLE)
RULE_UNTIL_AT = Column(
    "rule_until_at",
    datetime | None,
    "Until then that is so; null when not known, or more than a week later",
    "2025-08-07T09:00:00Z",
)
ZONES = Resource(
    "zones",
    "Zone",
    (
        ZONE_NUMBER,
        Column("bays", int, "Bays with a sensor, retired ones left out", 12),
        Column("bays_online", int, "Of those the ones whose sensor is heard", 11),
        Column("bays_free", int, "Online and free", 4),
        Column("bays_taken", int, "Online and taken", 7),
        Column(
            "bays_overstayed", int, "Taken by a vehicle that is certain to be over by the grace or more", 1
        ),
        RULE_STATUS,
        RULES,
        RULE_UNTIL_AT,
        Column("longitude", float, "Mean of its bays, degrees east", 144.956),
        Column("latitude", float, "Mean of its bays, degrees north", -37.814),
    ),
    ("zone_number",),
)
RESTRICTIONS = Resource(
    "restrictions",
    "Restriction",
    (
        ZONE_NUMBER,
        Column("at", datetime, "The instant that was asked for", "2025-08-07T01:12:10Z"),
        RULE_STATUS,
        RULES,
        RULE_UNTIL_AT,
    ),
    ("zone_number",),
)
Numbers = list[Annotated[int, Field(ge=0, le=2**31 - 1)]]


class ZoneQuery(ListQuery):
    """Which zones."""

    zone: Numbers = Field([], max_length=50, description="Parking zone, or several", examples=[[7303]])


class RestrictionQuery(ZoneQuery):
    """Which zones, and when."""

    at: Instant | None = Field(
        None, description="RFC 3339; now by the source's clock without it", examples=["2025-08-07T01:12:10Z"]
    )


def add(api: APIRouter, context: Context) -> None:
    """Zones and restrictions."""
    live = context.live

    @api.get(
        "/zones",
        summary="Parking zones as they are now",
        description="Zones that have bays in the feed, in the order of their numbers.",
        tags=["zones"],
        **listed(ZONES, about="present"),
    )
    async def zones(request: Request, query: Annotated[ZoneQuery, Query()]) -> Response:
        context.need_ready()
        wanted = frozenset(query.zone)
        by_zone: dict[int, list[Bay]] = defaultdict(list)
        for bay in live.bays.values():
            if (
                bay.zone_number is not None
                and not bay.is_retired
                and (not wanted or bay.zone_number in wanted)
            ):
                by_zone[bay.zone_number].append(bay)
        rows = (_zone(number, bays) for number, bays in by_zone.items())
        return page(request, context, ZONES, query, rows, live.state_id, limit=query.limit)

    @api.get(
        "/restrictions",
        summary="The rules of zones at a time",
        description="By the rule calendar, with its holidays and its days of 23 and 25 hours. Times that the server "
        "does not hold in memory are read from the lake. Only zones with plates, unless some are named.",
        tags=["zones"],
        **listed(RESTRICTIONS, about="present"),
    )
    async def restrictions(request: Request, query: Annotated[RestrictionQuery, Query()]) -> Response:
        context.need_ready()
        at = query.at or context.as_of()
        known = _from_memory(context, query.zone, at)
        if known is None:
            known = await asyncio.to_thread(_from_lake, context, query.zone, at)
        rows = (_restriction(number, at, rules) for number, rules in known.items())
        return page(request, context, RESTRICTIONS, query, rows, (live.state_id, at), limit=query.limit)


def _zone(number: int, bays: list[Bay]) -> dict[str, Any]:
    online = [bay for bay in bays if bay.is_online]
    taken = [bay for bay in online if bay.status == "Present"]
    return {
        "zone_number": number,
        "bays": len(bays),
        "bays_online": len(online),
        "bays_free": len(online) - len(taken),
        "bays_taken": len(taken),
        "bays_overstayed": sum(bay.is_overstay for bay in taken),
        "rule_status": bays[0].rule_status,
        "rules": bays[0].rules,
        "rule_until_at": bays[0].rule_until_at,
        "longitude": round(sum(bay.longitude for bay in bays) / len(bays), 7),
        "latitude": round(sum(bay.latitude for bay in bays) / len(bays), 7),
    }


def _restriction(number: int, at: datetime, rules: ZoneRules) -> dict[str, Any]:
    status, in_force, until_at = rule_now(at, number, rules)
    return {
        "zone_number": number,
        "at": at,
        "rule_status": status,
        "rules": [
            RuleNow(window.code, window.kind.value, window.limit_minutes, window.is_metered)
            for window in in_force
        ],
        "rule_until_at": until_at,
    }


def _from_memory(context: Context, zones: Numbers, at: datetime) -> dict[int, ZoneRules] | None:
    """The rules by zone where the calendar in memory reaches back so far."""
    calendar = context.live.calendar
    if not calendar.knows(at):
        return None
    return {number: calendar.zone(number) for number in (zones or calendar.zone_numbers)}


def _from_lake(context: Context, zones: Numbers, at: datetime) -> dict[int, ZoneRules]:
    where = Where()
    where.one_of("zone_number", zones)
    where.put("start_at < CAST(? AS TIMESTAMPTZ) + INTERVAL 9 DAY", at)
    where.put("end_at > ?", at)
    versions = context.lake.rows(
        f"SELECT zone_number, start_at, end_at FROM silver.rule_versions{where.text}",
        where.parameters,
    )
    windows = context.lake.rows(
        "SELECT zone_number, start_at, end_at, limit_minutes, kind, is_metered, code, is_ambiguous, clock_start_at "
        f"FROM silver.rule_windows{where.text} ORDER BY start_at, code",
        where.parameters,
    )
    coverage: dict[int, list[Coverage]] = defaultdict(list)
    for row in versions.rows:
        coverage[row[0]].append(Coverage(*row))
    found: dict[int, list[Window]] = defaultdict(list)
    for window in _windows(windows.rows):
        found[window.zone_number].append(window)
    return {
        number: ZoneRules(tuple(found[number]), tuple(coverage[number]))
        for number in (zones or sorted(coverage))
    }


def _windows(rows: list[tuple[Any, ...]]) -> Iterator[Window]:
    for number, start_at, end_at, limit, kind, *others in rows:
        if start_at < end_at:
            yield Window(number, start_at, end_at, limit, Kind(kind), *others)
