"""Class archives: the classes that a JVM engine loads, loaded and verified beforehand.

An engine that has one starts sooner, Spark in half the time. An archive belongs to one class path of one Java and
is made by a rehearsal (melpark.stack.rehearsal); Java looks for itself whether it fits, and goes on without when it
does not.
"""

import hashlib
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from melpark.errors import StopError
from melpark.launch import LAUNCHER

# Beside the jars of the environment, whose times and sizes it holds.
FOLDER = Path(sys.prefix) / "share" / "melpark" / "class-archives"


def path(engine: str, java: Path, class_path: str) -> Path:
    """Where the archive of an engine is or will be; another path as soon as Java or a jar is another."""
    return _of(engine, [java, *_jars(class_path)])


def use(archive: Path) -> tuple[str, ...]:
    """Options of Java that use the archive, none while there is none."""
    return (f"-XX:SharedArchiveFile={archive}",) if archive.exists() else ()


def record(java: Path, archive: Path) -> tuple[str, ...]:
    """Options of Java that write the archive, under another name, when it ends. Makes what that builds upon."""
    base = _base(java)
    if not base.exists():
        _dump(java, base)
    return (f"-XX:SharedArchiveFile={base}", f"-XX:ArchiveClassesAtExit={unfinished(archive)}")


def unfinished(archive: Path) -> Path:
    return archive.with_suffix(".new")


def forget_unfinished() -> None:
    """Delete what a rehearsal that was cut off left."""
    for file in FOLDER.glob("*.new"):
        file.unlink()


def keep(java: Path, written: Mapping[Path, str], archives: Iterable[Path]) -> None:
    """Let the archives that were written, each for its class path, be used; delete all that are none of `archives`.

    Raises StopError when one was not written, or is not whole; then none is used.
    """
    for archive, class_path in written.items():
        if not _is_whole(java, unfinished(archive), class_path):
            raise StopError(
                f"Java did not write {archive.name}", f"{FOLDER} may be full", "`melpark quicken` tries again"
            )
    for archive in written:
        unfinished(archive).replace(archive)
    known = {_base(java), *archives}
    for file in FOLDER.glob("*.jsa"):
        if file not in known:
            file.unlink()


def _is_whole(java: Path, archive: Path, class_path: str) -> bool:
    """Whether Java takes the archive; in use it goes on without one that it does not."""
    options = ["-Xshare:on", f"-XX:SharedArchiveFile={archive}", "-cp", class_path, "-version"]
    command = [*LAUNCHER, "-", str(java), "-XX:+UseSerialGC", *options]
    return archive.exists() and subprocess.run(command, capture_output=True, check=False).returncode == 0


def _of(name: str, files: Iterable[Path]) -> Path:
    digest = hashlib.sha256()
    for file in files:
        state = file.stat()
        digest.update(f"{file} {state.st_size} {state.st_mtime_ns}\n".encode())
    return FOLDER / f"{name}-{digest.hexdigest()[:16]}.jsa"


def _base(java: Path) -> Path:
    """The archive of Java's own classes, which the wheel comes without; those of the engines build upon it."""
    return _of("java", [java])


def _dump(java: Path, base: Path) -> None:
    new = unfinished(base)
    done = subprocess.run(
        [*LAUNCHER, "-", str(java), "-XX:+UseSerialGC", "-Xshare:dump", f"-XX:SharedArchiveFile={new}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise StopError(
            "Java's own classes could not be archived",
            (done.stderr or done.stdout).strip()[-300:],
            f"See that {FOLDER} can be written",
        )
    new.replace(base)


def _jars(class_path: str) -> list[Path]:
    entries = (Path(entry) for entry in class_path.split(":"))
    return [
        file
        for entry in entries
        for file in (sorted(entry.parent.glob("*.jar")) if entry.name == "*" else [entry])
    ]
