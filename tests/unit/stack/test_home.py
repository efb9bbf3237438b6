"""Laws of a home: one stack at a time, one source for ever, passwords made once."""

import contextlib
import fcntl
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from melpark import secrets
from melpark.errors import ConfigurationError, StopError
from melpark.places import ROLES, Home
from melpark.settings import Settings
from melpark.stack import home as homes
from unit.stack.polling import until

HOLDER = """
import sys
from pathlib import Path
from melpark.places import Home
from melpark.stack import home
with home.lock(Home(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", min_free_disk_mebibytes=0)


@pytest.fixture
def home(settings: Settings) -> Home:
    return Home(settings.home)


@contextmanager
def held_elsewhere(home: Home) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_home_is_held_by_one_process_at_a_time(home: Home) -> None:
    with held_elsewhere(home) as holder:
        assert homes.running_pid(home) == holder.pid
        with (
            pytest.raises(StopError, match=f"already running.*process {holder.pid} ") as caught,
            homes.lock(home),
        ):
            pass
        assert str(home.root) in str(caught.value)
        assert homes.running_pid(home) == holder.pid


def test_a_killed_holder_frees_the_home_and_the_next_knows_that_it_was_unclean(home: Home) -> None:
    with held_elsewhere(home) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert homes.running_pid(home) is None
        with homes.lock(home) as was_unclean:
            assert was_unclean
    with homes.lock(home) as was_unclean:
        assert not was_unclean


def test_a_first_start_and_one_after_an_error_are_clean(home: Home) -> None:
    with contextlib.suppress(StopError), homes.lock(home) as was_unclean:
        assert not was_unclean
        raise StopError("It broke")
    with homes.lock(home) as was_unclean:
        assert not was_unclean


def test_one_who_only_asks_who_runs_keeps_no_stack_from_starting(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.run.mkdir(parents=True)
    with (home.run / "lock").open("w") as asker:
        fcntl.flock(asker, fcntl.LOCK_SH)
        monkeypatch.setattr("time.sleep", lambda seconds: fcntl.flock(asker, fcntl.LOCK_UN))
        with homes.lock(home) as was_unclean:
            assert not was_unclean


def test_nobody_holds_a_home_that_was_never_made(home: Home) -> None:
    assert homes.running_pid(home) is None
    assert not home.root.exists()


def test_a_home_keeps_the_source_of_its_first_start(settings: Settings) -> None:
    homes.prepare(settings)
    other = settings.model_copy(update={"source": "replay", "capture_dir": Path("capture")})
    with pytest.raises(ConfigurationError, match="holds data of source simulator, not replay"):
        homes.prepare(other)
    assert homes.prepare(settings).source == "simulator"


def test_a_home_of_a_newer_layout_is_refused_and_left_as_it_is(settings: Settings, home: Home) -> None:
    homes.prepare(settings)
    newer = json.dumps({"source": "simulator", "layout_version": homes.LAYOUT_VERSION + 1, "run_number": 1})
    home.stamp.write_text(newer)
    with pytest.raises(StopError, match="newer MelPark"):
        homes.prepare(settings)
    assert home.stamp.read_text() == newer


@pytest.mark.parametrize("text", ["", "{", "[]", '{"colour": "red"}'])
def test_a_stamp_that_cannot_be_read_is_named(settings: Settings, home: Home, text: str) -> None:
    homes.prepare(settings)
    home.stamp.write_text(text)
    with pytest.raises(StopError, match=r"home\.json cannot be read"):
        homes.prepare(settings)


def test_only_again_raises_the_number_of_the_run(settings: Settings) -> None:
    asked = [False, False, True, False, True]
    assert [homes.prepare(settings, again).run_number for again in asked] == [1, 1, 2, 2, 3]


def test_again_on_a_new_home_is_its_first_run(settings: Settings) -> None:
    assert homes.prepare(settings, again=True).run_number == 1


def test_passwords_are_for_the_owner_only_made_once_and_all_different(settings: Settings, home: Home) -> None:
    homes.prepare(settings)
    made = home.secrets.read_text()
    assert home.secrets.stat().st_mode & 0o777 == 0o600
    homes.prepare(settings)
    assert home.secrets.read_text() == made
    assert len({secrets.password(home.root, role) for role in ROLES}) == len(ROLES)


def test_an_interrupted_making_of_passwords_is_done_anew(settings: Settings, home: Home) -> None:
    home.root.mkdir()
    (home.root / "secrets.new").write_text("{")
    homes.prepare(settings)
    assert secrets.password(home.root, ROLES[0])


@pytest.mark.parametrize("text", ["", "{", "{}", "[]"])
def test_a_changed_file_of_passwords_is_named(settings: Settings, home: Home, text: str) -> None:
    homes.prepare(settings)
    home.secrets.write_text(text)
    with pytest.raises(StopError, match=r"secrets\.json holds no password for postgres"):
        secrets.password(home.root, "postgres")


def test_a_home_without_passwords_was_never_started(home: Home) -> None:
    with pytest.raises(StopError, match="never started"):
        secrets.password(home.root, "postgres")


def test_a_folder_of_other_things_does_not_become_a_home(settings: Settings, home: Home) -> None:
    home.root.mkdir(mode=0o755)
    (home.root / "letters.txt").touch()
    mode = home.root.stat().st_mode
    with pytest.raises(ConfigurationError, match=r"not a MelPark home: it holds letters\.txt"):
        homes.prepare(settings)
    assert home.root.stat().st_mode == mode
    assert not home.secrets.exists()


def test_too_little_free_disk_stops_before_anything_is_made(settings: Settings, home: Home) -> None:
    free = shutil.disk_usage(home.root.parent).free // 2**20
    with pytest.raises(StopError, match=rf"MiB are free on the disk of {home.root}"):
        homes.prepare(settings.model_copy(update={"min_free_disk_mebibytes": free * 2}))
    assert not home.root.exists()


def test_a_home_that_cannot_be_made_is_named(home: Home) -> None:
    home.root.touch()
    with pytest.raises(StopError, match="cannot be made"), homes.lock(home):
        pass


def test_a_reader_sees_the_old_or_the_new_text_and_never_half_of_it(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    texts = {letter * 200_000 for letter in "ab"}
    writer = (
        "import sys; from pathlib import Path; from melpark.stack.home import write_whole\n"
        "while True:\n for letter in 'ab': write_whole(Path(sys.argv[1]), letter * 200_000)"
    )
    process = subprocess.Popen([sys.executable, "-c", writer, str(file)])
    try:
        until(file.exists, "the first text")
        assert {file.read_text() for _ in range(500)} <= texts
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def test_a_text_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "home.json"
    homes.write_whole(file, "old")
    with pytest.raises(UnicodeEncodeError):
        homes.write_whole(file, "new \ud800")
    assert file.read_text() == "old"


class Case(NamedTuple):
    root: bool
    mode: int


def test_others_may_pass_a_home_only_when_root_must_let_postgresql_in(
    settings: Settings, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for case in (Case(root=True, mode=0o711), Case(root=False, mode=0o700)):
        monkeypatch.setattr("os.geteuid", lambda case=case: 0 if case.root else 1000)
        homes.prepare(settings)
        assert home.root.stat().st_mode & 0o777 == case.mode
