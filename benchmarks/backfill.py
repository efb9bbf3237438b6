"""What `melpark backfill events` costs: lines a second and memory, on made-up files of growing size.

Run by `make bench-backfill`. Each file has the columns of 2019, half of its lines vacancies, and the dirt of that
year at its rates. Prints a table and writes benchmark-backfill.json.
"""

import argparse
import gzip
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from deltalake import DeltaTable

import machine
import process
from melpark.places import Home

MARKERS = 5_000
HEADER = (
    "DeviceId,ArrivalTime,DepartureTime,DurationMinutes,StreetMarker,SignPlateID,Sign,AreaName,StreetId,"
    "StreetName,BetweenStreet1ID,BetweenStreet1,BetweenStreet2ID,BetweenStreet2,SideOfStreet,SideOfStreetCode,"
    "SideName,BayId,InViolation,VehiclePresent"
)
TIME_FORMAT = "%m/%d/%Y %I:%M:%S %p"
SIGNS = (
    "1P MTR M-SAT 7:30-18:30",
    "2P MTR M-SAT 7:30-20:30",
    "",
    "",
    "LZ 30M M-F 7:30-18:30",
    "4P M-SUN 7:00-22:00",
)
STREETS = (
    "LONSDALE STREET",
    "LA TROBE STREET",
    "QUEEN STREET",
    "KING STREET",
    "COLLINS STREET",
    "SPENCER STREET",
)


@dataclass(frozen=True)
class Measured:
    """One file's load, by a process of its own."""

    lines: int
    file_mebibytes: float
    seconds: float
    cpu_seconds: float
    lines_per_second: float
    peak_memory_mebibytes: float
    stays: int
    quarantined: int
    stays_mebibytes: float
    quarantine_mebibytes: float


def main() -> None:
    arguments = _arguments()
    measured = []
    for lines in arguments.lines:
        folder = Path(tempfile.mkdtemp(prefix="melpark-bench-"))
        try:
            file = (arguments.keep or folder) / f"events-{lines}.csv.gz"
            if not file.exists():
                write(file, lines)
            measured.append(_measure(file, lines, folder / "home"))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        print(_row(measured[-1]), flush=True)
    report = {"machine": machine.described(), "files": [asdict(one) for one in measured]}
    arguments.output.write_text(json.dumps(report, indent=2))


def write(file: Path, lines: int) -> None:
    """A made-up gz file: at each marker vehicle and vacancy take turns, a year goes round."""
    random = np.random.default_rng(2019)
    begin = datetime(2019, 1, 1)  # noqa: DTZ001  local wall clock, as in the City's files
    clocks = np.zeros(MARKERS)
    with gzip.open(file, "wt", compresslevel=3) as out:
        out.write(HEADER + "\n")
        for number in range(lines):
            marker = number % MARKERS
            seconds = float(random.integers(30, 7200))
            arrival = clocks[marker]
            clocks[marker] += seconds
            present = (number // MARKERS) % 2 == 0
            departure = arrival + seconds
            chance = random.random()
            if chance < 0.0005:
                departure = arrival - 60
            elif chance < 0.001:
                departure += 7200
            out.write(_line(marker, begin, arrival, departure, present))


def _line(marker: int, begin: datetime, arrival: float, departure: float, present: bool) -> str:
    return (
        f"{20000 + marker},{(begin + timedelta(seconds=arrival)).strftime(TIME_FORMAT)},"
        f"{(begin + timedelta(seconds=departure)).strftime(TIME_FORMAT)},{int(departure - arrival) // 60},"
        f"{marker}N,{marker % 90},{SIGNS[marker % 6]},Docklands,{marker % 200},{STREETS[marker % 6]},"
        f"{marker % 31},{STREETS[(marker + 1) % 6]},{marker % 37},{STREETS[(marker + 2) % 6]},3,N,North,{marker},"
        f"{'TRUE' if marker % 40 == 0 else 'FALSE'},{'TRUE' if present else 'FALSE'}\n"
    )


def _measure(file: Path, lines: int, home: Path) -> Measured:
    cost = process.melpark("backfill", "events", str(file), environment={"MELPARK_HOME": str(home)})
    tables = {name: Home(home).silver(f"historical_{name}") for name in ("stays", "quarantine")}
    return Measured(
        lines=lines,
        file_mebibytes=file.stat().st_size / 2**20,
        seconds=cost.seconds,
        cpu_seconds=cost.cpu_seconds,
        lines_per_second=lines / cost.seconds,
        peak_memory_mebibytes=cost.peak_mebibytes,
        stays=DeltaTable(tables["stays"]).count(),
        quarantined=DeltaTable(tables["quarantine"]).count(),
        stays_mebibytes=_size(tables["stays"]),
        quarantine_mebibytes=_size(tables["quarantine"]),
    )


def _size(table: Path) -> float:
    return sum(file.stat().st_size for file in table.rglob("*.parquet")) / 2**20


def _row(one: Measured) -> str:
    return (
        f"{one.lines:>12,} lines {one.file_mebibytes:8.0f} MiB gz {one.seconds:7.1f} s "
        f"({one.cpu_seconds:.1f} s of CPU) "
        f"{one.lines_per_second:>10,.0f} lines/s {one.peak_memory_mebibytes:7.0f} MiB peak "
        f"{one.stays:>12,} stays ({one.stays_mebibytes:.0f} MiB) "
        f"{one.quarantined:>12,} quarantined ({one.quarantine_mebibytes:.0f} MiB)"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--lines", type=int, nargs="+", default=[1_000_000, 4_000_000], help="sizes of files")
    parser.add_argument("--keep", type=Path, help="folder that keeps the made-up files for the next time")
    parser.add_argument("--output", type=Path, default=Path("benchmark-backfill.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
