"""What is served of a street made by hand, by the strict validator and by figures that can be checked by eye."""

from cds import protocol, validator
from cds.conftest import City
from cds.served import Served


def test_everything_that_is_served_keeps_the_standard(served: Served) -> None:
    assert validator.breaches(served) == []


def test_the_server_answers_as_the_standard_demands(city: City, served: Served) -> None:
    assert protocol.breaches(city.ask, served, city.token) == []
