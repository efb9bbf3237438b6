"""Parts of the stack for containers and units; people use `melpark up`."""

from pathlib import Path
from typing import Annotated

import typer

from melpark import settings as configuration
from melpark.cli.terminal import tell

app = typer.Typer()


@app.command()
def part(
    name: Annotated[str, typer.Argument(help="fetch, home, or an engine or a step of the stack.")],
    check: Annotated[bool, typer.Option("--check", help="Ask the running engine how it is.")] = False,
) -> None:
    """One engine or step alone, as containers run it."""
    from melpark.stack import part as parts

    settings = configuration.load()
    (parts.check if check else parts.run)(settings, name)


@app.command()
def credentials(
    folder: Annotated[Path, typer.Argument(help="Where the files go; those that are there stay.")],
) -> None:
    """Generate the passwords that containers are handed, a file for each."""
    from melpark import secrets

    made = secrets.write_files(folder)
    tell(f"{len(made)} passwords were made in {folder}.")
