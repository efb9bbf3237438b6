"""One table or report of the lake as one file, for those who work elsewhere."""

from pathlib import Path
from typing import Literal

import duckdb
from deltalake.exceptions import DeltaError

from melpark.errors import ConfigurationError, StopError
from melpark.places import Home
from melpark.processing import query, reports
from melpark.processing.catalogue import on_disk
from melpark.settings import Settings

Format = Literal["parquet", "csv"]
MEMORY_LIMIT = "512MB"


def run(
    settings: Settings, table: str, form: Format, target: Path | None = None, progress: bool = False
) -> Path:
    """Write a table such as gold.fact_occupancy at its newest version into a file of its own; returns the file.

    Times are UTC. Parquet holds the attribution as metadata, beside a CSV it is a file of its own. What stood
    at the place is replaced when the whole of the new file is there. Raises ConfigurationError when there is no such
    table, or the file cannot be written.
    """
    home = Home(settings.home.resolve())
    names = [f"{database}.{path.name}" for database, path in on_disk(home)]
    if any(name.startswith("gold.") for name in names):
        names += [f"gold.{report}" for report in reports.queries()]
    if table not in names:
        layer = [name for name in names if name.endswith(f".{table}")]
        raise ConfigurationError(
            f"The lake has no table {table}",
            f"did you mean {layer[0]}" if layer else f"it has {', '.join(names) or 'none'}",
            "Name it with its layer, as in `melpark export gold.fact_occupancy`",
        )
    path = (target or Path(f"{table}.{form}")).resolve()
    if not path.parent.is_dir():
        raise ConfigurationError(f"{path} cannot be written", f"{path.parent} is no folder", "Make it first")
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with duckdb.connect(config={"memory_limit": MEMORY_LIMIT}) as session:
            session.execute("SET TimeZone = 'UTC'")
            session.execute(f"SET enable_progress_bar = {str(progress).lower()}")
            query.add_views(session, home, of=table)
            session.execute(
                f"COPY (SELECT * FROM {table}) TO {_quoted(str(unfinished))} ({_options(form, settings.attribution)})"
            )
        unfinished.replace(path)
        if form == "csv":
            path.with_name(f"{path.name}.attribution.txt").write_text(f"{settings.attribution}\n")
    except (duckdb.Error, DeltaError, OSError) as error:
        raise StopError(
            f"{table} was not written to {path}", str(error).splitlines()[0], "Nothing was left of it"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _options(form: Format, attribution: str) -> str:
    if form == "csv":
        return "FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S.%fZ'"
    return f"FORMAT parquet, COMPRESSION zstd, KV_METADATA {{attribution: {_quoted(attribution)}}}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
