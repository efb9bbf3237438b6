"""Laws of the jars: each comes from its lock with its hash, and nothing half or wrong enters the cache."""

import hashlib
import re
from pathlib import Path

import pytest

from melpark.errors import RetryableError, StopError
from melpark.places import ENGINES, PROJECT
from melpark.stack import jars
from melpark.stack.jars import ENGINES_WITH_JARS, PYSPARK_JARS, Jar

CONTENT = b"a jar"
HASH = hashlib.sha256(CONTENT).hexdigest()


class Registry:
    """Stands for the downloader: puts the same bytes where a downloader would, or fails."""

    def __init__(self, content: bytes | None) -> None:
        self.content = content
        self.asked = 0

    def __call__(self, repo_cache: Path, **others: object) -> "Registry":
        self.folder = repo_cache
        return self

    def project(self, group: str, artifact: str) -> "Registry":
        return self

    def at_version(self, version: str) -> "Registry":
        return self

    def artifact(self) -> "Registry":
        return self

    def resolve(self) -> Path:
        self.asked += 1
        file = self.folder / "downloaded.jar"
        file.write_bytes(b"half")
        if self.content is None:
            raise TimeoutError("the line went dead")
        file.write_bytes(self.content)
        return file


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def comes_from(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.setattr(jars, "MavenContext", registry)
    return registry


def files(cache: Path) -> list[Path]:
    return [file for file in cache.rglob("*") if file.is_file()]


def test_a_jar_with_the_locked_hash_enters_the_cache_whole(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comes_from(Registry(CONTENT), monkeypatch)
    jar = Jar("org.example", "thing", "1.0", HASH)
    done: list[Jar] = []
    jars.fetch([jar], done.append)
    assert done == [jar]
    assert files(cache) == [jar.path]
    assert jar.path.read_bytes() == CONTENT


def test_a_jar_with_another_hash_is_refused_and_leaves_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comes_from(Registry(b"something else"), monkeypatch)
    jar = Jar("org.example", "thing", "1.0", HASH)
    with pytest.raises(StopError, match=rf"thing-1\.0\.jar is not the file that was locked.*{HASH}"):
        jars.fetch([jar], lambda jar: None)
    assert files(cache) == []


def test_an_interrupted_download_leaves_nothing_and_may_be_tried_again(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = comes_from(Registry(None), monkeypatch)
    jar = Jar("org.example", "thing", "1.0", HASH)
    with pytest.raises(RetryableError, match=r"thing-1\.0\.jar could not be downloaded: the line went dead"):
        jars.fetch([jar], lambda jar: None)
    assert files(cache) == []
    registry.content = CONTENT
    jars.fetch([jar], lambda jar: None)
    assert files(cache) == [jar.path]


def test_only_what_is_not_in_the_cache_is_missing_and_each_jar_once() -> None:
    missing = jars.missing()
    assert {jar.sha256 for jar in missing} == {
        jar.sha256 for name in ENGINES_WITH_JARS for jar in jars.locked(name)
    }
    assert len({jar.sha256 for jar in missing}) == len(missing)
    there = missing[0]
    there.path.parent.mkdir(parents=True)
    there.path.touch()
    assert there not in jars.missing()


def test_spark_takes_no_jar_that_pyspark_brings() -> None:
    brought = [file.name for file in PYSPARK_JARS.glob("*.jar")]
    assert brought
    taken = jars.locked("spark")
    assert any(jar.artifact.startswith("delta-spark") for jar in taken)
    for jar in taken:
        same = re.compile(rf"{re.escape(jar.artifact)}-\d")
        assert not [name for name in brought if same.match(name)]


@pytest.mark.parametrize("engine", ENGINES_WITH_JARS)
def test_every_locked_jar_has_a_version_and_a_hash(engine: str) -> None:
    locked = jars.locked(engine)
    assert locked
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) for jar in locked)
    assert all(re.match(r"v?\d", jar.version) for jar in locked)


LOCK_FILES = [
    *(ENGINES / name / "jgo.lock.toml" for name in ENGINES_WITH_JARS),
    PROJECT / "requirements.lock",
    PROJECT / "requirements-dev.lock",
]


@pytest.mark.parametrize("file", LOCK_FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_a_lock_file_names_no_host(file: Path) -> None:
    assert not re.findall("https?://.*", file.read_text())
