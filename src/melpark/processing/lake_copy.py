"""A copy of the lake's tables, each at the version that it has when it is its turn; streams go on."""

import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable

from melpark.contracts import CAPTURED
from melpark.errors import StopError
from melpark.places import Home, topic
from melpark.processing import bronze_position
from melpark.processing.bronze_position import ANY_TOPIC, Known
from melpark.processing.catalogue import in_database

# Each layer is made of the next: copied in this order, no layer is ahead of the one that it is made of.
ORDER = ("gold", "silver", "bronze")
LOG_ENTRY = re.compile(r"(\d{20})\.(json|crc|checkpoint.*\.parquet)$")


def copy(home: Home, target: Path) -> dict[str, int]:
    """Copy every table into `target`, a folder like the home's lake. Returns the version of each."""
    versions = {}
    for database in ORDER:
        for path in in_database(home, database):
            versions[f"{database}.{path.name}"] = copy_table(path, target / database / path.name)
    return versions


def copy_table(path: Path, target: Path) -> int:
    """Copy one table at its newest version: its files, and its log up to there. Returns the version."""
    table = DeltaTable(path)
    version = table.version()
    sizes = _files(table)
    for name, size in sizes.items():
        copied = target / name
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path / name, copied)
        if copied.stat().st_size != size:
            raise StopError(f"{path / name} changed while it was copied", "", "Make the backup again")
    log = target / "_delta_log"
    log.mkdir(parents=True, exist_ok=True)
    for entry in sorted((path / "_delta_log").iterdir()):
        named = LOG_ENTRY.fullmatch(entry.name)
        if named and int(named[1]) <= version:
            shutil.copyfile(entry, log / entry.name)
    held = DeltaTable(target)
    if held.version() != version or _files(held) != sizes:
        raise StopError(
            f"The copy of {path} is not whole", "its log does not add up", "Make the backup again"
        )
    return version


def check(lake: Path) -> dict[str, int]:
    """Version of each table of a copy. Raises StopError when a file is missing or cut off."""
    versions = {}
    for log in sorted(lake.glob("*/*/_delta_log")):
        path = log.parent
        table = DeltaTable(path)
        for name, size in _files(table).items():
            if not (path / name).is_file() or (path / name).stat().st_size != size:
                raise StopError(f"{path / name} is missing or cut off", "", "Use another backup")
        versions[f"{path.parent.name}.{path.name}"] = table.version()
    return versions


def expect_new_topics(home: Home) -> None:
    """Let bronze begin with topics that have other ids and offsets than those it holds."""
    bronze_position.keep(home, Known(ids={topic(table.name): ANY_TOPIC for table in CAPTURED}))


def _files(table: DeltaTable) -> dict[str, int]:
    """Name and size of each file, by the log."""
    actions = pa.table(table.get_add_actions(flatten=True))
    names, sizes = (actions[name].to_pylist() for name in ("path", "size_bytes"))
    return {unquote(name): size for name, size in zip(names, sizes, strict=True)}
