"""The way of a change from its commit to silver: how many a second, how long each, and what kills cost.

Run by `make bench-cdc`. PostgreSQL, Kafka, Connect, Spark and the stream driver run as in `melpark up`, nothing beside
them. Figures of a machine differ from hour to hour: quote the ratios to the baseline of the same run. Prints tables
and writes benchmark-cdc.json.
"""

import argparse
import json
import os
import platform
import shutil
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

import cdc_engines
import cdc_latency
import cdc_throughput
from cdc_engines import CAPTURE, LAKE

PARTS = ("throughput", "latency")


def main() -> None:
    arguments = _arguments()
    report: dict[str, Any] = {"machine": _machine(), "measured_at": datetime.now(UTC).isoformat()}
    folder = Path(tempfile.mkdtemp(prefix="melpark-bench-"))
    folder.chmod(0o711)
    try:
        settings = cdc_engines.settings_for(folder / "home")
        with ExitStack() as stack:
            stack.enter_context(cdc_engines.running(settings, CAPTURE))
            if "throughput" in arguments.only:
                found = cdc_throughput.measure(settings, arguments.changes, arguments.rows_per_commit)
                report["throughput"] = found
                print("\n".join([*cdc_throughput.lines(found), ""]), flush=True)
            if "latency" in arguments.only:
                stack.enter_context(cdc_engines.running(settings, LAKE))
                # The first batches compile their code.
                cdc_latency.measure(settings, 2, arguments.warm_up_seconds)
                report["latency_milliseconds"] = {
                    f"{rate}/s": cdc_latency.measure(settings, rate, arguments.seconds)
                    for rate in arguments.rates
                }
                print("\n".join([*cdc_latency.lines(report["latency_milliseconds"]), ""]), flush=True)
        if arguments.keep:
            print(f"home: {settings.home}")
    finally:
        if not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)
    arguments.output.write_text(json.dumps(report, indent=2))
    print(f"machine: {report['machine']}")


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
    parser.add_argument("--keep", action="store_true", help="leave the home, to look into it")
    parser.add_argument("--output", type=Path, default=Path("benchmark-cdc.json"))
    return parser.parse_args()


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, load {load:.1f} at the end"


if __name__ == "__main__":
    main()
