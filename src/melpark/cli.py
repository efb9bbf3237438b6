"""The `melpark` command: every make target, DAG task and container calls nothing else."""

import json
import logging
import shutil
import sys
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from melpark import settings as configuration
from melpark.errors import ConfigurationError, MelParkError, StopError
from melpark.places import Home

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Melbourne's parking, live and in history.",
)
cdc = typer.Typer(no_args_is_help=True, help="Change data capture: the Debezium connector.")
app.add_typer(cdc, name="cdc")
simulate = typer.Typer(help="Play the City's portal, or write its simulated past.")
app.add_typer(simulate, name="simulate")
backfill = typer.Typer(no_args_is_help=True, help="Data of the past into the lake.")
app.add_typer(backfill, name="backfill")
out = Console()
state = {"debug": False}


class SourceName(StrEnum):
    simulator = "simulator"
    portal = "portal"
    replay = "replay"


class Layer(StrEnum):
    bronze = "bronze"
    silver = "silver"


class StreamAction(StrEnum):
    bronze = "bronze"
    silver = "silver"
    rebuild = "rebuild"
    accept_gap = "accept-gap"


class FileFormat(StrEnum):
    parquet = "parquet"
    csv = "csv"


class GoldAction(StrEnum):
    build = "build"
    rebuild = "rebuild"
    test = "test"
    docs = "docs"


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show the trace of an error.")] = False,
) -> None:
    state["debug"] = debug
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for noisy in ("httpx", "httpcore", "apscheduler", "stamina", "py4j", "asyncio", "yoyo"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


@app.command()
def up(
    source: Annotated[SourceName | None, typer.Option(help="Where the data comes from.")] = None,
    capture: Annotated[Path | None, typer.Option(help="Folder of a capture, for source replay.")] = None,
    speed: Annotated[
        float | None, typer.Option(help="Source seconds per second; 0 is as fast as possible.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Go to the background once healthy.")] = False,
    until_done: Annotated[
        bool, typer.Option("--until-done", help="End when a replay has gone the whole way.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Play the capture anew.")] = False,
    no_history: Annotated[
        bool, typer.Option("--no-history", help="Do not fill in simulated history.")
    ] = False,
) -> None:
    """Start every engine and show the map; Ctrl-C stops everything."""
    from melpark.stack import background
    from melpark.stack import up as stack

    settings = configuration.load(
        {
            "source": source.value if source else ("replay" if capture else None),
            "capture_dir": capture,
            "speed": speed,
            "history_days": 0 if no_history else None,
        }
    )
    if (until_done or again) and settings.source != "replay":
        raise ConfigurationError(
            "--until-done and --again need a replay",
            f"the source is {settings.source}",
            "Add --source replay --capture DIR",
        )
    if detach:
        flags = [flag for flag, given in (("--until-done", until_done), ("--again", again)) if given]
        raise typer.Exit(background.start(settings, flags, out))
    stack.run(settings, stack.Options(until_done=until_done, again=again), out)


@app.command()
def down() -> None:
    """Stop the running stack cleanly."""
    from melpark.stack import background

    stopped = background.stop(Home(configuration.load().home.resolve()))
    out.print("Stopped." if stopped else "Nothing was running.")


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Show engines and stages; exit status 0 when healthy."""
    from melpark.stack import screen
    from melpark.stack import status as statuses

    settings = configuration.load()
    document = statuses.read(Home(settings.home.resolve()))
    if as_json:
        typer.echo(json.dumps(document, default=str))
    else:
        out.print(screen.render(document, f"http://127.0.0.1:{settings.serve_port}"))
    raise typer.Exit(0 if document["state"] == "healthy" else 1)


@app.command()
def logs(
    engine: Annotated[str | None, typer.Argument(help="An engine's name; all of them without it.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come.")] = False,
    lines: Annotated[int, typer.Option(help="Lines to begin with.")] = 40,
) -> None:
    """Print the newest lines of the engines' logs."""
    from melpark.stack import log_files

    log_files.show(Home(configuration.load().home.resolve()), engine, lines, follow, typer.echo)


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Delete the home with all its data; asks first."""
    from melpark.stack import home as homes

    home = Home(configuration.load().home.resolve())
    if not home.root.exists():
        out.print("Nothing to delete.")
        return
    if (pid := homes.running_pid(home)) is not None:
        raise StopError("MelPark is running", f"process {pid} holds {home.root}", "Run `melpark down` first")
    if not home.secrets.exists():
        raise StopError(
            f"{home.root} is not a MelPark home",
            "it holds no secrets.json",
            "Delete it by hand if you mean it",
        )
    if not yes:
        typer.confirm(f"Delete {home.root} with all its data?", abort=True)
    shutil.rmtree(home.root)
    out.print(f"Deleted {home.root}.", highlight=False, soft_wrap=True)


@app.command()
def doctor() -> None:
    """Say what could keep the stack from starting, and how to mend it."""
    from melpark.stack import doctor as examination

    findings = examination.examine(configuration.load())
    for finding in findings:
        out.print(
            f"{'!!' if finding.problem else 'ok'} {finding.subject}: {finding.problem or 'fine'}",
            highlight=False,
            soft_wrap=True,
        )
    raise typer.Exit(1 if any(finding.problem for finding in findings) else 0)


@app.command()
def ingest(
    once: Annotated[bool, typer.Option("--once", help="One round over all datasets.")] = False,
    record: Annotated[
        Path | None, typer.Option(help="Also write each answer into this capture folder.")
    ] = None,
    refetch: Annotated[bool, typer.Option("--refetch", help="Ask without ETag.")] = False,
) -> None:
    """Poll the portal into PostgreSQL."""
    from melpark.ingestion import poller

    poller.run(configuration.load(), once=once, record=record, refetch=refetch)


@app.command()
def schedule(
    polls: Annotated[bool, typer.Option(help="Poll too; the stack has a poller of its own.")] = True,
) -> None:
    """The loop of one machine: polls, gold every few minutes, maintenance at night."""
    from melpark.processing import schedule as loop

    loop.run(configuration.load(), polls=polls)


@app.command()
def sql(
    query: Annotated[str | None, typer.Argument(help="A statement; a prompt without it.")] = None,
) -> None:
    """Read-only SQL over every lake table, such as silver.sensor_events."""
    from melpark.processing import query as lake

    settings = configuration.load()
    if query is not None:
        _print_rows(*lake.sql(settings, query))
        return
    while True:
        try:
            statement = input("melpark> ").strip().rstrip(";")
        except EOFError:
            return
        if statement in ("exit", "quit", r"\q"):
            return
        if statement:
            try:
                _print_rows(*lake.sql(settings, statement))
            except MelParkError as error:
                out.print(str(error), style="red", highlight=False, markup=False)


def _print_rows(columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    if out.is_terminal:
        table = Table(*columns, box=None, header_style="bold")
        for row in rows:
            table.add_row(*(Text("" if value is None else str(value)) for value in row))
        out.print(table)
        return
    typer.echo("\t".join(columns))
    for row in rows:
        typer.echo("\t".join("" if value is None else str(value) for value in row))


@app.command()
def stream(
    action: Annotated[
        StreamAction | None,
        typer.Argument(help="One layer (both without it), or what to do with one that stands."),
    ] = None,
    layer: Annotated[Layer | None, typer.Argument(help="What to rebuild: silver.")] = None,
    available_now: Annotated[
        bool, typer.Option("--available-now", help="End when all that is there is done.")
    ] = False,
) -> None:
    """Run the streams from Kafka to bronze and silver."""
    from melpark.processing import streams

    settings = configuration.load()
    if (action is StreamAction.rebuild) is not (layer is Layer.silver):
        raise ConfigurationError(
            "Only silver can be rebuilt",
            "bronze is what all else is made of",
            "melpark stream rebuild silver",
        )
    if action is StreamAction.rebuild:
        is_done_by_another = streams.rebuild_silver(settings)
        out.print("The running stream makes silver anew." if is_done_by_another else "Silver was made anew.")
    elif action is StreamAction.accept_gap:
        gaps = streams.accept_gap(settings)
        for gap in gaps:
            out.print(str(gap), highlight=False, soft_wrap=True)
        out.print(f"{len(gaps)} gaps were accepted." if gaps else "There is no gap.", highlight=False)
    else:
        layers = frozenset({action.value} if action else {"bronze", "silver"})
        streams.run(settings, layers, available_now=available_now)


@app.command()
def backup(target: Annotated[Path, typer.Argument(help="A new folder.")]) -> None:
    """Copy PostgreSQL and the lake of the running home, consistent with each other."""
    from melpark.stack import backup as backups

    made = backups.make(configuration.load(), target)
    out.print(f"Backed up {made.tables} tables and PostgreSQL to {target}.", highlight=False, soft_wrap=True)


@app.command()
def restore(source: Annotated[Path, typer.Argument(help="Folder of a backup.")]) -> None:
    """Make an empty home from a backup; `melpark up` then goes on from it."""
    from melpark.stack import backup as backups

    settings = configuration.load()
    backups.restore(settings, source)
    out.print(f"Restored {settings.home}. Start it with `melpark up`.", highlight=False, soft_wrap=True)


@app.command()
def gold(action: Annotated[GoldAction, typer.Argument()] = GoldAction.build) -> None:
    """Build, rebuild, test or document the gold models with dbt."""
    from melpark.processing import gold as models

    models.run(configuration.load(), action.value)


@app.command()
def export(
    table: Annotated[str, typer.Argument(help="A table of the lake, such as gold.fact_occupancy.")],
    form: Annotated[FileFormat, typer.Option("--format", help="What to write.")] = FileFormat.parquet,
    output: Annotated[
        Path | None, typer.Option(help="The file; without it one of the table's name, in this folder.")
    ] = None,
) -> None:
    """Write a table of the lake into one file."""
    from melpark.processing import export as exports

    path = exports.run(configuration.load(), table, form.value, output, progress=out.is_terminal)
    out.print(f"Wrote {table} to {path}.", highlight=False, soft_wrap=True)


@app.command()
def serve() -> None:
    """Serve the API, the live stream and the map."""
    from melpark.serving import server

    server.run(configuration.load())


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


@cdc.command("register")
def cdc_register() -> None:
    """Make missing topics; create the connector, or put it right."""
    from melpark.processing import setup_debezium
    from melpark.processing.capture import guard

    settings = configuration.load()
    if made := guard.make_topics(settings):
        _tell(f"Topics made: {', '.join(made)}.")
    _tell(f"Connector {setup_debezium.register(settings)}.")


@cdc.command("status")
def cdc_status(as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Show connector, slot and possible losses; exit status 0 when all is well."""
    from melpark.ingestion.database import connect
    from melpark.places import READER_ROLE
    from melpark.processing import setup_debezium
    from melpark.processing.capture import status as capture

    settings = configuration.load()
    now = setup_debezium.status(settings)
    with connect(settings, READER_ROLE) as session:
        found = capture.look(session)
    if as_json:
        typer.echo(json.dumps({"connector": vars(now), **found.document()}, default=str))
    else:
        lines = [f"connector {now.connector}, task {now.task} {now.trace}".rstrip(), found.line]
        out.print("\n".join([*lines, *found.problems]), highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(0 if now.is_running and found.is_whole else 1)


@cdc.command("snapshot")
def cdc_snapshot(
    tables: Annotated[list[str], typer.Argument(metavar="TABLE...", help="Captured tables, such as bays.")],
    where: Annotated[str, typer.Option(help="SQL condition on the rows; all of them without it.")] = "",
) -> None:
    """Read rows of a captured table into its topic again, while streaming goes on."""
    from melpark.processing.capture import snapshots

    settings = configuration.load()
    request = snapshots.Request.of(tables, where)
    rows = snapshots.take(settings, request, lambda step: _tell(str(step)))
    _tell(f"Done: {rows:,} rows of {', '.join(tables)} are in Kafka again.")


@app.command()
def reconcile(
    tables: Annotated[list[str] | None, typer.Argument(metavar="[TABLE...]", help="All without it.")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Capture anew what silver lacks.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Compare PostgreSQL and silver; exit status 1 unless silver holds the same."""
    from melpark.processing.reconcile import compare, report
    from melpark.processing.reconcile import repair as repairing

    settings = configuration.load()
    began_at = datetime.now(UTC)
    tell = (lambda line: None) if as_json else _tell
    found = compare.compare(settings, compare.tables_of(tables or ()), tell)
    if repair and not found.is_equal:
        if not as_json:
            out.print(report.table(found))
        found = repairing.repair(settings, found, tell)
    if found.is_whole and not tables:
        repairing.verified(settings, began_at)
    if as_json:
        typer.echo(json.dumps(found.document(), default=str))
    else:
        out.print(report.table(found))
        _tell(report.verdict(found, repair))
    raise typer.Exit(0 if found.is_whole else 1)


def _tell(line: str) -> None:
    out.print(line, highlight=False, markup=False, soft_wrap=True)


@backfill.callback()
def _backfill() -> None: ...


@backfill.command("events")
def backfill_events(
    files: Annotated[list[Path], typer.Argument(help="The City's CSVs: plain, gz or zip.")],
) -> None:
    """Load the City's historical event files into silver.historical_stays."""
    from datetime import UTC, datetime

    from melpark.processing.history import backfill as events
    from melpark.processing.history.progress import Screen
    from melpark.stack import home as homes

    home = homes.make(configuration.load())
    with Screen(out) as screen:
        events.run(home, files, datetime.now(UTC), screen)


def main() -> None:
    """Run the command line; an error is one line and an exit code of `melpark.errors`."""
    try:
        app()
    except MelParkError as error:
        _end(str(error), error.exit_code, error)
    except KeyboardInterrupt:
        _end("Interrupted.", 130)
    except Exception as error:
        text = " ".join(str(error).split()).rstrip(".")
        _end(f"Unexpected {type(error).__name__}: {text}. Run again with --debug for the trace.", 1, error)


def _end(line: str, code: int, error: Exception | None = None) -> None:
    if state["debug"] and error is not None:
        raise error
    typer.secho(line, err=True, fg=typer.colors.RED if code != 130 else None)
    sys.exit(code)
