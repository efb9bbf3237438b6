"""How long the simulator takes to write its past: a month of it, then a year. Run by `make bench-year`.

Prints a table, the year's pace beside the month's of the same run, and writes benchmark-year.json.
"""

import argparse
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.dataset as ds

import machine
import process
from melpark.contracts import SENSOR_EVENTS

END = "2026-01-01"


@dataclass(frozen=True)
class Written:
    """Some days of the feed's events and of the truth."""

    days: int
    seconds: float
    cpu_seconds: float
    peak_mebibytes: float
    events: int
    mebibytes: float

    @property
    def events_per_cpu_second(self) -> float:
        return self.events / self.cpu_seconds


def main() -> None:
    arguments = _arguments()
    written = []
    for days in arguments.days:
        folder = Path(tempfile.mkdtemp(prefix="melpark-bench-"))
        try:
            written.append(_write(days, folder / "history"))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        print(_row(written[-1], written[0]), flush=True)
    print(f"machine: {machine.described()}")
    report = {
        "machine": machine.described(),
        "measured_at": datetime.now(UTC).isoformat(),
        "written": [asdict(one) for one in written],
    }
    arguments.output.write_text(json.dumps(report, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--days", type=int, nargs="+", default=[30, 365], help="lengths of the past")
    parser.add_argument("--output", type=Path, default=Path("benchmark-year.json"))
    return parser.parse_args()


def _write(days: int, folder: Path) -> Written:
    cost = process.melpark("simulate", "history", "--days", str(days), "--end", END, "--out", str(folder))
    size = sum(file.stat().st_size for file in folder.rglob("*.parquet")) / 2**20
    events = ds.dataset(folder / SENSOR_EVENTS.name).count_rows()
    return Written(days, cost.seconds, cost.cpu_seconds, cost.peak_mebibytes, events, size)


def _row(one: Written, first: Written) -> str:
    return (
        f"{one.days:>5} days {one.events:>12,} events {one.mebibytes:7.0f} MiB {one.seconds:7.1f} s "
        f"({one.cpu_seconds:.1f} s of CPU) {one.peak_mebibytes:6.0f} MiB peak "
        f"{one.events_per_cpu_second:>10,.0f} events per CPU second, "
        f"{one.events_per_cpu_second / first.events_per_cpu_second:.2f} of the first line's"
    )


if __name__ == "__main__":
    main()
