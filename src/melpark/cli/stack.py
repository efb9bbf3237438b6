"""The stack: start it, look at it, stop it, copy it."""

import json
import shutil
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from melpark import settings as configuration
from melpark.cli.terminal import out
from melpark.errors import ConfigurationError, StopError
from melpark.places import Home

app = typer.Typer()


class Scheduler(StrEnum):
    airflow = "airflow"


class SourceName(StrEnum):
    simulator = "simulator"
    portal = "portal"
    replay = "replay"


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
    scheduler: Annotated[
        Scheduler | None, typer.Option("--with", help="Who schedules, instead of the loop of our own.")
    ] = None,
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
            "scheduled_by": scheduler.value if scheduler else None,
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
def quicken() -> None:
    """Rehearse the stack once, so that the engines start sooner."""
    from melpark.stack import rehearsal

    rehearsal.run(configuration.load(), out)


@app.command()
def serve() -> None:
    """Serve the API, the live stream and the map."""
    from melpark.serving import server

    server.run(configuration.load())


@app.command()
def backup(
    target: Annotated[
        Path | None, typer.Argument(help="A new folder; without it one by the time, in MELPARK_BACKUP_DIR.")
    ] = None,
) -> None:
    """Copy PostgreSQL and the lake of the running home, consistent with each other."""
    from melpark.stack import backup as backups

    settings = configuration.load()
    target, made = backups.make_next(settings) if target is None else (target, backups.make(settings, target))
    out.print(f"Backed up {made.tables} tables and PostgreSQL to {target}.", highlight=False, soft_wrap=True)


@app.command()
def restore(source: Annotated[Path, typer.Argument(help="Folder of a backup.")]) -> None:
    """Make an empty home from a backup; `melpark up` then goes on from it."""
    from melpark.stack import backup as backups

    settings = configuration.load()
    backups.restore(settings, source)
    out.print(f"Restored {settings.home}. Start it with `melpark up`.", highlight=False, soft_wrap=True)
