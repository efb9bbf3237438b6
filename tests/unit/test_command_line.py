"""Laws of the command line: every command is documented, every error one line with its exit code."""

import os
import re
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import typer
from typer.testing import CliRunner

from melpark import cli, settings
from melpark.cli import terminal
from melpark.errors import ConfigurationError, MelParkError, RefusedError, RetryableError, StopError
from melpark.places import PROJECT, Home
from melpark.processing import gold, gold_docs
from melpark.serving.webhook.outbox import Outbox
from melpark.settings import PREFIX
from plugins.ports import free_port

README = (PROJECT / "README.md").read_text()
TEXTS = [PROJECT / "README.md", PROJECT / "Makefile", *sorted((PROJECT / "docs").rglob("*.md"))]


def commands() -> list[str]:
    """Every command as it is typed, such as `cdc register`."""
    return sorted(_commands(typer.main.get_command(cli.app), ()))


def _commands(command: object, way: tuple[str, ...]) -> Iterator[str]:
    inner = getattr(command, "commands", None)
    if inner is None or getattr(command, "invoke_without_command", False):
        yield " ".join(way)
    for name, below in (inner or {}).items():
        yield from _commands(below, (*way, name))


def named(text: str) -> set[str]:
    """First words of the commands that a text shows: in backticks or at the start of an indented line."""
    quoted = [found for found in re.findall(r"`([^`\n]+)`", text) if not found.startswith("melpark.")]
    typed = re.findall(r"^(?:    .*|\t.*)$", text, flags=re.MULTILINE)
    return set(re.findall(r"\bmelpark ([a-z]+)\b", "\n".join([*quoted, *typed])))


def rows() -> list[str]:
    """First cells of the table of commands in the README."""
    return re.findall(r"^\| (`melpark [^|]+) \|", README, flags=re.MULTILINE)


def documented() -> set[str]:
    """Commands of the README's table: `melpark down`, `status` are both commands."""
    found = re.findall(r"`(?:melpark )?([a-z]+(?: [a-z]+)?)[^`]*`", " ".join(rows()))
    return {name.strip() for name in found}


def test_the_readme_documents_every_command_and_no_other() -> None:
    assert rows()
    assert documented() == set(commands())


def test_options_that_the_readme_names_exist() -> None:
    options = set(
        re.findall(r"`(--[a-z-]+)`", next(line for line in README.splitlines() if "`melpark up` |" in line))
    )
    assert options
    assert options <= set(re.findall(r"--[a-z-]+", help_of("up")))


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: str(file.relative_to(PROJECT)))
def test_a_text_shows_only_commands_that_exist(file: Path) -> None:
    assert named(file.read_text()) <= {command.split()[0] for command in commands()}


def test_every_target_of_the_makefile_calls_a_command_that_exists() -> None:
    called = set(re.findall(r"\$\(BIN\)/melpark ([a-z]+)", (PROJECT / "Makefile").read_text()))
    assert called >= {"up", "down", "status", "logs", "reset", "doctor"}
    assert called <= set(commands())


def help_of(command: str) -> str:
    result = CliRunner().invoke(cli.app, [*command.split(), "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("command", commands())
def test_every_command_says_what_it_does(command: str) -> None:
    usage, sentence, *_ = (line.strip() for line in help_of(command).splitlines() if line.strip())
    assert f" {command} [OPTIONS]" in usage
    assert sentence.endswith(".")


@pytest.fixture(autouse=True)
def _somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, without settings."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setitem(cli.state, "debug", False)


def ended(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Exit code of the command as a shell would see it."""
    monkeypatch.setattr(sys, "argv", ["melpark", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    code = caught.value.code
    assert isinstance(code, int)
    return code


def failing(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*anything: object) -> None:
        raise error

    monkeypatch.setattr(settings, "load", load)


@pytest.mark.parametrize("group", [MelParkError, ConfigurationError, StopError, RetryableError, RefusedError])
def test_an_error_is_one_line_and_the_exit_code_of_its_group(
    group: type[MelParkError], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(group("It broke", "of\nage", "Mend it"), monkeypatch)
    assert ended(["down"], monkeypatch) == group.exit_code
    assert capsys.readouterr() == ("", "It broke: of age. Mend it.\n")


def test_an_unexpected_error_is_one_line_that_tells_of_debug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(LookupError("first\nsecond."), monkeypatch)
    assert ended(["down"], monkeypatch) == 1
    expected = "Unexpected LookupError: first second. Run again with --debug for the trace.\n"
    assert capsys.readouterr() == ("", expected)


@pytest.mark.parametrize("error", [StopError("It broke"), LookupError("odd")])
def test_debug_shows_the_trace(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(error, monkeypatch)
    monkeypatch.setattr(sys, "argv", ["melpark", "--debug", "down"])
    with pytest.raises(type(error)) as caught:
        cli.main()
    assert caught.value is error


def test_ctrl_c_is_told_by_the_exit_code_of_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*anything: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(settings, "load", load)
    assert ended(["down"], monkeypatch) == 130


@pytest.mark.parametrize(
    "arguments", [["colour"], ["up", "--colour"], ["up", "--source", "colour"], ["gold", "dig"]]
)
def test_an_argument_that_is_unknown_has_the_exit_code_of_wrong_arguments(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(arguments, monkeypatch) == ConfigurationError.exit_code
    assert re.search("colour|dig", capsys.readouterr().err)


@pytest.mark.parametrize("flag", ["--until-done", "--again"])
def test_only_a_replay_can_end_or_be_played_anew(
    flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(["up", flag], monkeypatch) == ConfigurationError.exit_code
    assert "need a replay: the source is simulator" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_capture_that_is_not_there_is_told_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(["up", "--capture", "nowhere"], monkeypatch) == ConfigurationError.exit_code
    assert "nowhere" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_status_of_what_does_not_run_is_stopped_and_not_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(["status", "--json"], monkeypatch) == 1
    assert '"state": "stopped"' in capsys.readouterr().out
    assert ended(["down"], monkeypatch) == 0
    assert "Nothing was running" in capsys.readouterr().out


def test_reset_asks_and_deletes_nothing_without_a_yes(tmp_path: Path) -> None:
    secret = tmp_path / ".melpark" / "secrets.json"
    secret.parent.mkdir()
    secret.write_text("{}")
    assert CliRunner().invoke(cli.app, ["reset"], input="n\n").exit_code == 1
    assert secret.exists()
    assert CliRunner().invoke(cli.app, ["reset"], input="y\n").exit_code == 0
    assert not secret.parent.exists()


def test_reset_deletes_no_folder_that_is_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    letters = tmp_path / ".melpark" / "letters.txt"
    letters.parent.mkdir()
    letters.touch()
    assert ended(["reset", "--yes"], monkeypatch) == StopError.exit_code
    assert letters.exists()


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page of gold's catalogue, which no dbt made."""
    page = gold_docs.page(Home(Path(".melpark").resolve()))

    def run(*_: object) -> None:
        page.parent.mkdir(parents=True)
        page.write_text("<title>dbt Docs</title>")

    monkeypatch.setattr(gold, "run", run)
    return page


@pytest.mark.parametrize("flags", [[], ["--no-serve"]])
def test_the_catalogue_is_told_by_its_file_without_a_terminal(flags: list[str], catalogue: Path) -> None:
    result = CliRunner().invoke(cli.app, ["gold", "docs", *flags])

    assert (result.exit_code, result.output) == (0, f"The catalogue is in {catalogue}.\n")
    assert catalogue.exists()


def test_the_catalogue_is_shown_on_loopback_until_ctrl_c(
    catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    answers = []

    def serve(server: ThreadingHTTPServer) -> None:
        assert server.server_address == ("127.0.0.1", port)
        with ThreadPoolExecutor() as pool:
            for path in ("/", "/manifest.json"):
                asked = pool.submit(httpx.get, f"http://127.0.0.1:{port}{path}", trust_env=False)
                server.handle_request()
                answers.append((asked.result().status_code, asked.result().text))
        raise KeyboardInterrupt

    monkeypatch.setattr(ThreadingHTTPServer, "serve_forever", serve)
    monkeypatch.setattr(terminal.out, "_force_terminal", True)
    result = CliRunner().invoke(cli.app, ["gold", "docs"], env={"MELPARK_DOCS_PORT": str(port)})

    assert result.exit_code == 0
    assert f"http://127.0.0.1:{port}/" in result.output
    assert answers[0] == (200, catalogue.read_text())
    assert answers[1][0] == 404


def test_a_catalogue_whose_port_is_taken_is_not_made(
    catalogue: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(terminal.out, "_force_terminal", True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("MELPARK_DOCS_PORT", str(taken.getsockname()[1]))
        assert ended(["gold", "docs"], monkeypatch) == StopError.exit_code
    assert "MELPARK_DOCS_PORT" in capsys.readouterr().err
    assert not catalogue.exists()


def test_alerts_status_tells_what_waits_and_what_was_refused_and_retry_lets_that_wait_again(
    tmp_path: Path,
) -> None:
    environment = {f"{PREFIX}HOME": str(tmp_path)}

    def run(*arguments: str) -> tuple[int, list[str]]:
        answer = CliRunner().invoke(cli.app, ["alerts", *arguments], env=environment)
        return answer.exit_code, answer.stdout.splitlines()

    assert run("status") == (0, ["0 delivered, 0 wait, 0 refused by the receiver"])
    outbox = Outbox(Home(tmp_path).outbox)
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    for id in ("refused", "waits"):
        outbox.put(id, {}, at)
    message = outbox.next()
    assert message is not None
    outbox.refused(message, "HTTP 400 no", at)
    outbox.close()
    assert run("status") == (
        1,
        [
            "0 delivered, 1 wait since 2026-01-02T03:04:05Z, 1 refused by the receiver",
            "refused at 2026-01-02T03:04:05+00:00: refused: HTTP 400 no",
        ],
    )
    assert run("retry") == (0, ["1 alerts wait again."])
    assert run("status")[1] == ["0 delivered, 2 wait since 2026-01-02T03:04:05Z, 0 refused by the receiver"]
