"""The simulated city: segments, zones, bays and sensors, laid along the blocks of the street grid."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from melpark.simulator.blocks import Block, Side, blocks
from melpark.simulator.dirt import Dirt
from melpark.simulator.plates import NO_SIGNS, Signs, deal
from melpark.simulator.randomness import stream
from melpark.simulator.streets import STREETS, Point

SENSORS = 3_300
SENSORS_PER_ZONE = 76
# Of sensors; a few of each have no zone in the feed. The spread is of the logarithm.
MEDIAN_OF_ZONE = 6.5
SPREAD_OF_ZONES = 0.95
CENTRE: Point = (144.9633, -37.8136)
FIRST_ZONE = 7_001
FIRST_SEGMENT = 20_001
FIRST_BAY = 5_000

BAYS = 23_864
BAYS_WITH_ID = 5_339
ZONES = 757


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
    zone: Zone | None
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
    dirt: Dirt
    zones: tuple[Zone, ...]
    bays: tuple[Bay, ...]
    sensors: tuple[Sensor, ...]


@lru_cache(maxsize=4)
def build(seed: int, dirt: Dirt = Dirt()) -> City:  # noqa: B008
    """Lay out the city of `seed`: about 330 of 757 zones with 3,300 sensors, and all the bays that have none."""
    rng = stream(seed, "city")
    segments = [
        (Segment(FIRST_SEGMENT + number, block.street.name, block.street_from, block.street_to), block)
        for number, block in enumerate(blocks(STREETS))
    ]
    kerbs = [(segment, kerb) for segment, block in segments for kerb in _kerbs(rng, block)]
    zones = _zones(rng, dirt, [segment for segment, _ in kerbs], segments)
    by_zone = [
        [_bay(rng, segment, zone, point) for point in kerb]
        for (segment, kerb), zone in zip(kerbs, zones, strict=False)
    ]
    sensed = _sensed(rng, by_zone)
    sensors = [_sensor(rng, dirt, kerbside_id, bay) for kerbside_id, bay in sensed]
    bays = [bay for few in by_zone for bay in few]
    bays += _bays_of_no_zone(rng, segments, bays)
    listed = _listed(rng, dirt, bays, sensed)
    return City(seed, dirt, tuple(zones), tuple(listed), tuple(sensors))


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


def _zones(
    rng: random.Random, dirt: Dirt, first: Sequence[Segment], segments: Sequence[tuple[Segment, Block]]
) -> list[Zone]:
    """A zone for each kerb, on the segments of `first`, and more without bays of ours."""
    more = [rng.choice(segments)[0] for _ in range(ZONES - len(first))]
    dealt = deal(rng, max(ZONES, len(first)))
    zones = []
    for number, (segment, signs) in enumerate(zip([*first, *more], dealt, strict=False)):
        listed = [segment]
        draw = rng.random()
        if draw < dirt.share_zones_without_segment:
            listed = []
        elif draw < dirt.share_zones_without_segment + dirt.share_zones_of_several_segments:
            position = segment.segment_id - FIRST_SEGMENT
            listed.append(segments[(position + 1) % len(segments)][0])
        has_signs = rng.random() >= dirt.share_zones_without_plates
        zones.append(Zone(FIRST_ZONE + number, tuple(listed), signs if has_signs else NO_SIGNS))
    return zones


def _bay(rng: random.Random, segment: Segment, zone: Zone | None, point: Point) -> Bay:
    longitude, latitude = point
    updated_on = f"{rng.choice((2023, 2024))}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    return Bay(segment, zone, round(longitude, 7), round(latitude, 7), updated_on)


def _sensed(rng: random.Random, by_zone: Sequence[Sequence[Bay]]) -> list[tuple[int, Bay]]:
    """The bays with a sensor, more of them near the centre, and the sensors' ids.

    Zones are as large as the City's; the larger lie at the longer kerbs.
    """
    sizes = _zone_sizes(rng)
    order = sorted(by_zone, key=lambda bays: rng.random() ** (1 / _centrality(bays[0].point)), reverse=True)
    longest_first = sorted(order[: len(sizes)], key=len, reverse=True)
    chosen: list[Bay] = []
    wanted = 0
    for size, bays in zip(sorted(sizes, reverse=True), longest_first, strict=True):
        wanted += size
        # What a kerb is too short for goes to the next.
        count = min(wanted - len(chosen), len(bays), SENSORS_PER_ZONE)
        first = rng.randint(0, len(bays) - count)
        chosen += bays[first : first + count]
    rng.shuffle(chosen)
    ids = sorted(rng.sample(range(FIRST_BAY, 70_000), len(chosen)))
    return list(zip(ids, chosen, strict=True))


def _zone_sizes(rng: random.Random) -> list[int]:
    """Sensors of each zone: SENSORS in all."""
    sizes: list[int] = []
    while (left := SENSORS - sum(sizes)) > 0:
        wanted = round(rng.lognormvariate(math.log(MEDIAN_OF_ZONE), SPREAD_OF_ZONES))
        sizes.append(min(max(1, wanted), SENSORS_PER_ZONE, left))
    return sizes


def _centrality(point: Point) -> float:
    """Weight of a zone: 3 in the centre, falling to 0.3 two kilometres out."""
    east, north = (point[0] - CENTRE[0]) * 87_700, (point[1] - CENTRE[1]) * 111_000
    return max(0.3, 3 * math.exp(-math.hypot(east, north) / 900))


def _sensor(rng: random.Random, dirt: Dirt, kerbside_id: int, bay: Bay) -> Sensor:
    """The sensor stands a metre or two from the bay's listed point."""
    assert bay.zone is not None
    longitude = bay.longitude + rng.gauss(0, 1.2e-5)
    latitude = bay.latitude + rng.gauss(0, 1e-5)
    has_zone = rng.random() >= dirt.share_sensors_without_zone
    zone_number = bay.zone.zone_number if has_zone else None
    return Sensor(kerbside_id, longitude, latitude, zone_number, bay.zone)


def _bays_of_no_zone(
    rng: random.Random, segments: Sequence[tuple[Segment, Block]], zoned: Sequence[Bay]
) -> list[Bay]:
    """The rest of the City's list: the kerb that is left, and parking along the middle of streets."""
    taken = {bay.point for bay in zoned}
    free = [
        bay
        for segment, block in segments
        for across in (1.0, -1.0, 0.15, -0.15)
        for index in range(block.bay_count())
        for bay in [_bay(rng, segment, None, block.bay(across, index))]
        if bay.point not in taken
    ]
    return rng.sample(free, min(len(free), BAYS - len(zoned)))


def _listed(
    rng: random.Random, dirt: Dirt, bays: Sequence[Bay], sensed: Sequence[tuple[int, Bay]]
) -> list[Bay]:
    """The list of bays with its flaws: sensors it does not know, ids given twice, ids that are no numbers.

    Some bays name a sensor that the feed no longer holds.
    """
    unknown = set(rng.sample([kerbside_id for kerbside_id, _ in sensed], dirt.sensors_without_bay))
    ids = {bay.point: str(kerbside_id) for kerbside_id, bay in sensed if kerbside_id not in unknown}
    wrong = dirt.repeated_ids + dirt.ids_that_are_no_numbers
    free = [bay.point for bay in bays if bay.point not in ids]
    named = rng.sample(free, min(len(free), BAYS_WITH_ID - len(ids)))
    taken = rng.sample(list(ids.values()), wrong)
    gone = iter(rng.sample(range(70_000, 90_000), len(named)))
    for number, point in enumerate(named):
        if number < dirt.repeated_ids:
            ids[point] = taken[number]
        else:
            ids[point] = f"{taken[number]}N" if number < wrong else str(next(gone))
    return [replace(bay, kerbside_id=ids.get(bay.point)) for bay in bays]
