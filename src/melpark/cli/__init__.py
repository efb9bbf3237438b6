"""The `melpark` command: every make target, DAG task and container calls nothing else."""

import logging
import sys
from typing import Annotated

import typer

from melpark.cli import alerts, capture, lake, source, stack
from melpark.errors import MelParkError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Melbourne's parking, live and in history.",
)
for commands in (stack.app, source.app, lake.app, capture.app, alerts.app):
    app.add_typer(commands)
state = {"debug": False}


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
