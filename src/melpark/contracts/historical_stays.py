"""The City's historical event files, 2011 to 2020: the stays that they hold, and the rows that are none."""

from melpark.contracts.table import Column, Table, Type, Unit

_PROVENANCE = (
    Column("file_name", Type.TEXT, "Name of the file, and of the member where it came in a zip"),
    Column(
        "file_sha256",
        Type.TEXT,
        "SHA-256 of the file as downloaded; of a zip's member, unpacked",
    ),
    Column("line_number", Type.BIGINT, "Line of the file; the header is 1, blank lines are not counted"),
    Column("run_id", Type.TEXT, "The run of `melpark backfill` that loaded the file"),
    Column("loaded_at", Type.TIMESTAMP, "Our clock when that run began"),
)


def _text(name: str, description: str, source: str) -> Column:
    return Column(name, Type.TEXT, description, nullable=True, source=source)


HISTORICAL_STAYS = Table(
    name="historical_stays",
    grain="One row per stay of a vehicle at a street marker that a historical file reports",
    key=("street_marker", "arrival_at"),
    is_captured=False,
    columns=(
        Column(
            "street_marker",
            Type.TEXT,
            "The bay as it is marked on the street; in none of the live feed's tables",
            source="StreetMarker",
        ),
        Column("arrival_at", Type.TIMESTAMP, "When the vehicle came", source="ArrivalTime"),
        Column("departure_at", Type.TIMESTAMP, "When the vehicle left", source="DepartureTime"),
        Column(
            "duration_seconds",
            Type.BIGINT,
            "Seconds from arrival to departure; always more than 0",
            unit=Unit.SECONDS,
        ),
        Column(
            "reported_duration_seconds",
            Type.BIGINT,
            "The duration as the file has it: wall clocks subtracted, to the minute from 2019 on",
            nullable=True,
            source="DurationSeconds",
            unit=Unit.SECONDS,
        ),
        _text("sign", "Text of the sign in force; null outside its times", "Sign"),
        Column(
            "is_in_violation",
            Type.BOOLEAN,
            "The City's verdict on the stay",
            nullable=True,
            source="In Violation",
        ),
        _text("area", "The City's name of the quarter", "Area"),
        _text("street", "Street of the bay", "StreetName"),
        _text("street_from", "One of the two streets that it lies between", "BetweenStreet1"),
        _text("street_to", "The other", "BetweenStreet2"),
        _text("side_of_street", "The City's number of the side, 1 to 5", "Side Of Street"),
        _text("side_of_street_code", "The side's letter; from 2019 on", "SideOfStreetCode"),
        _text("side_of_street_name", "The side's name; from 2019 on", "SideName"),
        _text("device_id", "The sensor, which changes over the years", "DeviceId"),
        _text("bay_id", "The bay's id of those years, not a kerbside_id; from 2019 on", "BayId"),
        _text("sign_plate_id", "Id of the sign; from 2019 on", "SignPlateID"),
        _text("street_id", "Id of the street", "StreetId"),
        _text("street_from_id", "Id of street_from; from 2019 on", "BetweenStreet1ID"),
        _text("street_to_id", "Id of street_to; from 2019 on", "BetweenStreet2ID"),
        *_PROVENANCE,
    ),
)

HISTORICAL_QUARANTINE = Table(
    name="historical_quarantine",
    grain="One row per line of a historical file that became no stay",
    key=("file_sha256", "line_number"),
    is_captured=False,
    columns=(
        Column("reason", Type.TEXT, "Why, in a word such as overlap or vacancy"),
        Column(
            "payload",
            Type.JSON,
            "The line by the file's own column names; null for a vacancy, which the file says all of",
            nullable=True,
        ),
        *_PROVENANCE,
    ),
)
