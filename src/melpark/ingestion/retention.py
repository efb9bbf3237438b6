"""Old months of `sensor_events`: dropped as whole parts, which the change log does not tell, and only when silver
holds every row of them. And refused records, after their time."""

from datetime import datetime, timedelta

import psycopg

from melpark.errors import RefusedError, RetryableError
from melpark.ingestion.database import connect, first_line
from melpark.settings import Settings

REFUSED = "MP001"


def drop_old_rejects(settings: Settings, now: datetime) -> int:
    """Delete the refused records of more than `rejected_retention_days` before `now` (our clock); how many they were.

    Raises RetryableError when PostgreSQL is away.
    """
    older_than = now - timedelta(days=settings.rejected_retention_days)
    try:
        with connect(settings, application_name="melpark retention") as connection, connection.transaction():
            row = connection.execute("SELECT parking.drop_old_rejects(%s)", [older_than]).fetchone()
    except psycopg.Error as error:
        raise RetryableError("No refused record is dropped", first_line(error), "It is tried again") from None
    return int(row[0]) if row else 0


def drop_old_events(settings: Settings, silver_observed_at: datetime | None, now: datetime) -> list[str]:
    """Drop the months that ended `event_retention_days` before `now` (source time) and return their parts.

    `silver_observed_at` is the newest `observed_at` of a sensors poll that silver holds, None when unknown: a poll
    in silver says that all it brought is there. Raises RefusedError, and drops nothing, when silver lacks rows of a
    part; RetryableError when PostgreSQL is away or readers hold the table for 5 s.
    """
    older_than = now - timedelta(days=settings.event_retention_days)
    try:
        with connect(settings, application_name="melpark retention") as connection, connection.transaction():
            row = connection.execute(
                "SELECT parking.drop_old_events(%s, %s)", [older_than, silver_observed_at]
            ).fetchone()
    except psycopg.Error as error:
        if error.sqlstate == REFUSED:
            raise RefusedError("No old event is dropped", first_line(error), "Let silver catch up") from None
        raise RetryableError("No old event is dropped", first_line(error), "It is tried again") from None
    return list(row[0]) if row else []
