"""What comes in: polls, the portal that is played, and the past."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from melpark import settings as configuration
from melpark.cli.terminal import out

app = typer.Typer()
simulate = typer.Typer(help="Play the City's portal, or write its simulated past.")
app.add_typer(simulate, name="simulate")
backfill = typer.Typer(no_args_is_help=True, help="Data of the past into the lake.")
app.add_typer(backfill, name="backfill")


@app.command()
def ingest(
    once: Annotated[bool, typer.Option("--once", help="One round over all datasets.")] = False,
    record: Annotated[
        Path | None, typer.Option(help="Also write each answer into this capture folder.")
    ] = None,
    refetch: Annotated[bool, typer.Option("--refetch", help="Ask without ETag.")] = False,
    datasets: Annotated[
        list[str] | None, typer.Option("--dataset", help="Only this one; may be given again. With --once.")
    ] = None,
    due: Annotated[
        bool, typer.Option("--due", help="With --once: only datasets whose interval is over.")
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", help="With --once: also fill in simulated history for a while.")
    ] = False,
) -> None:
    """Poll the portal into PostgreSQL."""
    from melpark.ingestion import poller, rounds

    wanted = rounds.Wanted(tuple(datasets or ()), due, history)
    poller.run(configuration.load(), once=once, record=record, refetch=refetch, wanted=wanted)


@simulate.callback(invoke_without_command=True)
def simulate_portal(
    context: typer.Context,
    truth: Annotated[
        Path | None, typer.Option(help="Also write the simulator's truth, day by day, into this folder.")
    ] = None,
) -> None:
    """Play the City's portal: the simulator, or the replay of a capture."""
    from melpark.simulator import server

    if context.invoked_subcommand is None:
        server.run(configuration.load(), truth)


@simulate.command("history")
def simulate_history(
    days: Annotated[int, typer.Option(min=1, help="How many days back from the end.")],
    out_folder: Annotated[Path, typer.Option("--out", help="Folder for the Parquet files.")],
    end: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"], help="End in UTC; now without it."),
    ] = None,
) -> None:
    """Write simulated days as polls would have found them, and the truth."""
    from melpark.simulator import history_files, server

    settings = configuration.load()
    history = server.history(settings)
    until = server.refresh_at(end.replace(tzinfo=UTC) if end else datetime.now(UTC))
    events = 0
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as progress:  # fmt: skip
        task = progress.add_task("days", total=days)
        for span, found in history_files.write(history, until - timedelta(days=days), until, out_folder):
            events += found
            progress.update(
                task,
                completed=(until - span.start) / timedelta(days=1),
                description=f"{span.day} ({events:,} events)",
            )
    out.print(f"Wrote {events:,} events of {days} days to {out_folder}.", highlight=False, soft_wrap=True)


@backfill.callback()
def _backfill() -> None: ...


@backfill.command("events")
def backfill_events(
    files: Annotated[list[Path], typer.Argument(help="The City's CSVs: plain, gz or zip.")],
) -> None:
    """Load the City's historical event files into silver.historical_stays."""
    from melpark.processing.history import backfill as events
    from melpark.processing.history.progress import Screen
    from melpark.stack import home as homes

    os.environ.update(events.ENVIRONMENT)
    home = homes.make(configuration.load())
    with Screen(out) as screen:
        events.run(home, files, datetime.now(UTC), screen)
