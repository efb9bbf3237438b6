"""Statements of the rule calendar. `rule_load` tells in which order."""

from typing import LiteralString

from melpark.contracts import RULE_VERSIONS, RULE_WINDOWS

COMPUTED = "computed_rule_windows"
COMPUTED_COLUMNS = [column for column in RULE_WINDOWS.columns if column.name != "observed_at"]
ADDED = "added_rule_versions"
ADDED_COLUMNS = list(RULE_VERSIONS.columns)

# Now is the time of the sensors; seeded polls count as polls.
READ_EXTENT: LiteralString = """
    SELECT
        (SELECT min(observed_at) FROM parking.polls WHERE dataset = %(dataset)s AND outcome = 'accepted'),
        (SELECT max(observed_at) FROM parking.polls WHERE dataset = %(dataset)s AND outcome = 'accepted'),
        (SELECT min(start_at) FROM parking.rule_versions),
        (SELECT max(end_at) FROM parking.rule_versions WHERE is_current)
"""

READ_PLATES: LiteralString = """
    SELECT zone_number, days, start_minute, finish_minute, code FROM parking.sign_plates WHERE NOT is_retired
"""

READ_VERSIONS: LiteralString = """
    SELECT zone_number, start_at, end_at, plates FROM parking.rule_versions
    WHERE end_at > start_at AND (is_current OR NOT %(is_current)s) ORDER BY zone_number, start_at
"""

# The clocks that run at an instant: of windows over it and of those that end there.
READ_CLOCKS: LiteralString = """
    SELECT zone_number, limit_minutes, kind, min(clock_start_at) FROM parking.rule_windows
    WHERE start_at < %(start_at)s AND end_at >= %(start_at)s AND end_at > start_at AND zone_number = ANY (%(zones)s)
    GROUP BY zone_number, limit_minutes, kind
"""

CUT_WINDOWS: LiteralString = """
    UPDATE parking.rule_windows SET end_at = %(start_at)s, observed_at = %(observed_at)s
    WHERE start_at < %(start_at)s AND end_at > %(start_at)s AND zone_number = ANY (%(zones)s)
"""

WRITE_WINDOWS: LiteralString = """
    INSERT INTO parking.rule_windows AS known (
        zone_number, start_at, end_at, code, limit_minutes, kind, is_metered, is_ambiguous, clock_start_at,
        observed_at
    )
    SELECT
        zone_number, start_at, end_at, code, limit_minutes, kind, is_metered, is_ambiguous, clock_start_at,
        %(observed_at)s
    FROM computed_rule_windows
    ON CONFLICT (zone_number, start_at, code) DO UPDATE SET
        end_at = excluded.end_at,
        limit_minutes = excluded.limit_minutes,
        kind = excluded.kind,
        is_metered = excluded.is_metered,
        is_ambiguous = excluded.is_ambiguous,
        clock_start_at = excluded.clock_start_at,
        observed_at = excluded.observed_at
    WHERE
        (
            known.end_at, known.limit_minutes, known.kind, known.is_metered, known.is_ambiguous,
            known.clock_start_at
        ) IS DISTINCT FROM (
            excluded.end_at, excluded.limit_minutes, excluded.kind, excluded.is_metered, excluded.is_ambiguous,
            excluded.clock_start_at
        )
"""

# A window that will not come stays as an empty one: what is read from the change log never loses a row.
EMPTY_WINDOWS: LiteralString = """
    UPDATE parking.rule_windows AS known SET end_at = start_at, observed_at = %(observed_at)s
    WHERE start_at >= %(start_at)s AND start_at < %(end_at)s AND end_at > start_at
        AND zone_number = ANY (%(zones)s)
        AND NOT EXISTS (
            SELECT FROM computed_rule_windows AS computed
            WHERE computed.zone_number = known.zone_number AND computed.start_at = known.start_at
                AND computed.code = known.code
        )
"""

# Where the calendar grew backwards, clocks that began at its old start began earlier.
CARRY_CLOCKS: LiteralString = """
    UPDATE parking.rule_windows AS known
    SET clock_start_at = before.clock_start_at, observed_at = %(observed_at)s
    FROM (
        SELECT zone_number, limit_minutes, kind, min(clock_start_at) AS clock_start_at FROM computed_rule_windows
        WHERE end_at = %(end_at)s GROUP BY zone_number, limit_minutes, kind
    ) AS before
    WHERE known.zone_number = before.zone_number AND known.kind = before.kind
        AND known.limit_minutes IS NOT DISTINCT FROM before.limit_minutes
        AND known.clock_start_at = %(end_at)s AND known.clock_start_at IS DISTINCT FROM before.clock_start_at
"""

END_VERSIONS: LiteralString = """
    UPDATE parking.rule_versions SET end_at = greatest(start_at, %(start_at)s), is_current = false
    WHERE is_current AND zone_number = ANY (%(zones)s)
"""

EXTEND_VERSIONS: LiteralString = "UPDATE parking.rule_versions SET end_at = %(end_at)s WHERE is_current"

ADD_VERSIONS: LiteralString = """
    INSERT INTO parking.rule_versions (zone_number, start_at, end_at, is_current, plates, observed_at)
    SELECT zone_number, start_at, end_at, is_current, plates, observed_at FROM added_rule_versions
    ON CONFLICT (zone_number, start_at) DO UPDATE SET
        end_at = excluded.end_at,
        is_current = excluded.is_current,
        plates = excluded.plates,
        observed_at = excluded.observed_at
"""
