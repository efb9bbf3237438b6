"""The commands of compose.yaml, run as processes in its order: with the passwords that each is handed and no other; the
watch then tells Prometheus how they are.

Docker itself is not asked: images, volumes and the shared network are what is not shown here.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]

from melpark.places import PROJECT
from melpark.settings import PREFIX, Settings
from melpark.stack import plan
from melpark.stack.declaration import Engine
from plugins.ports import free_ports

MELPARK = Path(sys.executable).with_name("melpark")
HEALTHY_WITHIN_SECONDS = 180.0


class Containers:
    """Services of compose.yaml, each a process."""

    def __init__(self, folder: Path) -> None:
        self.services = yaml.safe_load((PROJECT / "compose.yaml").read_text())["services"]
        self.folder, self.running = folder, dict[str, subprocess.Popen[bytes]]()
        names = [name for name in Settings.model_fields if name.endswith("_port")]
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        subprocess.run([MELPARK, "credentials", folder / "secrets"], check=True)

    def environment(self, name: str) -> Mapping[str, str]:
        """As compose gives it, but for the home and the ports."""
        service = self.services[name]
        handed = self.folder / "run" / name
        handed.mkdir(parents=True, exist_ok=True)
        for secret in service.get("secrets", []):
            if not (handed / secret).exists():
                (handed / secret).symlink_to(self.folder / "secrets" / secret)
        given = {key: _default(str(value or "")) for key, value in service.get("environment", {}).items()}
        given |= {PREFIX + port.upper(): str(number) for port, number in self.ports.items()}
        given |= {"MELPARK_HOME": str(self.folder / "home"), "MELPARK_HISTORY_DAYS": "0"}
        own = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
        return (
            own
            | {key: value for key, value in given.items() if value}
            | {"CREDENTIALS_DIRECTORY": str(handed)}
        )

    def start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                [MELPARK, *self.services[name]["command"]],
                env=self.environment(name),
                cwd="/",
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def finish(self, name: str) -> None:
        code = self.running.pop(name).wait(300)
        assert code == 0, self.log(name)

    def wait_healthy(self, name: str) -> None:
        check = [MELPARK, *self.services[name]["healthcheck"]["test"][2:]]
        deadline = time.monotonic() + HEALTHY_WITHIN_SECONDS
        while subprocess.run(check, env=self.environment(name), cwd="/", capture_output=True).returncode:
            assert self.running[name].poll() is None, self.log(name)
            assert time.monotonic() < deadline, self.log(name)
            time.sleep(1)

    def log(self, name: str) -> str:
        return f"{name}: {(self.folder / f'{name}.log').read_text()[-3000:]}"

    def stop(self) -> None:
        for process in reversed(self.running.values()):
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def _default(value: str) -> str:
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


@pytest.fixture
def containers(short_folder: Path) -> Iterator[Containers]:
    found = Containers(short_folder)
    yield found
    found.stop()


def test_parts_come_up_in_their_order_with_the_passwords_that_they_are_handed(containers: Containers) -> None:
    containers.start("home")
    containers.finish("home")
    for node in _in_order():
        containers.start(node.name)
        if isinstance(node, Engine):
            containers.wait_healthy(node.name)
        else:
            containers.finish(node.name)
    assert not (containers.folder / "home" / "secrets.json").exists()

    url = f"http://127.0.0.1:{containers.ports['serve_port']}/api/v1"
    deadline = time.monotonic() + HEALTHY_WITHIN_SECONDS
    while not _bays(url):
        assert time.monotonic() < deadline, containers.log("server")
        time.sleep(1)

    containers.start("watch")
    containers.wait_healthy("watch")
    told = httpx.get(f"{url.removesuffix('/api/v1')}/metrics", trust_env=False, timeout=10).text
    assert "melpark_stack_up 1.0" in told
    up = dict(re.findall(r'^melpark_engine_up\{engine="(\w+)"\} (\S+)$', told, re.MULTILINE))
    engines = {node.name for node in plan.nodes(Settings()) if isinstance(node, Engine)}
    assert up == dict.fromkeys(engines, "1.0")


def _bays(url: str) -> int:
    answer = httpx.get(f"{url}/bays", trust_env=False, timeout=10)
    return len(answer.json()["bays"]) if answer.status_code == httpx.codes.OK else 0


def _in_order() -> list[Any]:
    left, done = list(plan.nodes(Settings())), list[Any]()
    while left:
        ready = next(node for node in left if set(node.needs) <= {one.name for one in done})
        left.remove(ready)
        done.append(ready)
    return done
