"""Streets fitted to bays: lines where bays lie in lines, joined over crossings, never invented."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melpark.serving.geography import METRES_PER_DEGREE
from melpark.serving.streets import StreetLine, fit_streets, street_name

WIDTH = METRES_PER_DEGREE * math.cos(math.radians(-37.81))


def bay(street: str, east: float, north: float) -> tuple[str, float, float]:
    """A bay so many metres from a corner in the city."""
    return (
        f"{street} between A Street and B Street",
        144.96 + east / WIDTH,
        -37.81 + north / METRES_PER_DEGREE,
    )


def local(point: tuple[float, float]) -> tuple[float, float]:
    return (point[0] - 144.96) * WIDTH, (point[1] + 37.81) * METRES_PER_DEGREE


def test_a_street_is_named_before_the_word_between() -> None:
    assert (
        street_name("Little Collins Street between King Street and Spencer Street") == "Little Collins Street"
    )
    assert street_name("Betweenhill Lane") == "Betweenhill Lane"


@given(st.floats(0, math.pi), st.floats(20, 400), st.floats(0, 6))
def test_the_line_follows_the_bays_on_both_kerbs(angle: float, length: float, half_width: float) -> None:
    along = (math.cos(angle), math.sin(angle))
    bays = [
        bay("King Street", step * along[0] - side * along[1], step * along[1] + side * along[0])
        for step in (0, length / 3, length * 2 / 3, length)
        for side in (-half_width, half_width)
    ]
    (line,) = fit_streets(bays)
    ends = sorted((local(line.start), local(line.end)), key=lambda end: end[0] * along[0] + end[1] * along[1])
    assert ends[0] == pytest.approx((0, 0), abs=0.5)
    assert ends[1] == pytest.approx((length * along[0], length * along[1]), abs=0.5)


def test_too_few_bays_and_bays_in_a_heap_make_no_street() -> None:
    lone = [bay("Lone Lane", 0, 0)]
    same = [bay("Spot Lane", 0, 0), bay("Spot Lane", 1, 1)]
    square = [bay("The Square", east, north) for east in (0, 100) for north in (0, 100)]
    assert fit_streets([*lone, *same, *square]) == []


def test_pieces_of_a_street_are_joined_straight_over_a_crossing() -> None:
    lines = fit_streets([*piece("King Street", 0), *piece("King Street", 140)])
    assert len(lines) == 3
    assert sorted(round(local(end)[0]) for end in ends_of(lines[2])) == [100, 140]


def test_pieces_far_apart_side_by_side_or_of_other_streets_are_not_joined() -> None:
    assert len(fit_streets([*piece("King Street", 0), *piece("King Street", 300)])) == 2
    assert len(fit_streets([*piece("King Street", 0), *piece("King Street", 0, north=60)])) == 2
    assert len(fit_streets([*piece("King Street", 0), *piece("Queen Street", 140)])) == 2


def test_no_bays_make_no_streets() -> None:
    assert fit_streets([]) == []


def piece(street: str, east: float, north: float = 0) -> list[tuple[str, float, float]]:
    """A straight segment of 100 m with a description of its own."""
    return [
        (f"{street} between {east} and {north}", *bay(street, east + step, north)[1:])
        for step in (0, 50, 100)
    ]


def ends_of(line: StreetLine) -> tuple[tuple[float, float], tuple[float, float]]:
    return line.start, line.end
