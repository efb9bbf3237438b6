"""The engines' jars: named and pinned in engines/<name>/jgo.lock.toml, kept in the user's cache by SHA-256.

A jar enters the cache only whole and with the locked hash, so an interrupted download leaves nothing behind.
"""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyspark
from jgo.env import LockFile
from jgo.maven import MavenContext
from platformdirs import user_cache_path

from melpark.errors import RetryableError, StopError
from melpark.places import ENGINES

PYSPARK_JARS = Path(pyspark.__file__).parent / "jars"
ENGINES_WITH_JARS = ("kafka", "connect", "spark", "flink")


@dataclass(frozen=True)
class Jar:
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def path(self) -> Path:
        name = f"{self.artifact}-{self.version}.jar"
        return user_cache_path("melpark") / "jars" / self.sha256 / name


def locked(engine: str) -> list[Jar]:
    """The jars of an engine's lock file; for Spark without those that the PySpark wheel brings."""
    lock = LockFile.load(ENGINES / engine / "jgo.lock.toml")
    jars = [Jar(d.groupId, d.artifactId, d.version, d.sha256) for d in lock.dependencies]
    if engine != "spark":
        return jars
    provided = {re.sub(r"-\d[^-]*(-.*)?\.jar$", "", jar.name) for jar in PYSPARK_JARS.glob("*.jar")}
    return [jar for jar in jars if jar.artifact not in provided]


def class_path(engine: str) -> str:
    """The engine's class path. Every jar must have been fetched."""
    own = [str(jar.path) for jar in locked(engine)]
    return ":".join([str(PYSPARK_JARS / "*"), *own] if engine == "spark" else own)


def missing(engines: Iterable[str] = ENGINES_WITH_JARS) -> list[Jar]:
    """Locked jars that are not in the cache yet, each once."""
    wanted = {jar.sha256: jar for engine in engines for jar in locked(engine)}
    return [jar for jar in wanted.values() if not jar.path.exists()]


def fetch(jars: list[Jar], on_done: Callable[[Jar], None]) -> None:
    """Download the jars four at a time, calling `on_done` after each.

    Raises RetryableError when one cannot be had, StopError when one has another hash than the lock says.
    """
    with ThreadPoolExecutor(max_workers=4) as pool:
        for jar in pool.map(_fetch, jars):
            on_done(jar)


def _fetch(jar: Jar) -> Jar:
    jar.path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=jar.path.parent) as folder:
        context = MavenContext(repo_cache=Path(folder), timeout=60)
        try:
            downloaded = context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
        except Exception as error:
            raise RetryableError(
                f"{jar.path.name} could not be downloaded",
                str(error),
                "Check the network and start again: what was fetched is kept",
            ) from error
        _verify(jar, downloaded)
        unfinished = Path(folder) / "whole.jar"
        shutil.copyfile(downloaded, unfinished)
        unfinished.rename(jar.path)
    return jar


def _verify(jar: Jar, file: Path) -> None:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != jar.sha256:
        raise StopError(
            f"{jar.path.name} is not the file that was locked",
            f"its SHA-256 is {digest}, the lock says {jar.sha256}",
            "Somebody or something changed it on the way; do not use it",
        )
