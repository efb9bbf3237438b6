"""Pages of docs/reference/ that are made from the code: `make reference` writes them, a test compares."""

import ast
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from itertools import takewhile
from pathlib import Path
from typing import Any

import typer

from melpark import cli
from melpark import settings as configuration
from melpark.places import ORCHESTRATION, PROJECT
from melpark.serving.app import create_app
from melpark.serving.live import LiveState
from melpark.settings import PREFIX, Settings

FOLDER = PROJECT / "docs" / "reference"
ABOUT_COMMANDS = """\
`melpark --debug COMMAND` shows the trace of an error. Exit codes: 0 all well, 1 not healthy or unexpected, 2 wrong
settings or arguments, 3 something a person must mend, 4 try again later, 5 the data was refused, 6 nothing to do."""
ABOUT_SETTINGS = """A setting is a variable of the environment, or the same name without `MELPARK_` and in lower case in
`melpark.toml`; options of the command line go before both. Wrong and unknown ones are all named at once."""
ABOUT_API = """\
The server describes it whole, with examples, at `/openapi.json`, and shows that at `/docs`; how to use it is in
[serving](../serving.md), and the Curb Data Specification in [cds](../cds.md)."""
MADE = "Made from the code by `make reference`; a test compares."


def commands() -> str:
    """Every command with its arguments and options."""
    lines = ["# Commands", "", MADE, ""]
    lines += [ABOUT_COMMANDS, ""]
    for name, command in sorted(_commands(typer.main.get_command(cli.app), ())):
        lines += [f"## melpark {name}", "", (command.help or "").splitlines()[0], ""]
        rows = [_parameter(parameter) for parameter in command.params]
        if rows:
            lines += ["| argument or option | what it is |", "|---|---|", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


def _commands(command: Any, way: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None or getattr(command, "invoke_without_command", False):
        yield " ".join(way), command
    for name, below in (inner or {}).items():
        yield from _commands(below, (*way, name))


def _parameter(parameter: Any) -> str:
    options = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    name = options if parameter.param_type_name == "option" else f"`{(parameter.name or '').upper()}`"
    said = [parameter.help] if parameter.help else []
    kind = parameter.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        said.append("One of " + ", ".join(f"`{choice.value}`" for choice in kind) + ".")
    return f"| {name} | {' '.join(said)} |".replace("|  |", "| |")


def settings() -> str:
    """Every setting with its default and what the source says of it."""
    lines = ["# Settings", "", MADE, ""]
    lines += [ABOUT_SETTINGS]
    lines += ["", "| variable | default | what it is |", "|---|---|---|"]
    said = notes()
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`" if field.default != "" else ""
        lines.append(f"| `{PREFIX}{name.upper()}` | {default} | {_cell(said[name], field.annotation)} |")
    return "\n".join(lines) + "\n"


def _cell(note: str, annotation: Any) -> str:
    allowed = [f"`{value}`" for value in getattr(annotation, "__args__", ()) if isinstance(value, str)]
    said = [note] if note else []
    if allowed:
        said.append("One of " + ", ".join(allowed) + ".")
    return " ".join(said)


def notes() -> dict[str, str]:
    """The comment right above each setting."""
    lines = Path(configuration.__file__).read_text().splitlines()
    (kind,) = [node for node in ast.parse("\n".join(lines)).body if isinstance(node, ast.ClassDef)]
    found = {}
    for node in kind.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            above = takewhile(lambda line: line.startswith("    # "), reversed(lines[: node.lineno - 1]))
            found[node.target.id] = " ".join(line.strip(" #") for line in reversed(list(above)))
    return found


def api() -> str:
    """Every route of the API with its sentence."""
    document = create_app(Settings(), LiveState(Settings())).openapi()
    lines = ["# API", "", MADE, ""]
    lines += [ABOUT_API, ""]
    lines += ["| route | what it tells | parameters |", "|---|---|---|"]
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            names = ", ".join(
                f"`{one['name']}`" for one in told.get("parameters", ()) if one["in"] != "header"
            )
            lines.append(f"| `{method.upper()} {path}` | {told.get('summary', '')} | {names} |")
    return "\n".join(lines) + "\n"


def dags() -> str:
    """Each DAG's own page."""
    lines = ["# DAGs", "", MADE, "", "How Airflow is run: [orchestration](../orchestration.md).", ""]
    for file in sorted((ORCHESTRATION / "dags").glob("*_dag.py")):
        docstring = ast.get_docstring(ast.parse(file.read_text()), clean=False) or ""
        lines += [f"## {file.stem}", "", docstring.strip(), ""]
    return "\n".join(lines).rstrip() + "\n"


PAGES: dict[Path, Callable[[], str]] = {
    FOLDER / "commands.md": commands,
    FOLDER / "settings.md": settings,
    FOLDER / "api.md": api,
    FOLDER / "dags.md": dags,
}


def write(pages: Iterable[Path] = PAGES) -> None:
    FOLDER.mkdir(exist_ok=True)
    for page in pages:
        page.write_text(PAGES[page]())


if __name__ == "__main__":
    write()
