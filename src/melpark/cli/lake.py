"""The lake: streams, gold, questions and exports."""

import contextlib
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.table import Table
from rich.text import Text

from melpark import settings as configuration
from melpark.cli.terminal import out, tell
from melpark.errors import ConfigurationError, MelParkError
from melpark.places import Home
from melpark.settings import Settings

app = typer.Typer()


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
    freshness = "freshness"
    docs = "docs"
    # A build in steps, for schedulers that show each model as a task (docs/orchestration.md).
    begin = "begin"
    model = "model"
    finish = "finish"
    manifest = "manifest"


STEPS = (GoldAction.begin, GoldAction.model, GoldAction.finish, GoldAction.manifest)
# Exit code of `gold begin` when nothing is new.
NOTHING_TO_DO = 6


@app.command()
def schedule(
    polls: Annotated[bool, typer.Option(help="Poll too; the stack has a poller of its own.")] = True,
) -> None:
    """The loop of one machine: polls, gold every few minutes, maintenance at night."""
    from melpark.processing import schedule as loop

    loop.run(configuration.load(), polls=polls)


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
    unless_running: Annotated[
        bool, typer.Option("--unless-running", help="Do nothing where another process runs the streams.")
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
        if unless_running and streams.is_run_by_another(settings, layers):
            tell("Another process runs the streams: nothing to do.")
            return
        streams.run(settings, layers, available_now=available_now)


@app.command()
def gold(
    action: Annotated[GoldAction, typer.Argument()] = GoldAction.build,
    name: Annotated[str | None, typer.Argument(help="Which model, for `model`.")] = None,
    tests: Annotated[bool, typer.Option(help="Test what was built; the loop does so every night.")] = True,
    serve: Annotated[bool, typer.Option(help="Show the page of `docs` until Ctrl-C.")] = True,
) -> None:
    """Build, rebuild, test or document gold with dbt; ask how fresh silver is."""
    from melpark.processing import gold as models
    from melpark.stack.ports import require_free

    if (action is GoldAction.model) is not (name is not None):
        raise ConfigurationError(
            "A model is named for `gold model` alone", "", "melpark gold model fact_occupancy"
        )
    settings = configuration.load()
    if action in STEPS:
        _gold_step(settings, action, name or "", tests)
        return
    shows = action is GoldAction.docs and serve and out.is_terminal
    if shows:
        require_free(settings.docs_port, "the catalogue", "docs_port")
    models.run(settings, cast(models.Action, action.value), tests)
    if action is GoldAction.docs:
        _catalogue(settings, shows)


def _gold_step(settings: Settings, action: GoldAction, name: str, tests: bool) -> None:
    from melpark.processing import gold_steps as steps

    if action is GoldAction.begin and not steps.begin(settings):
        tell("Nothing is new since gold was built.")
        raise typer.Exit(NOTHING_TO_DO)
    if action is GoldAction.model:
        steps.model(settings, name, tests)
    elif action is GoldAction.finish:
        steps.finish(settings)
    elif action is GoldAction.manifest:
        steps.write_manifest()


@app.command()
def maintain() -> None:
    """Pack the lake, compare it with PostgreSQL, let old rows go."""
    from melpark.processing import maintenance

    maintenance.run(configuration.load())
    tell("The lake was cared for.")


@app.command()
def quality() -> None:
    """Report what a day of polls brought and how the sensors are."""
    from melpark.processing import quality as reports

    typer.echo(json.dumps(reports.report(configuration.load()), default=str, indent=1))


def _catalogue(settings: Settings, shows: bool) -> None:
    from melpark import loopback
    from melpark.processing import gold_docs

    page = gold_docs.page(Home(settings.home.resolve()))
    tell(f"The catalogue is in {page}.")
    if not shows:
        return
    with gold_docs.server(page, settings.docs_port) as server, contextlib.suppress(KeyboardInterrupt):
        tell(f"It is at {loopback.url(settings.docs_port, '/')} until Ctrl-C.")
        server.serve_forever()


@app.command()
def sql(
    query: Annotated[str | None, typer.Argument(help="A statement; a prompt without it.")] = None,
) -> None:
    """Read-only SQL over every lake table and report, such as gold.rpt_turnover."""
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
def export(
    table: Annotated[str, typer.Argument(help="A table or report of the lake, such as gold.fact_occupancy.")],
    form: Annotated[FileFormat, typer.Option("--format", help="What to write.")] = FileFormat.parquet,
    output: Annotated[
        Path | None, typer.Option(help="The file; without it one of the table's name, in this folder.")
    ] = None,
) -> None:
    """Write a table or report of the lake into one file."""
    from melpark.processing import export as exports

    path = exports.run(configuration.load(), table, form.value, output, progress=out.is_terminal)
    out.print(f"Wrote {table} to {path}.", highlight=False, soft_wrap=True)
