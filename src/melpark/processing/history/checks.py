"""SQL that looks at each line by itself: its two instants, or the reason why it is no stay.

`lines` is the stream of texts and `days` the table of local_time; the result is the table `looked_at`.
"""

from melpark.processing.history.columns import NAMES, Columns

TIME_FORMAT = "%m/%d/%Y %I:%M:%S %p"
MICROSECONDS = 1_000_000
# Kept as texts until the end, so that a line can be quarantined as it was.
TEXTS = tuple(name for name in NAMES if name not in ("arrival", "departure"))

VACANCY = "vacancy"
# The first that holds is the line's reason. A wall clock that comes twice allows two readings: `earliest_*` is
# daylight saving time and `latest_*` standard time; otherwise both are the same.
REASONS: tuple[tuple[str, str], ...] = (
    ("wrong_number_of_fields", "line_text IS NOT NULL"),
    ("not_utf8", "NOT is_utf8"),
    (VACANCY, "has_vehicle = FALSE"),
    ("vehicle_present_unreadable", "vehicle_present IS NOT NULL AND has_vehicle IS NULL"),
    ("missing_marker", "street_marker IS NULL"),
    ("arrival_unreadable", "arrival_local IS NULL"),
    ("departure_unreadable", "departure_local IS NULL"),
    ("duration_unreadable", "duration IS NOT NULL AND reported_us IS NULL"),
    ("in_violation_unreadable", "in_violation IS NOT NULL AND try_cast(in_violation AS BOOLEAN) IS NULL"),
    (
        "departure_not_after_arrival",
        "coalesce(latest_departure <= earliest_arrival, departure_local <= arrival_local)",
    ),
    ("time_out_of_range", "is_out_of_range"),
    ("nonexistent_local_time", "earliest_arrival IS NULL OR latest_departure IS NULL"),
    (
        "ambiguous_local_time",
        "(earliest_arrival <> latest_arrival OR earliest_departure <> latest_departure) AND NOT is_settled",
    ),
)
# The longest reading is an hour more than the wall clocks' difference. It must be the right one when that
# difference is not positive, or when the file's own duration has that hour. A duration that equals the
# difference settles nothing: the City's are differences of wall clocks, on every other day too.
IS_SETTLED = """departure_local <= arrival_local
    OR coalesce(abs(CAST(reported_us AS HUGEINT) - (latest_departure - earliest_arrival)) < {unit_us}, FALSE)"""


def look_at(columns: Columns) -> str:
    """The statement that makes `looked_at`: one row per line.

    `reason` is null for a stay; `payload` is set for the other lines but vacancies, of which only the number is
    kept. `arrival_us`, `departure_us` are instants and `*_local` wall clocks, in microseconds.
    """
    unit_us = columns.duration_unit_seconds * MICROSECONDS
    reason = "\n".join(f"WHEN {condition} THEN '{name}'" for name, condition in REASONS)
    kept = ", ".join(f"CASE WHEN reason IS NULL THEN {name} END AS {name}" for name in TEXTS)
    return f"""
    CREATE TABLE looked_at AS
    WITH texts AS (
        SELECT line_number, line_text, is_utf8, {_texts(columns)} FROM lines
    ),
    parsed AS (
        SELECT *,
            epoch_us(try_strptime(arrival, '{TIME_FORMAT}')) AS arrival_local,
            epoch_us(try_strptime(departure, '{TIME_FORMAT}')) AS departure_local,
            try_cast(round(try_cast(duration AS DOUBLE) * {unit_us}) AS BIGINT) AS reported_us,
            try_cast(vehicle_present AS BOOLEAN) AS has_vehicle
        FROM texts
    ),
    timed AS (
        SELECT parsed.*,
            {_readings("arrival", "arrived")}, {_readings("departure", "departed")},
            arrived.day IS NULL OR departed.day IS NULL AS is_out_of_range
        FROM parsed
        LEFT JOIN days AS arrived ON arrived.day = CAST(make_timestamp(arrival_local) AS DATE)
        LEFT JOIN days AS departed ON departed.day = CAST(make_timestamp(departure_local) AS DATE)
    ),
    settled AS (
        SELECT *, {IS_SETTLED.format(unit_us=unit_us)} AS is_settled FROM timed
    ),
    judged AS (
        SELECT *, CASE {reason} END AS reason FROM settled
    )
    SELECT line_number, reason,
        CASE WHEN reason IS NULL OR reason = '{VACANCY}' THEN NULL
            WHEN line_text IS NOT NULL THEN to_json({{'line': line_text}})
            ELSE {payload(columns, "arrival", "departure")} END AS payload,
        CASE WHEN reason IS NULL THEN arrival_local END AS arrival_local,
        CASE WHEN reason IS NULL THEN departure_local END AS departure_local,
        CASE WHEN reason IS NULL THEN earliest_arrival END AS arrival_us,
        CASE WHEN reason IS NULL THEN latest_departure END AS departure_us,
        {kept}
    FROM judged"""


def payload(columns: Columns, arrival: str, departure: str) -> str:
    """SQL of a line as JSON by the file's own column names, given SQL of its two times."""
    values = {"arrival": arrival, "departure": departure}
    fields = (
        f"'{theirs.replace(chr(39), chr(39) * 2)}', {values.get(ours, ours)}"
        for theirs, ours in zip(columns.theirs, columns.ours, strict=True)
    )
    return f"CAST(json_object({', '.join(fields)}) AS VARCHAR)"


def _texts(columns: Columns) -> str:
    return ", ".join(
        f"nullif({f'trim({name})' if name == 'street_marker' else name}, '') AS {name}"
        if name in columns.ours
        else f"CAST(NULL AS VARCHAR) AS {name}"
        for name in NAMES
    )


def _readings(name: str, day: str) -> str:
    local = f"{name}_local"
    before = f"CASE WHEN {local} < {day}.before_until_us THEN {local} - {day}.before_us END"
    after = f"CASE WHEN {local} >= {day}.after_from_us THEN {local} - {day}.after_us END"
    return f"coalesce({before}, {after}) AS earliest_{name}, coalesce({after}, {before}) AS latest_{name}"
