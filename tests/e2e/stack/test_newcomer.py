"""Point 1 of the spine: a clone, a PATH without java, mvn and node, and `make up`; the simulator's own data."""

import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from e2e.page.browser import open_page, wait_for_connection, wait_until_drawn
from e2e.stack.running import Stack, clean_environment, is_running
from melpark.places import Home

PROJECT = Path(__file__).resolve().parents[3]
# Of a project without git: what its owner has made since.
MADE = shutil.ignore_patterns(
    ".git", ".venv", ".tools", ".melpark", "node_modules", "dist", "target", "__pycache__", ".*_cache"
)
FOREIGN = ("java", "mvn", "node", "npm", "npx", "uv", "docker", "psql", "postgres")
SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


@dataclass
class Newcomer:
    """A clone on a bare machine, and what `make` said in it."""

    clone: Path
    stack: Stack
    environment: dict[str, str]

    def make(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["make", f"PYTHON={sys._base_executable}", *words],  # type: ignore[attr-defined]
            cwd=self.clone,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=1500,
            check=False,
        )


def bare_path(folder: Path) -> Path:
    """A folder of links to the system's programs, less those that a newcomer lacks."""
    folder.mkdir()
    for place in SYSTEM_FOLDERS:
        for program in Path(place).glob("*"):
            link = folder / program.name
            if not program.name.startswith(FOREIGN) and not link.is_symlink():
                link.symlink_to(program)
    return folder


def copy_project(clone: Path) -> None:
    """The files that git knows, as they are now."""
    if not (PROJECT / ".git").exists():
        shutil.copytree(PROJECT, clone, ignore=MADE)
        return
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (PROJECT / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, clone / name)


@pytest.fixture(scope="module")
def newcomer(short_folder: Path) -> Iterator[Newcomer]:
    """The stack, up by `make up` in the clone, in the background; `make down` at the end."""
    clone = short_folder / "clone"
    copy_project(clone)
    stack = Stack.on(clone / ".melpark", MELPARK_SIMULATOR_OUTAGES="false")
    environment = clean_environment() | stack.environment | {"PATH": str(bare_path(short_folder / "bin"))}
    environment.pop("VIRTUAL_ENV", None)
    newcomer = Newcomer(clone, stack, environment)
    try:
        up = newcomer.make("up", "ARGS=--detach --no-history")
        assert up.returncode == 0, up.stdout[-3000:] + up.stderr[-3000:]
        yield newcomer
    finally:
        newcomer.make("down")


def test_the_machine_is_bare(newcomer: Newcomer) -> None:
    path = newcomer.environment["PATH"]
    assert [name for name in FOREIGN if shutil.which(name, path=path)] == []


def test_make_status_shows_a_healthy_stack(newcomer: Newcomer) -> None:
    answer = newcomer.make("status")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "healthy" in answer.stdout


def test_the_page_draws_the_simulated_city_and_says_that_it_is_simulated(newcomer: Newcomer) -> None:
    bays = httpx.get(f"{newcomer.stack.url}/api/v1/bays", timeout=30).json()["bays"]
    assert len(bays) > 3000
    with open_page(newcomer.stack.url) as opened:
        wait_until_drawn(opened.page, len(bays))
        wait_for_connection(opened.page, "live")
        assert opened.page.locator("#simulated").is_visible()
        assert opened.origins() == {newcomer.stack.url}
        assert opened.complaints == []


def test_nothing_listens_beyond_the_loopback(newcomer: Newcomer) -> None:
    engines = json.loads((newcomer.stack.home / "run" / "status.json").read_text())["engines"]
    family = {
        process.pid
        for engine in engines.values()
        for process in (
            psutil.Process(engine["pid"]),
            *psutil.Process(engine["pid"]).children(recursive=True),
        )
    }
    listening = [
        c.laddr.ip
        for c in psutil.net_connections("tcp")
        if c.laddr and c.status == "LISTEN" and c.pid in family
    ]
    assert len(listening) >= 6
    assert {address.removeprefix("::ffff:") for address in listening} <= {"127.0.0.1", "::1"}


def test_passwords_are_readable_by_their_owner_only_and_in_no_log(newcomer: Newcomer) -> None:
    home = Home(newcomer.stack.home)
    assert stat.S_IMODE(home.secrets.stat().st_mode) == 0o600
    logs = "".join(file.read_text(errors="replace") for file in home.logs.glob("*.log"))
    assert [name for name, password in json.loads(home.secrets.read_text()).items() if password in logs] == []


def test_make_down_leaves_no_process_and_make_status_says_so(newcomer: Newcomer) -> None:
    engines = json.loads((newcomer.stack.home / "run" / "status.json").read_text())["engines"]
    pids = [engine["pid"] for engine in engines.values()]
    assert newcomer.make("down").returncode == 0
    assert [pid for pid in pids if is_running(pid)] == []
    assert newcomer.make("status").returncode != 0


def test_make_prints_its_targets(newcomer: Newcomer) -> None:
    said = newcomer.make().stdout
    assert all(f"\n{target} " in f"\n{said}" for target in ("up", "down", "status", "logs", "test", "help"))
