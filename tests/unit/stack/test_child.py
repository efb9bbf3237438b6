"""Laws of a child process: everything it says is kept, and nothing of it outlives its end or ours."""

import asyncio
import contextlib
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from melpark.launch import LAUNCHER
from melpark.stack import child as children
from melpark.stack.child import UNWANTED, Child
from melpark.stack.declaration import Command
from unit.stack.polling import until, until_in_loop
from unit.stack.processes import is_gone, written_pid

FOR_EVER = "import signal\nwhile True: signal.pause()\n"
SAYS_ITS_PID = "import os, sys; from pathlib import Path; Path(sys.argv[1]).write_text(f'{os.getpid()}\\n')\n"
# A process whose own child ignores SIGTERM.
WITH_A_CHILD = f"""
import signal, subprocess, sys
program = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\\n" + {SAYS_ITS_PID + FOR_EVER!r}
subprocess.Popen([sys.executable, "-c", program, sys.argv[1]])
{FOR_EVER}"""
PARENT = """
import asyncio, sys
from pathlib import Path
from melpark.stack.child import Child
from melpark.stack.declaration import Command
async def main():
    await Child.start(Command((sys.executable, "-c", *sys.argv[2:])), Path(sys.argv[1]))
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "engine.log"


def python(program: str, *arguments: object, **more: str) -> Command:
    return Command((sys.executable, "-c", program, *map(str, arguments)), environment=more)


def to_its_end(command: Command, log_file: Path) -> int:
    async def run() -> int:
        return await (await Child.start(command, log_file)).wait()

    return asyncio.run(run())


def with_child(command: Command, log_file: Path, use: Callable[[Child], Awaitable[None]]) -> None:
    async def run() -> None:
        child = await Child.start(command, log_file)
        try:
            await use(child)
        finally:
            child.kill_group()
            await child.wait()

    asyncio.run(run())


def test_all_that_a_child_says_is_in_its_log_also_what_is_no_text(log_file: Path) -> None:
    program = (
        r"import os; os.write(1, b'out\n'); os.write(2, b'100%s err \xff\n'); os.write(1, 'é\n'.encode())"
    )
    assert to_its_end(python(program), log_file) == 0
    assert log_file.read_text() == "out\n100%s err \N{REPLACEMENT CHARACTER}\né\n"


def test_a_log_goes_on_where_the_last_life_ended(log_file: Path) -> None:
    for word in ("first", "second"):
        to_its_end(python(f"print('{word}')"), log_file)
    assert log_file.read_text() == "first\nsecond\n"


def test_logs_rotate_and_only_the_newest_are_kept(log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "LOG_BYTES", 1000)
    monkeypatch.setattr(children, "LOG_FILES", 2)
    for number in range(12):
        to_its_end(python(f"print('{number:03d}' * 200)"), log_file)
    kept = sorted(file.name for file in log_file.parent.iterdir())
    assert kept == ["engine.log", "engine.log.1", "engine.log.2"]
    assert log_file.read_text().startswith("011")
    assert all((log_file.parent / name).stat().st_size <= 1000 for name in kept)


def test_an_engine_whose_log_cannot_be_written_runs_on(capfd: pytest.CaptureFixture[str]) -> None:
    # More than the pipe holds: it would wait for ever if nobody read it.
    assert to_its_end(python("print('x' * 200_000)"), Path("/dev/full")) == 0
    assert "No space left on device" in capfd.readouterr().err


def test_the_exit_status_of_a_child_is_told(log_file: Path) -> None:
    assert to_its_end(python("raise SystemExit(7)"), log_file) == 7


def test_a_program_that_does_not_exist_is_named_in_the_log(log_file: Path) -> None:
    assert to_its_end(Command(("/no/such/program",)), log_file) != 0
    assert "No such file or directory" in log_file.read_text()


def test_a_child_gets_its_own_variables_and_none_that_would_lead_it_elsewhere(
    log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in UNWANTED:
        monkeypatch.setenv(name, "elsewhere")
    program = (
        "import os, sys; print(os.environ['ITS_OWN'], *(name for name in sys.argv[1:] if name in os.environ))"
    )
    to_its_end(python(program, *UNWANTED, ITS_OWN="yes"), log_file)
    assert log_file.read_text() == "yes\n"


def test_a_child_has_nothing_to_read_and_leads_a_group_of_its_own(log_file: Path) -> None:
    program = "import os, sys; print(repr(sys.stdin.read()), os.getpgid(0) == os.getpid() == os.getsid(0))"
    to_its_end(python(program), log_file)
    assert log_file.read_text() == "'' True\n"


def test_a_child_runs_as_the_user_of_its_command(log_file: Path) -> None:
    # Only root may run a process as another user; everybody else stays who they are.
    user = "nobody" if os.geteuid() == 0 else None
    expected = pwd.getpwnam(user) if user else pwd.getpwuid(os.geteuid())
    for option in ("-u", "-g"):
        to_its_end(Command(("/usr/bin/id", option), user=user, directory=Path("/")), log_file)
    assert log_file.read_text().split() == [str(expected.pw_uid), str(expected.pw_gid)]


def test_a_child_and_its_own_children_end_with_stop(log_file: Path, tmp_path: Path) -> None:
    async def use(child: Child) -> None:
        grandchild = await asyncio.to_thread(written_pid, tmp_path / "pid")
        await child.stop(signal.SIGTERM, 60)
        assert child.returncode == -signal.SIGTERM
        await until_in_loop(lambda: is_gone(grandchild), "the end of the grandchild")

    with_child(python(WITH_A_CHILD, tmp_path / "pid"), log_file, use)


def test_a_child_that_does_not_listen_is_killed(log_file: Path, tmp_path: Path) -> None:
    async def use(child: Child) -> None:
        pid = await asyncio.to_thread(written_pid, tmp_path / "pid")
        assert pid == child.pid
        await child.stop(signal.SIGTERM, 0.1)
        assert child.returncode == -signal.SIGKILL

    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SAYS_ITS_PID + FOR_EVER
    with_child(python(deaf, tmp_path / "pid"), log_file, use)


def test_a_child_is_asked_to_end_by_the_signal_that_it_knows(log_file: Path, tmp_path: Path) -> None:
    async def use(child: Child) -> None:
        await asyncio.to_thread(written_pid, tmp_path / "pid")
        await child.stop(signal.SIGINT, 60)
        assert child.returncode == 5

    program = "import signal; signal.signal(signal.SIGINT, lambda *_: exit(5))\n" + SAYS_ITS_PID + FOR_EVER
    with_child(python(program, tmp_path / "pid"), log_file, use)


def test_stopping_one_that_has_ended_does_nothing(log_file: Path) -> None:
    async def use(child: Child) -> None:
        await child.wait()
        await child.stop(signal.SIGTERM, 60)
        assert child.returncode == 0

    with_child(python(""), log_file, use)


def test_a_grandchild_that_holds_the_pipe_keeps_no_end_from_being_noticed(
    log_file: Path, tmp_path: Path
) -> None:
    async def use(child: Child) -> None:
        # Its end is told although the pipe stays open.
        grandchild = await asyncio.to_thread(written_pid, tmp_path / "pid")
        os.kill(child.pid, signal.SIGKILL)
        assert await child.wait() == -signal.SIGKILL
        assert not is_gone(grandchild)

    with_child(python(WITH_A_CHILD, tmp_path / "pid"), log_file, use)


def test_a_child_ends_when_its_parent_is_killed(log_file: Path, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    arguments = [sys.executable, "-c", PARENT, str(log_file), SAYS_ITS_PID + FOR_EVER, str(file)]
    parent = subprocess.Popen(arguments)
    try:
        child = written_pid(file)
        assert not is_gone(child)
    finally:
        parent.kill()
        parent.wait()
    try:
        until(lambda: is_gone(child), "the end of the child")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def test_a_child_of_a_parent_that_ended_before_it_could_ask_does_not_begin() -> None:
    *launcher, parent = LAUNCHER
    assert int(parent) == os.getpid()
    answer = subprocess.run(
        [*launcher, "1", "-", "/bin/echo", "begun"], capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "the parent has ended" in answer.stderr
