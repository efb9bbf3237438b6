"""Flink's jobs: windows and alerts."""

import json
from typing import Annotated

import typer

from melpark import settings as configuration
from melpark.cli.terminal import out, tell

app = typer.Typer()
live = typer.Typer(no_args_is_help=True, help="Flink's jobs: windows and alerts.")
app.add_typer(live, name="live")


@live.command("deploy")
def live_deploy(
    force: Annotated[
        bool,
        typer.Option("--force", help="Also those that run: stopped with a savepoint, they go on from it."),
    ] = False,
) -> None:
    """Let Flink run every job; one that was lost goes on from its newest state."""
    from melpark.stack import live_jobs

    done = live_jobs.deploy(configuration.load(), tell, force)
    tell(f"Submitted: {', '.join(done)}." if done else "Every job runs already.")


@live.command("status")
def live_status(as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Show the jobs and their newest checkpoints; exit status 0 when all is well."""
    from melpark.processing.live import health

    found = health.look(configuration.load())
    if as_json:
        typer.echo(json.dumps(found.document(), default=str))
    else:
        out.print("\n".join(found.lines), highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(0 if found.is_well else 1)


@live.command("run")
def live_run() -> None:
    """Look after the jobs until stopped: submit what does not run."""
    from melpark.stack import live_jobs

    live_jobs.keep(configuration.load())
