"""The way of a change from its commit to silver: how many a second, how long each, and what kills cost.

Run by `make bench-cdc`. PostgreSQL, Kafka, Connect, Spark and the stream driver run as in `melpark up`, nothing beside
them. Figures of a machine differ from hour to hour: quote the ratios to the baseline of the same run. Prints tables
and writes benchmark-cdc.json.
"""

import argparse
import json
import shutil
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cdc_engines
import cdc_latency
import cdc_recovery
import cdc_small_commits
import cdc_throughput
import machine
from cdc_engines import CAPTURE, LAKE, Engines
from melpark.settings import Settings

PARTS = ("throughput", "latency", "recovery", "commits")


def main() -> None:
    arguments = _arguments()
    report: dict[str, Any] = {"machine": machine.described(), "measured_at": datetime.now(UTC).isoformat()}
    folder = Path(tempfile.mkdtemp(prefix="melpark-bench-"))
    folder.chmod(0o711)
    try:
        settings = cdc_engines.settings_for(folder / "home")
        with ExitStack() as stack:
            parts = [stack.enter_context(cdc_engines.running(settings, CAPTURE))]
            if "throughput" in arguments.only:
                found = cdc_throughput.measure(
                    settings, parts[0], arguments.changes, arguments.rows_per_commit
                )
                _tell(report, "throughput", found, cdc_throughput.lines(found))
            if set(arguments.only) != {"throughput"}:
                parts.append(stack.enter_context(cdc_engines.running(settings, LAKE)))
                _measure_the_lake(settings, arguments, parts, report)
        if arguments.keep:
            print(f"home: {settings.home}")
    finally:
        if not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)
    arguments.output.write_text(json.dumps(report, indent=2))
    print(f"machine: {report['machine']}")


def _measure_the_lake(
    settings: Settings, arguments: argparse.Namespace, parts: list[Engines], report: dict[str, Any]
) -> None:
    # The first batches compile their code.
    cdc_latency.measure(settings, 2, arguments.warm_up_seconds)
    if "latency" in arguments.only:
        rates = {
            f"{rate}/s": cdc_latency.measure(settings, rate, arguments.seconds) for rate in arguments.rates
        }
        _tell(report, "latency_milliseconds", rates, cdc_latency.lines(rates))
    if "recovery" in arguments.only:
        found = cdc_recovery.measure(settings, parts, arguments.rounds)
        _tell(report, "recovery", found, cdc_recovery.lines(found))
    if "commits" in arguments.only:
        found = cdc_small_commits.measure(settings, arguments.commits)
        _tell(report, "small_commits", found, cdc_small_commits.lines(found))


def _tell(report: dict[str, Any], name: str, found: dict[str, Any], lines: list[str]) -> None:
    report[name] = found
    print("\n".join([*lines, ""]), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="measure these parts")
    parser.add_argument("--changes", type=int, default=500_000, help="changes of each throughput run")
    parser.add_argument(
        "--rows-per-commit", type=int, default=1000, help="changes of one transaction of them"
    )
    parser.add_argument("--rates", nargs="+", type=int, default=[1, 10, 100], help="commits a second")
    parser.add_argument("--seconds", type=float, default=120, help="of each rate")
    parser.add_argument("--warm-up-seconds", type=float, default=20, help="before the latencies")
    parser.add_argument("--rounds", type=int, default=5, help="kills of each engine")
    parser.add_argument("--commits", type=int, default=10_000, help="small commits to bronze and to silver")
    parser.add_argument("--keep", action="store_true", help="leave the home, to look into it")
    parser.add_argument("--output", type=Path, default=Path("benchmark-cdc.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
