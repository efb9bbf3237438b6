"""A file is loaded whole, once, however it is packed and whenever a run is killed; a wrong one is named."""

import gzip
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable
from typer.testing import CliRunner

from melpark import cli
from melpark.errors import ConfigurationError, MelParkError, RefusedError, StopError
from melpark.places import PROJECT, Home
from melpark.processing import catalogue
from melpark.processing.history import backfill
from melpark.processing.history.backfill import Outcome
from melpark.processing.tables import QUARANTINE_OF_FILES, STAYS_OF_FILES
from unit.processing.history.made_up_files import HEADER_2017, NOW, Silent, everything, load, rows, write

ROWS = [{}, {"StreetMarker": ""}, {"StreetMarker": "C2"}, {"StreetMarker": "C2"}]
RUN = "from unit.processing.history.killed import run; run({home!r}, {file!r}, {step!r})"


def test_the_same_file_twice_adds_nothing(tmp_path: Path) -> None:
    file = write(tmp_path / "events.csv", *ROWS)
    (first,) = load(tmp_path, file)
    before = everything(tmp_path)
    file.rename(tmp_path / "renamed.csv")
    (second,) = load(tmp_path, tmp_path / "renamed.csv")

    assert (first.is_new, second.is_new) == (True, False)
    assert everything(tmp_path) == before


def test_a_changed_file_of_the_same_name_is_another_file(tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    load(tmp_path, write(file, {"StreetMarker": "C1"}))
    load(tmp_path, write(file, {"StreetMarker": "C2"}))

    found = rows(
        tmp_path,
        "SELECT file_name, count(*), count(DISTINCT file_sha256) FROM silver.historical_stays GROUP BY 1",
    )
    assert found == [("events.csv", 2, 2)]


def test_plain_gz_and_zip_give_the_same_stays(tmp_path: Path) -> None:
    plain = write(tmp_path / "events.csv", *ROWS)
    packed = tmp_path / "events.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    with zipfile.ZipFile(tmp_path / "events.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain, "a/events.csv")
    stays = "SELECT * EXCLUDE (run_id, file_name, file_sha256) FROM silver.historical_stays ORDER BY ALL"
    homes = [tmp_path / name for name in ("plain", "gz", "zip")]
    for home, file in zip(homes, (plain, packed, tmp_path / "events.zip"), strict=True):
        load(home, file)

    assert rows(homes[0], stays)
    assert rows(homes[0], stays) == rows(homes[1], stays) == rows(homes[2], stays)


def test_every_member_of_a_zip_is_a_file_of_its_own(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "years.zip", "w") as archive:
        for name, marker in (("2018.csv", "C1"), ("2017.csv", "C2"), ("__MACOSX/2017.csv", "C3")):
            archive.write(write(tmp_path / "member.csv", {"StreetMarker": marker}), name)
    outcomes = load(tmp_path, tmp_path / "years.zip")

    assert [outcome.file_name for outcome in outcomes] == ["years.zip/2017.csv", "years.zip/2018.csv"]
    found = rows(tmp_path, "SELECT file_name, street_marker FROM silver.historical_stays ORDER BY 1")
    assert found == [("years.zip/2017.csv", "C2"), ("years.zip/2018.csv", "C1")]


@pytest.mark.parametrize("step", [backfill.READING, backfill.SORTING, "quarantined", "written"])
def test_a_run_that_was_killed_leaves_no_stay_and_the_next_gives_the_same(tmp_path: Path, step: str) -> None:
    file = write(tmp_path / "events.csv", *ROWS)
    load(tmp_path / "whole", file)
    home = tmp_path / "killed"
    process = subprocess.run(
        [sys.executable, "-c", RUN.format(home=str(home), file=str(file), step=step)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(PROJECT / "src"), str(PROJECT / "tests")])},
        check=False,
    )

    assert process.returncode == -signal.SIGKILL
    assert rows(home, "SELECT count(*) FROM silver.historical_stays") == [(0,)]
    (outcome,) = load(home, file)
    assert outcome.is_new
    assert everything(home) == everything(tmp_path / "whole")
    assert not Home(home).backfill.exists()


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "events.csv", {})

    class Second(Silent):
        def begin(self, file_name: str, step: str, of: int) -> None:
            with pytest.raises(StopError, match="Another backfill"):
                load(tmp_path, file)
            super().begin(file_name, step, of)

    second = Second()
    backfill.run(Home(tmp_path), [file], NOW, second)
    assert second.steps


def cut_off(file: Path) -> Path:
    plain = write(
        file.with_suffix(".csv"),
        *({"StreetMarker": f"C{n}", "Sign": os.urandom(9).hex()} for n in range(900)),
    )
    packed = gzip.compress(plain.read_bytes())
    file.write_bytes(packed[: len(packed) // 2])
    return file


def text(file: Path, content: bytes) -> Path:
    file.write_bytes(content)
    return file


LINE = (HEADER_2017 + "\n").encode()


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda folder: folder / "none.csv", ConfigurationError, "none.csv is not a file"),
        (lambda folder: text(folder / "a.csv", b""), RefusedError, "a.csv is empty"),
        (lambda folder: text(folder / "a.csv", b"\n\n"), RefusedError, "a.csv is empty"),
        (lambda folder: text(folder / "a.gz", gzip.compress(b"")), RefusedError, "a.gz is empty"),
        (lambda folder: text(folder / "a.csv", b"\xff\xfe\x00"), RefusedError, "not a CSV"),
        (
            lambda folder: text(folder / "a.csv", b"DeviceId,Colour,StreetMarker\n1,2,3\n"),
            RefusedError,
            "'Colour' is not known; ArrivalTime is missing; DepartureTime is missing; DurationSeconds or",
        ),
        (lambda folder: text(folder / "a.csv", b"Sign," + LINE), RefusedError, "Sign comes twice"),
        (lambda folder: cut_off(folder / "a.gz"), RefusedError, "a.gz cannot be unpacked"),
        (lambda folder: text(folder / "a.zip", b"PK\x03\x04"), RefusedError, "a.zip cannot be unpacked"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong_and_leaves_nothing(
    tmp_path: Path, make: Callable[[Path], Path], error: type[MelParkError], says: str
) -> None:
    with pytest.raises(error) as raised:
        load(tmp_path, make(tmp_path))

    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
    for table in (STAYS_OF_FILES, QUARANTINE_OF_FILES):
        assert DeltaTable(catalogue.path_of(Home(tmp_path), table)).count() == 0


def test_what_duckdb_cannot_do_is_said_with_the_name_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("melpark.processing.history.staging.MEMORY_LIMIT", "1KB")
    with pytest.raises(StopError, match=r"events\.csv could not be looked through"):
        load(tmp_path, write(tmp_path / "events.csv", {}))

    assert rows(tmp_path, "SELECT count(*) FROM silver.historical_stays") == [(0,)]


def test_the_command_leaves_delta_rs_one_thread_before_it_reads_any_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On more it would take in a quarantine faster than it writes, and keep the rest in memory."""
    monkeypatch.setenv("MELPARK_HOME", str(tmp_path))
    monkeypatch.setenv("TOKIO_WORKER_THREADS", "2")
    found = CliRunner().invoke(cli.app, ["backfill", "events", str(tmp_path / "none.csv")])
    assert isinstance(found.exception, ConfigurationError)
    assert os.environ["TOKIO_WORKER_THREADS"] == "1"


def test_a_wrong_file_is_found_before_the_first_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        load(tmp_path, write(tmp_path / "good.csv", {}), text(tmp_path / "bad.csv", b"a,b\n1,2\n"))

    assert rows(tmp_path, "SELECT count(*) FROM silver.historical_stays") == [(0,)]


def test_a_file_without_a_line_is_loaded_and_holds_nothing(tmp_path: Path) -> None:
    file = write(tmp_path / "events.csv")

    assert [load(tmp_path, file)[0].is_new for _ in range(2)] == [True, False]


def test_blocks_of_a_file_join_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("melpark.processing.history.lines.BLOCK_BYTES", 700)
    file = write(tmp_path / "events.csv", *({"StreetMarker": f"C{number}"} for number in range(50)))
    first, *others = file.read_text().splitlines()
    for number in (40, 21, 20, 3):
        others.insert(number, f"misfit,{number}")
    file.write_text("\r\n".join(["\ufeff" + first, *others]))
    (outcome,) = load(tmp_path, file)

    assert outcome == Outcome("events.csv", outcome.sha256, True, 54, 50, {"wrong_number_of_fields": 4})
    found = rows(tmp_path, "SELECT line_number, street_marker FROM silver.historical_stays ORDER BY 1")
    assert found == [(line, row.split(",")[4]) for line, row in enumerate(others, 2) if "misfit" not in row]
    misfits = rows(tmp_path, "SELECT payload->>'line' FROM silver.historical_quarantine ORDER BY line_number")
    assert misfits == [("misfit,3",), ("misfit,20",), ("misfit,21",), ("misfit,40",)]
