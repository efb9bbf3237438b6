"""The reference datasets of the simulated city in the portal's shape."""

import random
from collections.abc import Mapping
from typing import Any

from melpark.contracts import BAY_RESTRICTIONS, BAYS, METERS, SIGN_PLATES, ZONE_SEGMENTS
from melpark.simulator.city import City
from melpark.simulator.older_rules import restriction_records
from melpark.simulator.randomness import stream

Record = dict[str, Any]

METER_COUNT = 1_313
METERS_WITHOUT_CARD_NOTE = 307


def reference_records(city: City) -> Mapping[str, list[Record]]:
    """Every dataset but the sensors, by the portal's name."""
    return {
        BAYS.dataset: bay_records(city),
        ZONE_SEGMENTS.dataset: zone_segment_records(city),
        SIGN_PLATES.dataset: sign_plate_records(city),
        METERS.dataset: meter_records(city),
        BAY_RESTRICTIONS.dataset: restriction_records(city),
    }


def bay_records(city: City) -> list[Record]:
    """`on-street-parking-bays`."""
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
        for bay in city.bays
    ]


def zone_segment_records(city: City) -> list[Record]:
    """`parking-zones-linked-to-street-segments`."""
    return [
        {
            "parkingzone": zone.zone_number,
            "onstreet": segment.street,
            "streetfrom": segment.street_from,
            "streetto": segment.street_to,
            "segment_id": segment.segment_id,
        }
        for zone in city.zones
        for segment in zone.segments
    ]


def sign_plate_records(city: City) -> list[Record]:
    """`sign-plates-located-in-each-parking-zone`."""
    return [
        {
            "parkingzone": zone.zone_number,
            "restriction_days": plate.days,
            "time_restrictions_start": f"{plate.start}:00",
            "time_restrictions_finish": f"{plate.finish}:00",
            "restriction_display": plate.code,
        }
        for zone in city.zones
        for plate in zone.signs.plates
    ]


def meter_records(city: City) -> list[Record]:
    """`on-street-car-parking-meters-with-location`: meters along the bays of metered zones."""
    rng = stream(city.seed, "meters")
    metered = [
        bay
        for bay in city.bays
        if bay.zone and any(plate.code.startswith("MP") for plate in bay.zone.signs.plates)
    ]
    places = rng.sample(metered, min(METER_COUNT, len(metered)))
    without = set(rng.sample(range(len(places)), METERS_WITHOUT_CARD_NOTE))
    numbers = rng.sample(range(1_600_000, 1_700_000), len(places))
    return [
        {
            "barcode": f"MPM{number}",
            "creditcard": None if place in without else ("No" if place == min(without) - 1 else "Yes"),
            "tapandgo": "Yes",
            "asset_id": str(number),
            "meter_id": f"{100 + place // 4}{'ABCD'[place % 4]}",
            "location_description": f"{bay.segment.description}, approximately {_metres(rng)}",
            "latitude": round(bay.latitude + 1e-5, 7),
            "longitude": bay.longitude,
            "location": {"lon": bay.longitude, "lat": round(bay.latitude + 1e-5, 7)},
        }
        for place, (bay, number) in enumerate(zip(places, numbers, strict=True))
    ]


def _metres(rng: random.Random) -> str:
    return f"{rng.randint(2, 60)}m {rng.choice(('North', 'East', 'South', 'West'))} of the corner"
