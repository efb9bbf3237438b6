"""What a query asks, read strictly: half a box, half a circle or an unknown name is an error, never ignored."""

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from starlette.datastructures import QueryParams

from melpark.serving.cds.protocol import CdsError
from melpark.serving.cds.standard import instant

BOX = ("min_lat", "min_lng", "max_lat", "max_lng")
CIRCLE = ("lat", "lng", "radius")
PLACE = (*BOX, *CIRCLE)
# Half the way around the earth.
LARGEST_RADIUS_CENTIMETRES = 2_003_750_800
LAST = datetime(9000, 1, 1, tzinfo=UTC)
BEYOND = "is beyond the calendar"
T = TypeVar("T")


@dataclass(frozen=True)
class Box:
    """Degrees, edges included."""

    min_lat: float
    min_lng: float
    max_lat: float
    max_lng: float


@dataclass(frozen=True)
class Circle:
    """A place in degrees and a distance in metres around it."""

    lat: float
    lng: float
    metres: float


@dataclass
class Query:
    """The parameters of one request; `done` raises CdsError (400) that names everything wrong at once."""

    given: QueryParams
    known: Collection[str]
    wrong: list[str] = field(default_factory=list)

    def done(self) -> None:
        names = [name for name, _ in self.given.multi_items()]
        for name in dict.fromkeys(names):
            if name not in self.known:
                self.wrong.append(f"{name} is not a parameter of this endpoint")
            elif names.count(name) > 1:
                self.wrong.append(f"{name} is given more than once")
        if self.wrong:
            raise CdsError(400, "The query cannot be read.", tuple(self.wrong))

    def one(self, name: str, read: Callable[[str], T]) -> T | None:
        """The value of a parameter, None when it is not given or wrong."""
        text = self.given.get(name)
        if text is None:
            return None
        try:
            return read(text)
        except (ValueError, OverflowError) as error:
            self.wrong.append(f"{name} {error}")
            return None

    def uuid(self, name: str) -> str | None:
        return self.one(name, read_uuid)

    def uuids(self, name: str) -> list[str] | None:
        return self.one(name, lambda text: [read_uuid(part.strip()) for part in text.split(",")])

    def time(self, name: str) -> datetime | None:
        return self.one(name, read_time)

    def flag(self, name: str, default: bool) -> bool:
        value = self.one(name, read_flag)
        return default if value is None else value

    def together(self, names: Iterable[str]) -> bool:
        """True when all are given; some of them only are an error."""
        names = tuple(names)
        missing = [name for name in names if name not in self.given]
        if missing and len(missing) < len(names):
            self.wrong.append(f"{', '.join(names)} go together: {', '.join(missing)} is missing")
        return not missing

    def place(self) -> Box | Circle | None:
        """The box or the circle that is asked for; both at once are an error."""
        has_box, has_circle = self.together(BOX), self.together(CIRCLE)
        if has_box and has_circle:
            self.wrong.append("a box and a circle cannot be asked for together")
        if has_box:
            return self._box()
        return self._circle() if has_circle else None

    def _box(self) -> Box | None:
        south, north = (self.one(name, _degrees(90)) for name in ("min_lat", "max_lat"))
        west, east = (self.one(name, _degrees(180)) for name in ("min_lng", "max_lng"))
        if south is None or north is None or west is None or east is None:
            return None
        if south > north or west > east:
            self.wrong.append("min_lat must not exceed max_lat, nor min_lng max_lng")
        return Box(south, west, north, east)

    def _circle(self) -> Circle | None:
        lat, lng = self.one("lat", _degrees(90)), self.one("lng", _degrees(180))
        radius = self.one("radius", _radius)
        if lat is None or lng is None or radius is None:
            return None
        return Circle(lat, lng, radius / 100)


def read_uuid(text: str) -> str:
    """A UUID in its usual spelling. Raises ValueError when it is none."""
    try:
        value = UUID(text)
    except ValueError:
        value = None
    if value is None or str(value) != text.lower():
        raise ValueError("is not a UUID, such as af8f410e-2d0e-5c0e-bcdb-8d005ca36c68")
    return str(value)


def read_time(text: str) -> datetime:
    """An instant from milliseconds since the Unix epoch. Raises ValueError or OverflowError when it is none."""
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise ValueError("is not a time in milliseconds since the Unix epoch")
    try:
        return within_calendar(instant(int(text)))
    except OverflowError:
        raise ValueError(BEYOND) from None


def within_calendar(at: datetime) -> datetime:
    """The instant itself. Raises ValueError when so little of the calendar follows that nothing can be added to it."""
    if at > LAST:
        raise ValueError(BEYOND)
    return at


def read_flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("is neither true nor false")
    return text.lower() == "true"


def _degrees(most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = _number(text)
        if abs(value) > most:
            raise ValueError(f"is not within -{most:g} and {most:g} degrees")
        return value

    return read


def _radius(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= LARGEST_RADIUS_CENTIMETRES:
        raise ValueError("is no distance in centimetres")
    return value


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError("is not a number")
    return value
