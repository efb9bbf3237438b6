"""The simulated city: segments, zones, bays and sensors, laid along the blocks of the street grid."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from melpark.simulator.blocks import Block, Side, blocks
from melpark.simulator.plates import NO_SIGNS, Signs, draw
from melpark.simulator.randomness import stream
from melpark.simulator.streets import STREETS, Point

SENSORS = 3_300
SENSORS_PER_ZONE = 76
CENTRE: Point = (144.9633, -37.8136)
FIRST_ZONE = 7_001
FIRST_SEGMENT = 20_001
FIRST_BAY = 5_000

SHARE_ZONES_WITHOUT_SIGNS = 0.012
SHARE_ZONES_WITHOUT_SEGMENT = 0.11
SHARE_ZONES_ROUND_THE_CORNER = 0.18
SHARE_SENSORS_WITHOUT_ZONE = 0.07
SENSORS_WITHOUT_BAY = 100
REPEATED_IDS = 10
IDS_THAT_ARE_NO_NUMBERS = 2

Record = dict[str, Any]


@dataclass(frozen=True)
class Segment:
    """A road segment: one block of a street."""

    segment_id: int
    street: str
    street_from: str
    street_to: str

    @property
    def description(self) -> str:
        return f"{self.street} between {self.street_from} and {self.street_to}"


@dataclass(frozen=True)
class Zone:
    """A parking zone. `segments` are those that the City's list gives, which may be none or several."""

    zone_number: int
    segments: tuple[Segment, ...]
    signs: Signs


@dataclass(frozen=True)
class Bay:
    """A kerb bay as the City lists it; `kerbside_id` is the sensor's, as text."""

    segment: Segment
    zone: Zone
    longitude: float
    latitude: float
    updated_on: str
    kerbside_id: str | None = None

    @property
    def point(self) -> Point:
        return self.longitude, self.latitude


@dataclass(frozen=True)
class Sensor:
    """A bay's sensor as the feed shows it; a null `zone_number` is the feed's, `zone` is the truth."""

    kerbside_id: int
    longitude: float
    latitude: float
    zone_number: int | None
    zone: Zone


@dataclass(frozen=True)
class City:
    """Everything that stands still. The same for the same seed."""

    seed: int
    zones: tuple[Zone, ...]
    bays: tuple[Bay, ...]
    sensors: tuple[Sensor, ...]

    def bay_records(self) -> list[Record]:
        """`on-street-parking-bays` in the portal's shape."""
        return [
            {
                "roadsegmentid": bay.segment.segment_id,
                "kerbsideid": bay.kerbside_id,
                "roadsegmentdescription": bay.segment.description,
                "latitude": bay.latitude,
                "longitude": bay.longitude,
                "lastupdated": bay.updated_on,
                "location": {"lon": bay.longitude, "lat": bay.latitude},
            }
            for bay in self.bays
        ]

    def zone_segment_records(self) -> list[Record]:
        """`parking-zones-linked-to-street-segments` in the portal's shape."""
        return [
            {
                "parkingzone": zone.zone_number,
                "onstreet": segment.street,
                "streetfrom": segment.street_from,
                "streetto": segment.street_to,
                "segment_id": segment.segment_id,
            }
            for zone in self.zones
            for segment in zone.segments
        ]

    def sign_plate_records(self) -> list[Record]:
        """`sign-plates-located-in-each-parking-zone` in the portal's shape."""
        return [
            {
                "parkingzone": zone.zone_number,
                "restriction_days": plate.days,
                "time_restrictions_start": f"{plate.start}:00",
                "time_restrictions_finish": f"{plate.finish}:00",
                "restriction_display": plate.code,
            }
            for zone in self.zones
            for plate in zone.signs.plates
        ]


@lru_cache(maxsize=2)
def build(seed: int) -> City:
    """Lay out the city of `seed`: about 330 zones with 3,300 sensors, and the bays that have none."""
    rng = stream(seed, "city")
    segments = [
        (Segment(FIRST_SEGMENT + number, block.street.name, block.street_from, block.street_to), block)
        for number, block in enumerate(blocks(STREETS))
    ]
    kerbs = [(segment, kerb) for segment, block in segments for kerb in _kerbs(rng, block)]
    zones = [_zone(rng, number, segment, segments) for number, (segment, _) in enumerate(kerbs)]
    by_zone = [
        [_bay(rng, segment, zone, point) for point in kerb]
        for (segment, kerb), zone in zip(kerbs, zones, strict=True)
    ]
    sensed = _sensed(rng, by_zone)
    sensors = [_sensor(rng, kerbside_id, bay) for kerbside_id, bay in sensed]
    listed = _listed(rng, [bay for bays in by_zone for bay in bays], sensed)
    return City(seed, tuple(zones), tuple(listed), tuple(sensors))


def _kerbs(rng: random.Random, block: Block) -> Iterator[list[Point]]:
    """The bays of each zone of a block: one zone for both sides, or one for each."""
    left, right = _run(rng, block, 1), _run(rng, block, -1)
    if rng.random() < 0.4:
        left, right = left + right, []
    yield from (bays for bays in (left, right) if bays)


def _run(rng: random.Random, block: Block, side: Side) -> list[Point]:
    """One row of bays without a gap, as long as the street's share of kerb allows on average."""
    room = block.bay_count()
    count = min(room, round(room * block.street.kerb_share * rng.uniform(0.5, 1.5)))
    first = rng.randint(0, room - count)
    return [block.bay(side, index) for index in range(first, first + count)]


def _zone(
    rng: random.Random, number: int, segment: Segment, segments: Sequence[tuple[Segment, Block]]
) -> Zone:
    listed = [segment]
    if rng.random() < SHARE_ZONES_WITHOUT_SEGMENT:
        listed = []
    elif rng.random() < SHARE_ZONES_ROUND_THE_CORNER:
        position = segment.segment_id - FIRST_SEGMENT
        listed.append(segments[(position + 1) % len(segments)][0])
    signs = NO_SIGNS if rng.random() < SHARE_ZONES_WITHOUT_SIGNS else draw(rng)
    return Zone(FIRST_ZONE + number, tuple(listed), signs)


def _bay(rng: random.Random, segment: Segment, zone: Zone, point: Point) -> Bay:
    longitude, latitude = point
    updated_on = f"{rng.choice((2023, 2024))}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    return Bay(segment, zone, round(longitude, 7), round(latitude, 7), updated_on)


def _sensed(rng: random.Random, by_zone: Sequence[Sequence[Bay]]) -> list[tuple[int, Bay]]:
    """The bays with a sensor, more of them near the centre, and the sensors' ids."""
    order = sorted(by_zone, key=lambda bays: rng.random() ** (1 / _centrality(bays[0].point)), reverse=True)
    chosen: list[Bay] = []
    for bays in order:
        wanted = round(rng.lognormvariate(math.log(9.0), 1.3))
        count = min(max(1, wanted), len(bays), SENSORS_PER_ZONE, SENSORS - len(chosen))
        first = rng.randint(0, len(bays) - count)
        chosen += bays[first : first + count]
    ids = sorted(rng.sample(range(FIRST_BAY, 70_000), len(chosen)))
    return list(zip(ids, chosen, strict=True))


def _centrality(point: Point) -> float:
    """Weight of a zone: 3 in the centre, falling to 0.3 two kilometres out."""
    east, north = (point[0] - CENTRE[0]) * 87_700, (point[1] - CENTRE[1]) * 111_000
    return max(0.3, 3 * math.exp(-math.hypot(east, north) / 900))


def _sensor(rng: random.Random, kerbside_id: int, bay: Bay) -> Sensor:
    """The sensor stands a metre or two from the bay's listed point."""
    longitude = bay.longitude + rng.gauss(0, 1.2e-5)
    latitude = bay.latitude + rng.gauss(0, 1e-5)
    has_zone = rng.random() >= SHARE_SENSORS_WITHOUT_ZONE
    zone_number = bay.zone.zone_number if has_zone else None
    return Sensor(kerbside_id, longitude, latitude, zone_number, bay.zone)


def _listed(rng: random.Random, bays: Sequence[Bay], sensed: Sequence[tuple[int, Bay]]) -> list[Bay]:
    """The list of bays with its flaws: sensors it does not know, ids given twice, ids that are no numbers."""
    unknown = set(rng.sample([kerbside_id for kerbside_id, _ in sensed], SENSORS_WITHOUT_BAY))
    ids = {bay.point: str(kerbside_id) for kerbside_id, bay in sensed if kerbside_id not in unknown}
    free = [bay.point for bay in bays if bay.point not in ids]
    wrong = rng.sample(free, REPEATED_IDS + IDS_THAT_ARE_NO_NUMBERS)
    taken = rng.sample(list(ids.values()), len(wrong))
    for number, (point, kerbside_id) in enumerate(zip(wrong, taken, strict=True)):
        ids[point] = kerbside_id if number < REPEATED_IDS else f"{kerbside_id}N"
    return [replace(bay, kerbside_id=ids.get(bay.point)) for bay in bays]
