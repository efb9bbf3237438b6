"""An engine's classes are archived by Java itself, used as long as they fit, and made anew when a jar is another."""

import io
import os
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from melpark.errors import StopError
from melpark.settings import Settings
from melpark.stack import class_archives, jars, java, rehearsal


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(class_archives, "FOLDER", tmp_path / "archives")
    class_archives.FOLDER.mkdir()
    return class_archives.FOLDER


def storage_tool(*options: str) -> str:
    """Run one of Kafka's small tools, which loads some hundred classes of its jars."""
    jars.fetch(jars.missing(["kafka"]), lambda jar: None)
    program, *arguments = java.command("kafka", "kafka.tools.StorageTool", ["random-uuid"], 64)
    return subprocess.run(
        [program, *options, *arguments], capture_output=True, text=True, check=True, timeout=120
    ).stdout


def test_java_writes_an_archive_and_takes_the_classes_from_it() -> None:
    archive = java.archive("kafka")
    storage_tool(*class_archives.record(java.JAVA, archive))
    assert not archive.exists()
    class_archives.keep(java.JAVA, {archive: jars.class_path("kafka")}, [archive])
    loaded = storage_tool("-Xlog:class+load")
    assert "kafka.tools.StorageTool source: shared objects file (top)" in loaded
    assert "java.lang.Object source: shared objects file\n" in loaded


def test_without_an_archive_or_with_a_broken_one_an_engine_starts_all_the_same() -> None:
    assert not any("SharedArchiveFile" in option for option in java.command("kafka", "x", (), 64))
    java.archive("kafka").write_bytes(b"broken")
    assert any("SharedArchiveFile" in option for option in java.command("kafka", "x", (), 64))
    assert storage_tool().strip()


def test_another_jar_or_java_has_another_archive(tmp_path: Path) -> None:
    tool, one, two = (tmp_path / name for name in ("java", "lib/one.jar", "two.jar"))
    one.parent.mkdir()
    for file in (tool, one, two):
        file.write_text("x")
    paths = [class_archives.path("kafka", tool, f"{one.parent}/*:{two}")]
    for changed in (tool, one, two):
        os.utime(changed, ns=(1, 1))
        paths.append(class_archives.path("kafka", tool, f"{one.parent}/*:{two}"))
    assert len(set(paths)) == len(paths)


def test_an_archive_that_is_missing_or_cut_off_is_an_error_and_the_older_one_stays(folder: Path) -> None:
    archive, class_path = java.archive("kafka"), jars.class_path("kafka")
    old = folder / "kafka-old.jsa"
    old.touch()
    with pytest.raises(StopError, match=rf"Java did not write {archive.name}"):
        class_archives.keep(java.JAVA, {archive: class_path}, [archive])
    storage_tool(*class_archives.record(java.JAVA, archive))
    whole = class_archives.unfinished(archive).read_bytes()
    class_archives.unfinished(archive).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StopError, match=rf"Java did not write {archive.name}"):
        class_archives.keep(java.JAVA, {archive: class_path}, [archive])
    assert old.exists()
    assert not archive.exists()
    class_archives.unfinished(archive).write_bytes(whole)
    class_archives.keep(java.JAVA, {archive: class_path}, [archive])
    assert sorted(file.name.split("-")[0] for file in folder.iterdir()) == ["java", "kafka"]


class Interrupting(io.StringIO):
    """Sends Ctrl-C as soon as the engines are being started, and knows who ran then."""

    processes: tuple[psutil.Process, ...] = ()

    def write(self, text: str) -> int:
        if "starting the engines" in text:
            threading.Timer(6, self._interrupt).start()
        return super().write(text)

    def _interrupt(self) -> None:
        self.processes = tuple(psutil.Process().children(recursive=True))
        os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupted_rehearsal_leaves_no_process_no_home_and_no_archive(
    folder: Path, short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short_folder))
    jars.fetch(jars.missing(), lambda jar: None)
    said = Interrupting()
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(StopError, match="The rehearsal was stopped: as asked"):
        rehearsal.run(Settings(home=short_folder / "untouched"), Console(file=said))
    started = set(said.processes) - before
    assert len(started) > 3
    psutil.wait_procs(started, timeout=10)
    assert not [process for process in started if process.is_running()]
    assert not list(short_folder.glob("melpark-rehearsal-*"))
    assert not (short_folder / "untouched").exists()
    assert not list(folder.glob("[kcs]*.jsa"))
    assert not list(folder.glob("*.new"))
