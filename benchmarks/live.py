"""What is live: commit to page, many readers of the stream, the API, restart to ready. Run by `make bench-live`.

The whole stack runs as its user has it, with a simulated city. Every figure stands beside a baseline of the same run: a
bare Kafka consumer, the server without readers, a bare handler of the same bytes. Prints tables and writes
benchmark-live.json.
"""

import argparse
import json
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import live_calls
import live_latency
import live_readers
import live_restart
import machine
from e2e.stack.running import Stack

PARTS = ("latency", "readers", "calls", "restart")


def main() -> None:
    arguments = _arguments()
    report: dict[str, Any] = {"machine": machine.described(), "measured_at": datetime.now(UTC).isoformat()}
    folder = Path(tempfile.mkdtemp(prefix="melpark-bench-"))
    folder.chmod(0o711)
    stack = Stack.on(folder / "home", **_variables(arguments))
    try:
        stack.start()
        stack.wait_for("quiet stack", _is_quiet, arguments.start_seconds)
        _measure(stack, folder, arguments, report)
        assert stack.stop() == []
    finally:
        if stack.process is not None and stack.process.poll() is None:
            stack.stop()
        shutil.rmtree(folder, ignore_errors=True)
    arguments.output.write_text(json.dumps(report, indent=2))
    print(f"machine: {report['machine']}")


def _measure(stack: Stack, folder: Path, arguments: argparse.Namespace, report: dict[str, Any]) -> None:
    if "latency" in arguments.only:
        found = live_latency.measure(stack.settings, stack.url, arguments.rates, arguments.seconds)
        _tell(report, "latency_milliseconds", found, live_latency.lines(found))
    if "readers" in arguments.only:
        found = live_readers.measure(stack, arguments.readers, arguments.readers_rate, arguments.seconds)
        _tell(report, "readers", found, live_readers.lines(found))
    if "calls" in arguments.only:
        found = live_calls.measure(stack.url, folder, arguments.requests)
        _tell(report, "calls", found, live_calls.lines(found))
    if "restart" in arguments.only:
        found = live_restart.measure(stack, arguments.rounds)
        _tell(report, "restart", found, live_restart.lines(found))


def _tell(report: dict[str, Any], name: str, found: dict[str, Any], lines: list[str]) -> None:
    report[name] = found
    print("\n".join([*lines, ""]), flush=True)


def _variables(arguments: argparse.Namespace) -> dict[str, str]:
    # The loop builds gold once, before anything is measured, and not again beside it.
    return {
        "MELPARK_SOURCE": "simulator",
        "MELPARK_LIVE": "true",
        # All requests come from one address.
        "MELPARK_RATE_LIMIT_PER_MINUTE": "0",
        "MELPARK_GOLD_INTERVAL_SECONDS": "7200",
        "MELPARK_HISTORY_DAYS": str(arguments.days),
    }


def _is_quiet(status: dict[str, Any]) -> bool:
    """All that is there, the history among it, is in silver, gold has been built, and Flink has closed a window."""
    stages = status["stages"]
    lags = [
        stages.get(name, {}).get("lag_seconds") for name in ("kafka", "bronze", "silver", "serving", "live")
    ]
    history = status["history"] is None or status["history"]["is_in_silver"]
    is_built = bool(stages["gold"]["rows"])
    return status["state"] == "healthy" and set(lags) == {0} and history and is_built


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="measure these parts")
    parser.add_argument(
        "--rates", nargs="+", type=float, default=[1, 10, 100], help="commits a second to the page"
    )
    parser.add_argument(
        "--seconds", type=float, default=120, help="of each rate, and of each load of the readers"
    )
    parser.add_argument("--readers", type=int, default=200, help="readers of the stream")
    parser.add_argument("--readers-rate", type=float, default=100, help="commits a second beside the readers")
    parser.add_argument(
        "--requests", type=int, default=400, help="of each call, one after the other and 8 at a time"
    )
    parser.add_argument("--rounds", type=int, default=5, help="kills of the server")
    parser.add_argument("--days", type=int, default=2, help="of simulated history before it")
    parser.add_argument("--start-seconds", type=float, default=1800, help="for start, history and gold")
    parser.add_argument("--output", type=Path, default=Path("benchmark-live.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
