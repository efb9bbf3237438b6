"""What the columns of the historical files are called, and what they are called here."""

from collections.abc import Sequence
from dataclasses import dataclass

from melpark.errors import RefusedError

# Ours, and the City's names over the years; compared without case, spaces and punctuation.
NAMES: dict[str, tuple[str, ...]] = {
    "street_marker": ("StreetMarker",),
    "arrival": ("ArrivalTime",),
    "departure": ("DepartureTime",),
    "duration": ("DurationSeconds", "DurationMinutes"),
    "sign": ("Sign",),
    "in_violation": ("In Violation", "InViolation"),
    "vehicle_present": ("Vehicle Present", "VehiclePresent"),
    "area": ("Area", "AreaName"),
    "street": ("StreetName",),
    "street_from": ("BetweenStreet1",),
    "street_to": ("BetweenStreet2",),
    "side_of_street": ("Side Of Street", "SideOfStreet"),
    "side_of_street_code": ("SideOfStreetCode",),
    "side_of_street_name": ("SideName",),
    "device_id": ("DeviceId",),
    "bay_id": ("BayId",),
    "sign_plate_id": ("SignPlateID",),
    "street_id": ("StreetId",),
    "street_from_id": ("BetweenStreet1ID",),
    "street_to_id": ("BetweenStreet2ID",),
}
REQUIRED = ("street_marker", "arrival", "departure", "duration")
SECONDS = {"durationseconds": 1, "durationminutes": 60}


@dataclass(frozen=True)
class Columns:
    """The columns of one file, in its order: the City's names and ours."""

    theirs: tuple[str, ...]
    ours: tuple[str, ...]
    duration_unit_seconds: int


def read(header: Sequence[str], file_name: str) -> Columns:
    """Recognise a header of 2011-2018 or 2019-2020.

    Raises RefusedError that names every column that is not known, comes twice or is missing.
    """
    known = {_plain(name): ours for ours, names in NAMES.items() for name in names}
    ours = [known.get(_plain(name), "") for name in header]
    problems = [f"column {name!r} is not known" for name, our in zip(header, ours, strict=True) if not our]
    problems += [f"{NAMES[our][0]} comes twice" for our in sorted(set(ours)) if our and ours.count(our) > 1]
    problems += [f"{' or '.join(NAMES[our])} is missing" for our in REQUIRED if our not in ours]
    if problems:
        raise RefusedError(
            f"{file_name} is not a historical event file of the City",
            "; ".join(problems[:8]) + ("; ..." if len(problems) > 8 else ""),
            "See docs/historical-files.md for the columns; nothing of the file was loaded",
        )
    return Columns(tuple(header), tuple(ours), SECONDS[_plain(header[ours.index("duration")])])


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
