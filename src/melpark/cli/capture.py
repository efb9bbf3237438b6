"""Change data capture: the connector, and what it may have missed."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from melpark import settings as configuration
from melpark.cli.terminal import out, tell

app = typer.Typer()
cdc = typer.Typer(no_args_is_help=True, help="Change data capture: the Debezium connector.")
app.add_typer(cdc, name="cdc")


@cdc.command("register")
def cdc_register() -> None:
    """Make missing topics; create the connector, or put it right."""
    from melpark.processing import setup_debezium
    from melpark.processing.capture import guard

    settings = configuration.load()
    if made := guard.make_topics(settings):
        tell(f"Topics made: {', '.join(made)}.")
    tell(f"Connector {setup_debezium.register(settings)}.")


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
    rows = snapshots.take(settings, request, lambda step: tell(str(step)))
    tell(f"Done: {rows:,} rows of {', '.join(tables)} are in Kafka again.")


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
    say = (lambda line: None) if as_json else tell
    found = compare.compare(settings, compare.tables_of(tables or ()), say)
    if repair and not found.is_equal:
        if not as_json:
            out.print(report.table(found))
        found = repairing.repair(settings, found, say)
    if found.is_whole and not tables:
        repairing.verified(settings, began_at)
    if as_json:
        typer.echo(json.dumps(found.document(), default=str))
    else:
        out.print(report.table(found))
        tell(report.verdict(found, repair))
    raise typer.Exit(0 if found.is_whole else 1)
