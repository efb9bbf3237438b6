"""The `melpark` command: every make target, DAG task and container calls nothing else."""

import logging
import sys
from typing import Annotated

import typer

from melpark import logs
from melpark.cli import alerts, capture, lake, live, part, source, stack
from melpark.errors import MelParkError
from melpark.logs import LogFormat
from melpark.settings import PREFIX

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Melbourne's parking, live and in history.",
)
for commands in (stack.app, source.app, lake.app, capture.app, live.app, alerts.app, part.app):
    app.add_typer(commands)
state = {"debug": False, "json": False}


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show the trace of an error.")] = False,
    log_format: Annotated[
        LogFormat, typer.Option(envvar=f"{PREFIX}LOG_FORMAT", help="Text, or a JSON object a line.")
    ] = "text",
) -> None:
    state["debug"] = debug
    state["json"] = log_format == "json"
    logs.configure(log_format, logging.DEBUG if debug else logging.INFO)


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
    if state["json"] and error is not None:
        logging.getLogger("melpark").error(line)
        sys.exit(code)
    typer.secho(line, err=True, fg=typer.colors.RED if code != 130 else None)
    sys.exit(code)
