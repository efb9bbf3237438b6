"""Stays that claim one bay at one time: a bay holds one vehicle, so not all of them can be right."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter

ALREADY_LOADED = "already_loaded"
EXACT_DUPLICATE = "exact_duplicate"
OVERLAP = "overlap"

# Stays in touch with another of their marker, from one sort: those that begin before all earlier ones have
# ended, or end after the next begins. `held` are the stays of other files.
CLAIMS = """
    WITH spans AS (
        SELECT street_marker, arrival_us, departure_us, line_number,
            hash({contents}) AS content, FALSE AS is_held
        FROM looked_at WHERE reason IS NULL
        UNION ALL
        SELECT street_marker, arrival_us, departure_us, 0, 0, TRUE FROM ({held})
    ),
    followed AS (
        SELECT *,
            max(departure_us) OVER (bay ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS taken_until,
            lead(arrival_us) OVER bay AS next_arrival_us
        FROM spans
        WINDOW bay AS (PARTITION BY street_marker ORDER BY arrival_us, departure_us, line_number)
    )
    SELECT street_marker, arrival_us, departure_us, line_number, content, is_held
    FROM followed
    WHERE arrival_us < taken_until OR next_arrival_us < greatest(taken_until, departure_us)
    ORDER BY street_marker"""


@dataclass(frozen=True, slots=True)
class Span:
    """A stay's time at its marker. `content` is the same for lines that are; held ones stay whatever comes."""

    arrival_us: int
    departure_us: int
    line_number: int
    content: int = 0
    is_held: bool = False


def refused(spans: Iterable[Span]) -> Iterator[tuple[int, str]]:
    """Line numbers and reasons of the stays of one marker that must go, so that no two of the rest overlap.

    Among stays that overlap as many as possible are kept: the one that ends first, then the next that begins
    after it, and so on. So a sensor that was stuck for weeks loses against the stays within.
    """
    ordered = sorted(spans, key=attrgetter("line_number"))
    held = sorted((span for span in ordered if span.is_held), key=attrgetter("arrival_us"))
    times_held = {(span.arrival_us, span.departure_us) for span in held}
    starts_held = [span.arrival_us for span in held]
    seen: set[tuple[int, int, int]] = set()
    candidates = []
    for span in ordered:
        if span.is_held:
            continue
        same = (span.arrival_us, span.departure_us, span.content)
        if same[:2] in times_held:
            yield span.line_number, ALREADY_LOADED
        elif same in seen:
            yield span.line_number, EXACT_DUPLICATE
        elif _meets(span, held, starts_held):
            yield span.line_number, OVERLAP
        else:
            candidates.append(span)
        seen.add(same)
    free_from: int | None = None
    for span in sorted(candidates, key=attrgetter("departure_us", "line_number")):
        if free_from is not None and span.arrival_us < free_from:
            yield span.line_number, OVERLAP
        else:
            free_from = span.departure_us


def _meets(span: Span, held: list[Span], starts: list[int]) -> bool:
    # Held stays do not overlap one another, so the last that begins before the span's end is the one to ask.
    place = bisect_right(starts, span.departure_us - 1) - 1
    return place >= 0 and held[place].departure_us > span.arrival_us
