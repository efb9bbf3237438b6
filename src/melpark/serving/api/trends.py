"""Trends: gold's reports, summed up over the streets and days that are asked for. Percentages are of the sums."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from melpark.processing import reports
from melpark.serving.api.columns import Column, Resource
from melpark.serving.api.context import Context
from melpark.serving.api.describe import listed
from melpark.serving.api.history import OCCUPANCY_PERCENT, Where, page, total
from melpark.serving.api.listing import ListQuery, Word

EARLIEST, LATEST = date(2000, 1, 1), date(2100, 1, 1)
# What is shown when no day is named.
NEWEST_DAYS = 28
MINUTES = (
    Column("bay_minutes", float, "Minutes of all bays in the feed", 720.0),
    Column("online_minutes", float, "Of those the ones in which the sensor was heard", 690.0),
    Column("occupied_minutes", float, "Of those the ones with a vehicle", 483.0),
    Column(
        "occupancy_percent",
        float | None,
        "Occupied of online minutes, 0 to 100; null when the sensors were silent for most of the time",
        70.0,
    ),
)
SUMMED = f"""
    {total("bay_minutes")} AS bay_minutes, {total("online_minutes")} AS online_minutes,
    {total("occupied_minutes")} AS occupied_minutes, {OCCUPANCY_PERCENT} AS occupancy_percent
"""
JUDGED = (
    Column("stays", int, "Stays that ended, of sensors that are not stuck", 420),
    Column("judged_stays", int, "Of those the ones that were certainly within their limits or over", 400),
    Column("overstays", int, "Of the judged those that were over", 60),
    Column("overstays_within_extension", int, "Of those the ones that a disability permit would allow", 21),
    Column("minutes_over", float, "Minutes for which they were over for certain", 2210.5),
    Column("overstay_percent", float | None, "Overstays per judged stay; null when none is judged", 15.0),
    Column(
        "compliance_percent", float | None, "Judged stays within their limits, of 100; null likewise", 85.0
    ),
)

DAY = Resource(
    "times",
    "TimeOfDay",
    (
        Column("time_key", str, "Quarter hour of Melbourne's day", "09:15"),
        Column("days", int, "Local days that are summed up", 28),
        Column("vehicles", float, "Vehicles that stood there, the mean of these days", 1310.4),
        *MINUTES,
    ),
    ("time_key",),
)
WEEK = Resource(
    "hours",
    "HourOfWeek",
    (
        Column("weekday_number", int, "1 Monday to 7 Sunday", 4),
        Column("weekday", str, "Its name", "Thursday"),
        Column("hour", int, "Hour of Melbourne's day, 0 to 23", 9),
        *MINUTES,
    ),
    ("weekday_number", "hour"),
)
DATES = Resource(
    "dates",
    "TrendOfDate",
    (
        Column("local_date", date, "Melbourne's day", "2025-08-07"),
        Column("season", str, "summer, autumn, winter or spring", "winter"),
        Column("is_public_holiday", bool, "A public holiday of Victoria", False),
        *MINUTES,
        Column("arrivals", int, "Vehicles that came", 9120),
        Column("departures", int, "Vehicles that left", 9104),
        Column("turnover_per_hour", float | None, "Stays that began per bay and hour", 0.41),
        Column("metered_stays", int, "Stays that ended and were in a metered window", 5210),
        Column(
            "estimated_revenue", float, "Estimate: minutes paid for times an assumed tariff, dollars", 18240.5
        ),
    ),
    ("local_date",),
)
STAYS = Resource(
    "stays",
    "StayLength",
    (
        Column(
            "restriction_type",
            str,
            "Kind of the rule when the vehicle came; unrestricted, no_rule, or several",
            "timed",
        ),
        Column("from_minutes", int, "So long and up to 15 minutes more; 480: eight hours and longer", 45),
        Column("stays", int, "Stays of known length", 1204),
        Column("stay_minutes", float, "Their length in sum", 62140.0),
    ),
    ("restriction_type", "from_minutes"),
)
OVERSTAYS = Resource(
    "overstays",
    "OverstayTrend",
    (Column("place_or_rule", str, "The rule's code when the vehicle came, or the street", "MP2P"), *JUDGED),
    ("place_or_rule",),
)
HISTORICAL = Resource(
    "signs",
    "HistoricalSign",
    (
        Column(
            "sign", str, "Text of the sign in force, or none outside its times", "2P MTR M-SAT 7:30-18:30"
        ),
        Column("stays", int, "Stays in the City's files that were loaded", 52013),
        Column("stay_minutes", float, "Their length in sum", 2290133.0),
        Column("average_stay_minutes", float, "Their mean length", 44.0),
        Column("stays_in_violation", int, "Those that the City found in violation", 3120),
        Column("violation_percent", float, "These per stay, of 100", 6.0),
    ),
    ("sign",),
)


class StreetQuery(ListQuery):
    """Of which streets."""

    street: list[Word] = Field(
        [], max_length=50, description="Street, or several", examples=[["Little Collins Street"]]
    )


class TrendQuery(StreetQuery):
    """Of which streets and local days; without a day the newest 28 that are known."""

    start_on: date | None = Field(
        None, ge=EARLIEST, lt=LATEST, description="First day, Melbourne's", examples=["2025-08-01"]
    )
    end_on: date | None = Field(
        None, ge=EARLIEST, lt=LATEST, description="Last day, included", examples=["2025-08-31"]
    )

    def where(self) -> Where:
        """The days and streets of a report."""
        where = Where()
        if self.start_on is None and self.end_on is None:
            where.put(
                f"local_date > (SELECT max(local_date) FROM gold.fact_occupancy) - INTERVAL {NEWEST_DAYS} DAY"
            )
        if self.start_on:
            where.put("local_date >= ?", self.start_on)
        if self.end_on:
            where.put("local_date <= ?", self.end_on)
        where.one_of("street", self.street)
        return where


class OverstayTrendQuery(TrendQuery):
    """And by what they are summed up."""

    by: Literal["rule", "street"] = Field("rule", description="rule at arrival, or street", examples=["rule"])


def add(api: APIRouter, context: Context) -> None:
    """Trends."""
    report = reports.queries()

    def answer(
        request: Request, resource: Resource, query: ListQuery, statement: str, where: Where, times: int = 1
    ) -> Response:
        return page(request, context, resource, query, statement, where.parameters * times)

    @api.get(
        "/trends/day",
        summary="How the city fills over the day",
        description="Parking accumulation: vehicles that stand at each quarter hour, the mean of the days asked for.",
        tags=["trends"],
        **listed(DAY, about="history"),
    )
    def day(request: Request, query: Annotated[TrendQuery, Query()]) -> Response:
        where = query.where()
        statement = (
            "SELECT time_key, count(DISTINCT local_date) AS days, "
            f"{total('occupied_minutes')} / 15 / count(DISTINCT local_date) AS vehicles, {SUMMED} "
            f"FROM ({report['rpt_occupancy_accumulation']}) AS report{where.text} GROUP BY time_key"
        )
        return answer(request, DAY, query, statement, where)

    @api.get(
        "/trends/week",
        summary="How full it is by weekday and hour",
        tags=["trends"],
        **listed(WEEK, about="history"),
    )
    def week(request: Request, query: Annotated[TrendQuery, Query()]) -> Response:
        where = query.where()
        statement = (
            f"SELECT weekday_number, weekday, hour, {SUMMED} "
            f"FROM ({report['rpt_occupancy_over_time']}) AS report{where.text} "
            "GROUP BY weekday_number, weekday, hour"
        )
        return answer(request, WEEK, query, statement, where)

    @api.get(
        "/trends/dates",
        summary="Occupancy, turnover and estimated revenue by day",
        description="Days of which the sensors told. Revenue is of the stays that ended on the day.",
        tags=["trends"],
        **listed(DATES, about="history"),
    )
    def dates(request: Request, query: Annotated[TrendQuery, Query()]) -> Response:
        where = query.where()
        statement = f"""
            SELECT occupancy.*, arrivals, departures, turnover_per_hour,
                coalesce(metered_stays, 0) AS metered_stays, coalesce(estimated_revenue, 0) AS estimated_revenue
            FROM (
                SELECT local_date, season, is_public_holiday, {SUMMED}
                FROM ({report["rpt_occupancy_over_time"]}) AS report{where.text}
                GROUP BY local_date, season, is_public_holiday
            ) AS occupancy
            INNER JOIN (
                SELECT local_date, CAST(sum(arrivals) AS BIGINT) AS arrivals,
                    CAST(sum(departures) AS BIGINT) AS departures,
                    60 * sum(arrivals) / nullif({total("bay_minutes")}, 0) AS turnover_per_hour
                FROM ({report["rpt_turnover"]}) AS report{where.text}
                GROUP BY local_date
            ) AS turnover ON occupancy.local_date = turnover.local_date
            LEFT JOIN (
                SELECT local_date, CAST(sum(metered_stays) AS BIGINT) AS metered_stays,
                    {total("estimated_revenue")} AS estimated_revenue
                FROM ({report["rpt_revenue_against_occupancy"]}) AS report{where.text}
                GROUP BY local_date
            ) AS revenue ON occupancy.local_date = revenue.local_date
        """
        return answer(request, DATES, query, statement, where, times=3)

    @api.get(
        "/trends/stays",
        summary="How long vehicles stay under each kind of rule",
        description="A distribution by quarter hours of length, of stays of known length; the day is that of the end.",
        tags=["trends"],
        **listed(STAYS, about="history"),
    )
    def stays(request: Request, query: Annotated[TrendQuery, Query()]) -> Response:
        where = query.where()
        statement = (
            "SELECT restriction_type, from_minutes, CAST(sum(stays) AS BIGINT) AS stays, "
            f"{total('stay_minutes')} AS stay_minutes FROM ({report['rpt_stay_by_restriction']}) AS report{where.text} "
            "GROUP BY restriction_type, from_minutes"
        )
        return answer(request, STAYS, query, statement, where)

    @api.get(
        "/trends/overstays",
        summary="Overstays and compliance by rule or street",
        description="Of the stays that ended on the days asked for. Only those of which it is certain are judged.",
        tags=["trends"],
        **listed(OVERSTAYS, about="history"),
    )
    def overstays(request: Request, query: Annotated[OverstayTrendQuery, Query()]) -> Response:
        where = query.where()
        group = "street" if query.by == "street" else "rule_at_arrival"
        sums = ", ".join(
            f"CAST(sum({name}) AS BIGINT) AS {name}"
            for name in ("stays", "judged_stays", "overstays", "overstays_within_extension")
        )
        statement = (
            f"SELECT {group} AS place_or_rule, {sums}, {total('minutes_over')} AS minutes_over, "
            "100 * sum(overstays) / nullif(sum(judged_stays), 0) AS overstay_percent, "
            "100 - 100 * sum(overstays) / nullif(sum(judged_stays), 0) AS compliance_percent "
            f"FROM ({report['rpt_overstay_by_restriction']}) AS report{where.text} GROUP BY {group}"
        )
        return answer(request, OVERSTAYS, query, statement, where)

    @api.get(
        "/trends/historical",
        summary="Stays and violations by sign in the City's files of 2011 to 2020",
        description="The City's own verdicts, never mixed with ours. Empty until a file is loaded.",
        tags=["trends"],
        **listed(HISTORICAL, about="history"),
    )
    def historical(request: Request, query: Annotated[StreetQuery, Query()]) -> Response:
        where = Where()
        where.one_of("street", query.street)
        sums: Any = ", ".join(
            f"CAST(sum({name}) AS BIGINT) AS {name}" for name in ("stays", "stays_in_violation")
        )
        statement = (
            f"SELECT sign, {sums}, {total('stay_minutes')} AS stay_minutes, "
            f"{total('stay_minutes')} / sum(stays) AS average_stay_minutes, "
            "100 * sum(stays_in_violation) / sum(stays) AS violation_percent "
            f"FROM ({report['rpt_historical_stays']}) AS report{where.text} GROUP BY sign"
        )
        return answer(request, HISTORICAL, query, statement, where)
