"""The main calls of the API, one after the other and some at a time, beside a bare handler of the same bytes."""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from plugins.ports import free_port

CALLS = (
    "/api/v1/bays",
    "/api/v1/bays?zone={zone}",
    "/api/v1/bays/{bay}",
    "/api/v1/where-to-park?near={longitude},{latitude}&minutes=60",
    "/api/v1/zones?zone={zone}",
    "/api/v1/restrictions?zone={zone}",
    "/api/v1/occupancy/now?place_kind=zone",
    "/api/v1/occupancy?place_kind=city",
    "/api/v1/sessions?limit=100",
    "/api/v1/overstays?limit=100",
)
AT_ONCE = 8
WARM_UP = 3
END = b"\r\n\r\n"


def measure(url: str, folder: Path, requests: int) -> dict[str, Any]:
    """p50 and p95 in milliseconds of `requests` one after the other, then answers a second of as many, 8 at a time."""
    answers = _answers(url)
    report: dict[str, Any] = {}
    with _bare(folder, answers) as bare:
        for path, answer in answers.items():
            if answer.status_code != 200:
                report[path] = {"status": answer.status_code}
                continue
            ours = asyncio.run(_times(httpx.URL(url).port or 80, path, requests))
            theirs = asyncio.run(_times(bare, path, requests))
            report[path] = {"bytes": len(answer.content), "api": ours, "bare": theirs}
    return report


def _answers(url: str) -> dict[str, httpx.Response]:
    with httpx.Client(base_url=url, timeout=60) as client:
        bay = next(
            one
            for one in client.get("/api/v1/bays").raise_for_status().json()["bays"]
            if one["zone_number"] is not None and not one["is_retired"]
        )
        given = {
            "bay": bay["kerbside_id"],
            "zone": bay["zone_number"],
            "longitude": bay["longitude"],
            "latitude": bay["latitude"],
        }
        paths = [call.format(**given) for call in CALLS]
        return {path: client.get(path, headers={"accept-encoding": "identity"}) for path in paths}


@contextmanager
def _bare(folder: Path, answers: dict[str, httpx.Response]) -> Iterator[int]:
    files = {}
    for number, (path, answer) in enumerate(answers.items()):
        file = folder / f"answer-{number}"
        file.write_bytes(answer.content)
        files[path] = (answer.headers["content-type"], str(file))
    index = folder / "answers.json"
    index.write_text(json.dumps(files))
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("live_bare.py")), str(port), str(index)]
    )
    try:
        _wait_for(port, next(iter(answers)))
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, path: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5).raise_for_status()
            return
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


async def _times(port: int, path: str, requests: int) -> dict[str, float]:
    await _ask(port, path, WARM_UP)
    delays = sorted(await _ask(port, path, requests))
    began = time.perf_counter()
    each = max(1, requests // AT_ONCE)
    await asyncio.gather(*(_ask(port, path, each) for _ in range(AT_ONCE)))
    took = time.perf_counter() - began
    cuts = statistics.quantiles(delays, n=100, method="inclusive") if len(delays) > 1 else delays * 99
    return {"p50": cuts[49] * 1000, "p95": cuts[94] * 1000, "per_second": each * AT_ONCE / took}


async def _ask(port: int, path: str, requests: int) -> list[float]:
    """Seconds of each request on one connection that stays open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\r\n".encode()
    delays = []
    for _ in range(requests):
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(END)
        lines = head.lower().split(b"\r\n")
        assert b" 200 " in lines[0], head.decode()
        length = next(line for line in lines if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        delays.append(time.perf_counter() - began)
    writer.close()
    return delays


def lines(report: dict[str, Any]) -> list[str]:
    head = f"{'call':<58}{'KiB':>7}{'p50 ms':>8}{'p95 ms':>8}{'of bare':>9}{'per s':>8}{'bare per s':>11}{'of bare':>9}"
    rows = [head]
    for path, row in report.items():
        if "status" in row:
            rows.append(f"{path:<58} HTTP {row['status']}")
            continue
        api, bare = row["api"], row["bare"]
        rows.append(
            f"{path:<58}{row['bytes'] / 1024:7,.0f}{api['p50']:8.1f}{api['p95']:8.1f}{api['p50'] / bare['p50']:9.1f}"
            f"{api['per_second']:8,.0f}{bare['per_second']:11,.0f}{api['per_second'] / bare['per_second']:9.2f}"
        )
    return rows
