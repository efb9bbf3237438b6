"""The modelled shapes: nominal where there is room, apart where there is not, zones around one another."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melpark.serving.cds.geometry import (
    BayPoint,
    Rectangle,
    overlapping,
    spaces,
    to_degrees,
    to_metres,
    zones,
)


def bay(name: str, x: float, y: float = 0.0, bearing: float = 0.0) -> BayPoint:
    return BayPoint(name, "zone", x, y, bearing)


def test_a_bay_alone_has_the_nominal_measures_along_its_street() -> None:
    (found,) = spaces([bay("1", 0, bearing=math.pi / 6)]).values()
    assert (found.length, found.width, found.angle) == (6.0, 2.1, math.pi / 6)
    assert found.polygon().area == pytest.approx(12.6)


def test_bays_in_a_row_give_way_along_it_and_stay_as_wide() -> None:
    found = spaces([bay(str(number), 5.5 * number) for number in range(5)])
    assert {(round(one.length, 6), one.width) for one in found.values()} == {(5.3, 2.1)}


def test_bays_side_by_side_stand_square_to_the_kerb() -> None:
    found = spaces([bay(str(number), 2.6 * number) for number in range(5)])
    assert {(one.angle, one.length, one.width) for one in found.values()} == {(math.pi / 2, 6.0, 2.1)}


def test_of_bays_at_one_place_one_has_a_space() -> None:
    assert spaces([bay("b", 0.1), bay("a", 0), bay("c", 50)]).keys() == {"a", "c"}


def test_bays_askew_give_way_until_both_have_a_space() -> None:
    assert len(spaces([bay("1", 0), bay("2", 0.5, 1.5, 0.7)])) == 2


@given(
    st.lists(
        st.tuples(st.floats(0, 25), st.floats(0, 25), st.sampled_from([0.0, 0.7, math.pi / 2])),
        min_size=2,
        max_size=12,
    )
)
def test_no_two_spaces_touch(places: list[tuple[float, float, float]]) -> None:
    found = spaces([bay(str(number), x, y, angle) for number, (x, y, angle) in enumerate(places)])
    polygons = [one.polygon() for one in found.values()]
    assert all(one.distance(other) > 0 for one, other in itertools.combinations(polygons, 2))


def row(*places: float, across: float = 0.0) -> list[Rectangle]:
    return [Rectangle(along, across, 0.0, 5.6) for along in places]


@pytest.mark.parametrize(
    "city",
    [
        # One in a gap of the other; each on both sides of the street; by turns along one kerb.
        {"a": row(0, 18), "b": row(6, 12)},
        {"a": row(0, 6) + row(18, 24, across=16), "b": row(18, 24) + row(0, 6, across=16)},
        {"a": row(0, 12), "b": row(6, 18)},
        {"a": row(0, 12, 24), "b": row(6, 18, 30), "c": row(0, 6, across=14)},
        # Where the smallest may not choose first.
        {
            "a": row(6, 24, across=14) + row(30),
            "b": row(0, across=14) + row(6, 18),
            "c": row(0, 12) + row(12, across=14),
        },
    ],
)
def test_zones_hold_their_spaces_and_keep_off_one_another(city: dict[str, list[Rectangle]]) -> None:
    found = zones(city, {})
    assert overlapping(list(found.values())) == 0
    for name, of_zone in city.items():
        assert found[name].geom_type == "Polygon"
        assert all(found[name].covers(one.polygon()) for one in of_zone)


def test_degrees_and_metres_are_one_another() -> None:
    assert to_metres(*to_degrees(1234.5, -678.9)) == pytest.approx((1234.5, -678.9), abs=0.001)
