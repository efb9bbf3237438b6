"""What one process costs: its time, its CPU, its memory."""

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

SAMPLE_SECONDS = 0.05


@dataclass(frozen=True)
class Cost:
    """CPU says more than the clock where others use the cores too."""

    seconds: float
    cpu_seconds: float
    peak_mebibytes: float


def melpark(*arguments: str, environment: Mapping[str, str] | None = None) -> Cost:
    """Run one `melpark` command to its end, which must be a good one."""
    began, used = time.perf_counter(), _cpu_seconds()
    process = subprocess.Popen(
        [sys.executable, "-m", "melpark", *arguments],
        env=os.environ | (environment or {}),
        stdout=subprocess.DEVNULL,
    )
    peak = [0]
    follower = threading.Thread(target=_follow, args=(process, peak))
    follower.start()
    code = process.wait()
    seconds = time.perf_counter() - began
    follower.join()
    assert code == 0, f"melpark {arguments[0]} ended with {code}"
    return Cost(seconds, _cpu_seconds() - used, peak[0] / 2**20)


def _follow(process: "subprocess.Popen[bytes]", peak: list[int]) -> None:
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            peak[0] = max(peak[0], watched.memory_info().rss)
        except psutil.NoSuchProcess:
            return
        time.sleep(SAMPLE_SECONDS)


def _cpu_seconds() -> float:
    """Of the processes that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
