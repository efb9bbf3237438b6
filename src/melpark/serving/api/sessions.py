"""Stays of vehicles, from gold, and those that were overstays."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from melpark.parking.overstays import Verdict
from melpark.parking.stays import Ending
from melpark.serving.api.columns import Column, Resource
from melpark.serving.api.context import Context
from melpark.serving.api.describe import listed
from melpark.serving.api.history import Where, page
from melpark.serving.api.listing import TimeQuery, Word

ARRIVED = "2025-08-07T01:10:02Z"
LEFT = "2025-08-07T03:40:31Z"
SESSION_KEY = Column("session_key", str, "Tells the stay from all others", "5691-2025-08-07T01:10:02Z")
WHERE_IT_WAS = (
    Column("kerbside_id", str, "The bay", "5691"),
    Column("zone_number", int | None, "Its parking zone then; null when the City gave none", 7303),
    Column("street", str, "Its street, or Unknown", "Little Collins Street"),
)
TIMES = (
    Column(
        "arrival_at", datetime | None, "When the vehicle came; null when known only within bounds", ARRIVED
    ),
    Column("arrival_min_at", datetime, "It came at this instant or later", ARRIVED),
    Column("arrival_max_at", datetime, "It came at this instant or earlier", ARRIVED),
    Column(
        "departure_at", datetime | None, "When it left; null when not known for certain, or not at all", LEFT
    ),
    Column("departure_min_at", datetime, "It left at this instant or later", LEFT),
    Column(
        "departure_max_at",
        datetime | None,
        "It left at this instant or earlier; null while open or lost",
        LEFT,
    ),
)
RULED = (
    Column("rule_at_arrival", str, "Code of the rule in force when it came, unrestricted or no_rule", "MP2P"),
    Column("limit_minutes", int | None, "Longest stay under that rule; null without one", 120),
    Column("overstay_min_minutes", float | None, "Minutes over for certain; null without a rule", 30.48),
    Column("overstay_max_minutes", float | None, "Minutes over at most; null when not known", 30.48),
    Column("first_breach_at", datetime | None, "When it first was over for certain", "2025-08-07T03:10:02Z"),
)
SESSIONS = Resource(
    "sessions",
    "Session",
    (
        SESSION_KEY,
        *WHERE_IT_WAS,
        *TIMES,
        Column("beginning", str, "observed, or bounded when the whole stay went unseen", "observed"),
        Column(
            "ending",
            str,
            "observed, bounded, open (still there) or lost (the sensor fell silent)",
            "observed",
        ),
        Column("duration_minutes", float | None, "Minutes that it stood there; null when not known", 150.48),
        Column("duration_min_minutes", float, "The shortest that it can have been", 150.48),
        Column("duration_max_minutes", float | None, "The longest; null while open or lost", 150.48),
        Column("is_suspect", bool, "A stuck sensor rather than a vehicle", False),
        *RULED,
        Column("permitted_until_at", datetime | None, "An open stay may last until then", None),
        Column("is_overstay", bool, "Over by the grace or more for certain", True),
        Column("verdict", str, "What can be said of the stay: the first that holds", "overstay"),
        Column(
            "estimated_revenue",
            float | None,
            "Estimate: minutes paid for times an assumed tariff, dollars",
            8.0,
        ),
        Column("origin", str, "live, or seed when the simulator made it up", "live"),
    ),
    ("arrival_max_at", "session_key"),
    newest_first=True,
)
OVERSTAYS = Resource(
    "overstays",
    "Overstay",
    (
        SESSION_KEY,
        *WHERE_IT_WAS,
        *TIMES,
        *RULED,
        Column(
            "ending",
            str,
            "observed, bounded, open (still there) or lost (the sensor fell silent)",
            "observed",
        ),
        Column(
            "within_disability_extension",
            bool,
            "Over by no more than the limit again: allowed with a permit",
            True,
        ),
        Column("verdict", str, "overstay, or suspect when the sensor is probably stuck", "overstay"),
    ),
    ("arrival_max_at", "session_key"),
    newest_first=True,
)


class StayQuery(TimeQuery):
    """Which stays; `start_at` and `end_at` are of the arrival."""

    zone: list[Annotated[int, Field(ge=0, le=2**31 - 1)]] = Field(
        [], max_length=50, description="Parking zone, or several", examples=[[7303]]
    )
    bay: list[Word] = Field(
        [], max_length=50, description="A bay's kerbside_id, or several", examples=[["5691"]]
    )
    street: list[Word] = Field(
        [], max_length=50, description="Street, or several", examples=[["Little Collins Street"]]
    )


class SessionQuery(StayQuery):
    """Which stays, and how they ended."""

    ending: Ending | None = Field(None, description="How it ended", examples=["observed"])
    verdict: Verdict | None = Field(None, description="What was said of it", examples=["overstay"])


class OverstayQuery(StayQuery):
    """Which overstays."""

    ending: Ending | None = Field(None, description="open: the vehicle was still there", examples=["open"])
    include: Literal["certain", "suspect"] = Field(
        "certain", description="suspect: also those of sensors that are probably stuck"
    )


def add(api: APIRouter, context: Context) -> None:
    """Stays and overstays."""

    @api.get(
        "/sessions",
        summary="Stays of vehicles, the newest first",
        description="From gold, which is built every few minutes. The feed is late and polls are apart, so arrivals "
        "and departures have bounds, equal where the instant is known.",
        tags=["history"],
        **listed(SESSIONS, about="history"),
    )
    def sessions(request: Request, query: Annotated[SessionQuery, Query()]) -> Response:
        where = _where(query)
        if query.ending:
            where.put("stays.ending = ?", query.ending.value)
        if query.verdict:
            where.put("stays.verdict = ?", query.verdict.value)
        return page(request, context, SESSIONS, query, _statement(SESSIONS, where), where.parameters)

    @api.get(
        "/overstays",
        summary="Overstays, the newest first",
        description="From gold: stays that were over by the grace or more for certain, each with its rule, its bounds "
        "and its first breach. For those of this moment see `/api/v1/overstays/now`.",
        tags=["history"],
        **listed(OVERSTAYS, about="history"),
    )
    def overstays(request: Request, query: Annotated[OverstayQuery, Query()]) -> Response:
        where = _where(query)
        where.put("stays.is_overstay")
        if query.include == "certain":
            where.put("stays.verdict = 'overstay'")
        if query.ending:
            where.put("stays.ending = ?", query.ending.value)
        return page(request, context, OVERSTAYS, query, _statement(OVERSTAYS, where), where.parameters)


def _where(query: StayQuery) -> Where:
    where = Where()
    where.within("stays.arrival_max_at", query.start_at, query.end_at)
    if query.start_at:
        # By the layout of the table: who came then left no sooner. A local day may have begun half a day before.
        where.put("stays.ended_on >= CAST(? AS DATE)", (query.start_at - timedelta(days=1)).date())
    where.one_of("stays.kerbside_id", query.bay)
    where.one_of("locations.zone_number", query.zone)
    where.one_of("locations.street", query.street)
    return where


def _statement(resource: Resource, where: Where) -> str:
    of_locations = ("zone_number", "street")
    columns = ", ".join(
        f"{'locations' if name in of_locations else 'stays'}.{name}" for name in resource.names
    )
    return (
        f"SELECT {columns} FROM gold.fact_parking_sessions AS stays "
        f"INNER JOIN gold.dim_locations AS locations ON stays.location_key = locations.location_key{where.text}"
    )
