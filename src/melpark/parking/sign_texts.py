"""The older sign texts, as the City's sensor files of 2011 to 2018 spell them: `2P MTR M-SAT 7:30-20:30`.

They are written by hand in many ways. What a text says of its limit, its days and its hours is read; the area of a
ticket (`TKT A`), the number of an offence and permits that exempt residents (`RPA`, `RPE`) say nothing about these.
Source: column `Sign` of the historical event files.
"""

import re
from collections.abc import Iterator
from datetime import date

from melpark.parking.local_time import is_public_holiday, stretches
from melpark.parking.plates import ALL_WEEK, MINUTES_PER_DAY, MINUTES_PER_HOUR, UNKNOWN, Reading, Rule
from melpark.parking.rules import Kind, Window

DAYS = {"M": 0, "MON": 0, "TUE": 1, "WED": 2, "THU": 3, "F": 4, "FRI": 4, "SAT": 5, "SU": 6, "SUN": 6}
# `S-S` is Saturday and Sunday.
WEEKEND = frozenset({5, 6})

DAY = "MON|M|TUE|WED|THU|FRI|F|SAT|SUN|SU"
DAY_RANGE = re.compile(rf"\b({DAY})\s*-\s*({DAY})\b")
ONE_DAY = re.compile(r"\b(MON|TUE|WED|THU|FRI|SAT|SUN)\b")
CLOCK = r"(\d{1,2})[:.](\d{2})\s*(AM|PM)?"
HOURS = re.compile(rf"{CLOCK}\s*(?:-|TO)\s*{CLOCK}")

FRACTION = re.compile(r"\b1/([24])\s*P\b")
HOUR_LIMIT = re.compile(r"(?<![\d/])([1-9]\d?)\s*P\b")
LOADING = re.compile(r"\b(?:LZ|L/ZONE|LOADING ZONE)\s*([1-9]\d{0,2})\s*M")
MINUTE_LIMIT = re.compile(r"\bP\s*/?\s*([1-9]\d?)(?=\s|M|$)")
DISABILITY_MINUTES = re.compile(r"\bP DIS ([1-9]\d{0,2})\s*MINS?\b")
FORBIDDEN = re.compile(r"\b(?:NO STOPPING|CLEARWAY|NO STANDING)\b")


def read_sign(text: str) -> Reading:
    """Weekdays, minutes of the local day and rule of a sign.

    A text without days holds on all days, one without hours all day (`AOT`, at all other times, has them elsewhere). A
    text without a limit that can be read, or with hours that run backwards, has an unknown rule.
    """
    sign = " ".join(text.upper().split())
    start, finish = _hours(sign)
    weekdays = _weekdays(sign)
    if start >= finish:
        return Reading(weekdays, 0, MINUTES_PER_DAY, UNKNOWN)
    return Reading(weekdays, start, finish, _rule(sign))


def sign_windows(text: str, zone_number: int, days: Iterator[date]) -> Iterator[Window]:
    """The windows of one sign on these local days, which follow one another.

    As with today's plates, only signs of all seven days hold on a public holiday of Victoria.
    """
    reading = read_sign(text)
    for day in days:
        is_suspended = is_public_holiday(day) and reading.weekdays != ALL_WEEK
        if day.weekday() not in reading.weekdays or is_suspended:
            continue
        for stretch in stretches(day):
            start = max(reading.start_minute, stretch.start_minute)
            finish = min(reading.finish_minute, stretch.finish_minute)
            if start < finish:
                yield Window(
                    zone_number=zone_number,
                    start_at=stretch.at(start),
                    end_at=stretch.at(finish),
                    limit_minutes=reading.rule.limit_minutes,
                    kind=reading.rule.kind,
                    is_metered=reading.rule.is_metered,
                    code=text,
                    is_ambiguous=False,
                )


def _rule(sign: str) -> Rule:
    if FORBIDDEN.search(sign):
        return Rule(Kind.NO_STOPPING, 0)
    is_metered = re.search(r"\b(?:MTR|TKT ?A?)\b", sign) is not None
    if match := LOADING.search(sign):
        return Rule(Kind.LOADING, int(match[1]))
    kind = Kind.DISABILITY if re.search(r"\bDIS\b", sign) else Kind.TIMED
    if match := DISABILITY_MINUTES.search(sign):
        return Rule(kind, int(match[1]), is_metered)
    if match := FRACTION.search(sign):
        return Rule(kind, MINUTES_PER_HOUR // int(match[1]), is_metered)
    if match := HOUR_LIMIT.search(sign):
        return Rule(kind, int(match[1]) * MINUTES_PER_HOUR, is_metered)
    if match := MINUTE_LIMIT.search(sign):
        return Rule(kind, int(match[1]), is_metered)
    return UNKNOWN


def _weekdays(sign: str) -> frozenset[int]:
    if re.search(r"\bS-S\b", sign):
        return WEEKEND
    if match := DAY_RANGE.search(sign):
        first, last = DAYS[match[1]], DAYS[match[2]]
        return frozenset((first + step) % 7 for step in range((last - first) % 7 + 1))
    if match := ONE_DAY.search(sign):
        return frozenset({DAYS[match[1]]})
    return ALL_WEEK


def _hours(sign: str) -> tuple[int, int]:
    match = HOURS.search(sign)
    if match is None:
        return 0, MINUTES_PER_DAY
    start, finish = _minute(*match.groups()[:3]), _minute(*match.groups()[3:])
    return start, MINUTES_PER_DAY if finish == MINUTES_PER_DAY - 1 else finish


def _minute(hour: str, minute: str, half: str | None) -> int:
    """Minutes after midnight; without AM or PM the clock has 24 hours."""
    hours = int(hour)
    if half:
        hours = hours % 12 + (12 if half == "PM" else 0)
    return hours * MINUTES_PER_HOUR + int(minute)
