"""HTTP to the engines of this machine: plain, on 127.0.0.1, never through a proxy."""

from functools import cache

import httpx

HOST = "127.0.0.1"


@cache
def client() -> httpx.Client:
    """One client per process. Each httpx call of its own would load all certificates anew, for nothing here."""
    return httpx.Client(verify=False, trust_env=False, timeout=5)  # noqa: S501 - loopback speaks no TLS


def url(port: int, path: str) -> str:
    return f"http://{HOST}:{port}{path}"
