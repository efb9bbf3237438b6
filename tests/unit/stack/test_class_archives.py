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
    class_archives.keep([archive], [archive])
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


def test_archives_of_older_jars_are_deleted_and_a_missing_one_is_an_error(folder: Path) -> None:
    old, new, lost = (folder / f"kafka-{name}.jsa" for name in ("old", "new", "lost"))
    for file in (
        old,
        class_archives.unfinished(new),
        folder / "java-kafka-old.jsa",
        folder / "java-kafka-new.jsa",
    ):
        file.touch()
    with pytest.raises(StopError, match=r"Java did not write kafka-lost\.jsa"):
        class_archives.keep([lost], [lost])
    assert old.exists()
    class_archives.keep([new], [new])
    assert sorted(file.name for file in folder.iterdir()) == ["java-kafka-new.jsa", "kafka-new.jsa"]


def test_an_interrupted_rehearsal_leaves_no_process_no_home_and_no_archive(
    folder: Path, short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short_folder))
    said = io.StringIO()
    interrupt = threading.Timer(8, lambda: os.kill(os.getpid(), signal.SIGINT))
    interrupt.start()
    try:
        with pytest.raises(StopError, match="The rehearsal was stopped: as asked"):
            rehearsal.run(Settings(home=short_folder / "untouched"), Console(file=said))
    finally:
        interrupt.cancel()
    assert "starting the engines" in said.getvalue()
    assert not list(short_folder.glob("melpark-rehearsal-*"))
    assert not (short_folder / "untouched").exists()
    assert not list(folder.glob("[kcs]*.jsa"))
    assert not [process.pid for process in psutil.process_iter() if _is_below(process, short_folder)]


def _is_below(process: psutil.Process, folder: Path) -> bool:
    try:
        return str(folder) in " ".join(process.cmdline())
    except psutil.Error:
        return False
