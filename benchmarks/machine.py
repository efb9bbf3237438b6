"""What the figures of a benchmark were taken on."""

import os
import platform

import psutil


def described() -> str:
    """Cores, memory and Python, in one line."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"
