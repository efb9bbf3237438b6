"""The standard's application over a lake made by hand."""

from dataclasses import dataclass

import pytest

from cds import made_city
from cds.asking import ask_of
from cds.made_lake import MadeLake
from cds.protocol import checked
from cds.served import Ask, Served, collect
from melpark import secrets
from melpark.places import CDS_TOKEN, Home
from melpark.serving.cds.app import application
from melpark.serving.cds.standard import milliseconds
from melpark.settings import Settings

# Of the made city: all of it.
TIMES = {
    "start_time": milliseconds(made_city.START),
    "end_time": milliseconds(made_city.NOW),
}


@dataclass
class City:
    """The made lake and who answers over it."""

    lake: MadeLake
    settings: Settings
    token: str
    ask: Ask


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    home = Home(tmp_path_factory.mktemp("cds"))
    secrets.ensure(home)
    settings = Settings(home=home.root, source="replay", capture_dir=home.root)
    token = secrets.token(home.root, CDS_TOKEN)
    assert token
    lake = made_city.make(home).commit()
    return City(lake, settings, token, checked(ask_of(application(settings), token)))


@pytest.fixture(scope="module")
def served(city: City) -> Served:
    return collect(city.ask, TIMES, page_size=7)
