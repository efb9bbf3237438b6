"""The long chaos run, `make chaos FAULTS=200 SEED=1`: as many faults as asked for during one replay.

Prints each fault as it happens and then what the comparison found, and exits with 1 when anything is wrong. The home
is kept then, to look into.
"""

import argparse
import contextlib
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from chaos import made_up_capture, places
from chaos.comparison import Findings
from chaos.schedule import Kind, Moment, faults
from chaos.striking import Struck, all_run, strike_all
from chaos.watching import Gate
from e2e.stack.replays import wait_until_drained
from e2e.stack.running import Stack, stopped_at_the_end

BAYS = 1000
# Of the replay; the rest is played without faults.
SHARE_WITH_FAULTS = 0.95


def main() -> None:
    arguments = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="melpark-chaos-"))
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    began = time.monotonic()
    _say(
        f"seed {arguments.seed}: making a capture of {arguments.changes:,} changes of {BAYS:,} bays in {folder}"
    )
    capture = made_up_capture.write(folder / "capture", arguments.seed, arguments.changes, BAYS)
    polls = made_up_capture.polls_for(arguments.changes, BAYS)
    stack = Stack.on(
        folder / "home",
        MELPARK_SOURCE="replay",
        MELPARK_CAPTURE_DIR=str(capture),
        MELPARK_SPEED="0",
    )
    with stopped_at_the_end(stack):
        with contextlib.closing(Gate(stack)) as gate:
            stack.start()
            stack.wait_until_healthy()
            schedule = faults(arguments.faults, arguments.seed)
            struck = strike_all(stack, gate, schedule, int(polls * SHARE_WITH_FAULTS), _say)
        stack.wait_for("every engine running", all_run)
        wait_until_drained(stack)
        _say("everything is in silver; comparing")
        findings = places.compare_all(stack, capture)
        noticed = places.noticed_gaps(stack)
        reconciled = stack.melpark("reconcile")
    print("\n".join(report(arguments.seed, struck, findings, time.monotonic() - began)))
    print(*[f"  possible losses that were noticed: {len(noticed)}", *noticed], sep="\n    ")
    print(reconciled.stdout + reconciled.stderr, flush=True)
    if reconciled.returncode or not all(found.is_clean for found in findings.values()):
        sys.exit(f"Something is wrong; the home is kept in {folder}")
    shutil.rmtree(folder, ignore_errors=True)


def report(seed: int, struck: list[Struck], findings: dict[str, Findings], seconds: float) -> list[str]:
    """What happened and what was found, as docs/reliability.md shows it."""
    kinds = Counter(f"{one.fault.kind} {one.fault.victim}" for one in struck)
    moments = Counter(one.fault.moment for one in struck if one.met_its_moment)
    ended = [one for one in struck if one.fault.kind is not Kind.PAUSE]
    away = [one.away_seconds for one in ended if one.away_seconds is not None]
    return [
        "",
        f"{len(struck)} faults of seed {seed} in {seconds / 60:.0f} minutes: "
        f"{moments[Moment.OPEN]} in an open transaction, {moments[Moment.COMMITTED]} right after a commit, "
        f"{sum(not one.met_its_moment for one in struck)} missed their moment",
        "  " + ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())),
        f"  running again after {statistics.median(away):.1f} s (median), {max(away):.1f} s (longest)"
        if away
        else "",
        *(f"  {place}: {found}" for place, found in findings.items()),
    ]


def _say(line: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {line}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Kill, pause and restart the engines during a replay, then compare"
    )
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--changes", type=int, default=200_000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
