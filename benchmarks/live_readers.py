"""Many readers of the live stream: whether each is given every change, and what the server pays for them."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cdc_engines
from e2e.stack.running import Stack, read_status
from live_changes import Seen, commit, moment
from melpark.stack.supervisor import memory_of

SETTLE_SECONDS = 2.0


def measure(stack: Stack, readers: int, rate: float, seconds: float) -> dict[str, Any]:
    """CPU (cores) and memory (MiB) of the server: alone, with the readers at natural load, and at `rate` a second."""
    pid = int(read_status(stack.home)["engines"]["server"]["pid"])
    report: dict[str, Any] = {"readers": readers, "alone": _cost(pid, seconds)}
    clients = subprocess.Popen(
        [
            sys.executable,
            str(Path(__file__).with_name("live_clients.py")),
            str(stack.settings.serve_port),
            str(readers),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert clients.stdout is not None
    assert clients.stdout.readline().strip() == "ready"
    # Batches before this one reached those who came first only.
    first = commit(stack.settings, 10, 2)
    time.sleep(SETTLE_SECONDS)
    report["natural load"] = _cost(pid, seconds)
    began, used = time.monotonic(), cdc_engines.cpu_seconds_of(pid)
    committed = commit(stack.settings, rate, round(rate * seconds))
    report[f"{rate:g} changes/s"] = {
        "cores": (cdc_engines.cpu_seconds_of(pid) - used) / (time.monotonic() - began),
        "mebibytes": memory_of(pid) / 2**20,
    }
    time.sleep(SETTLE_SECONDS)
    said, _ = clients.communicate("end\n", timeout=120)
    return report | _given(json.loads(said), first, committed)


def _cost(pid: int, seconds: float) -> dict[str, float]:
    began, used = time.monotonic(), cdc_engines.cpu_seconds_of(pid)
    time.sleep(seconds)
    cores = (cdc_engines.cpu_seconds_of(pid) - used) / (time.monotonic() - began)
    return {"cores": cores, "mebibytes": memory_of(pid) / 2**20}


def _given(said: dict[str, Any], first: Seen, committed: Seen) -> dict[str, Any]:
    """What the readers were given. All are told in the same batches, which only the first of them was read from."""
    told = {(bay, moment(changed_at)): at for bay, changed_at, at in said["changes"]}
    delays = sorted((told[change] - at) * 1000 for change, at in committed.items() if change in told)
    # From the first batch that everybody was connected for.
    common = set(said["ids"][0]).intersection(*map(set, said["ids"]))
    start = min(said["ids"][0].index(one) for one in common) if common else 0
    wanted = set(said["ids"][0][start:])
    return {
        "changes": len(committed),
        "batches": len(wanted),
        "changes_missing": len(committed.keys() - told.keys()) + len(first.keys() - told.keys()),
        "readers_that_lack_a_batch": sum(not wanted <= set(ids) for ids in said["ids"]),
        "readers_let_go": said["let_go"],
        "first_reader_p50_ms": delays[len(delays) // 2] if delays else float("nan"),
    }


def lines(report: dict[str, Any]) -> list[str]:
    rows = [f"{'server with ' + str(report['readers']) + ' readers':<28}{'cores':>8}{'MiB':>8}"]
    rows += [
        f"{name:<28}{row['cores']:8.2f}{row['mebibytes']:8,.0f}"
        for name, row in report.items()
        if isinstance(row, dict)
    ]
    rows.append(
        f"{report['changes']:,} changes in {report['batches']:,} batches: {report['changes_missing']} changes missing, "
        f"{report['readers_that_lack_a_batch']} readers lack a batch, {report['readers_let_go']} were let go; "
        f"p50 {report['first_reader_p50_ms']:.0f} ms"
    )
    return rows
