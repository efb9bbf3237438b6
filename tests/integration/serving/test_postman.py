"""The Postman collection covers every operation, and passes against the running server."""

import fcntl
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.serving.running import listening
from integration.serving.whole_app import whole_app
from melpark.places import PROJECT
from melpark.serving.app import create_app
from melpark.serving.live import LiveState
from melpark.settings import Settings
from melpark.stack.web_page import NODE_FOLDER

FOLDER = PROJECT / "tests" / "postman"
COLLECTION = FOLDER / "parking_api_collection.json"
NODE = NODE_FOLDER / "bin" / "node"
NPM = NODE_FOLDER / "lib/node_modules/npm/bin/npm-cli.js"


def requests(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for inner in item.get("item", []):
        yield from requests(inner)
    if "request" in item:
        yield item["request"]


def test_the_collection_covers_every_operation_and_no_other() -> None:
    document = create_app(Settings(), LiveState(Settings())).openapi()
    collection = json.loads(COLLECTION.read_text())
    asked = {
        "/" + "/".join("{kerbside_id}" if part.startswith("{{") else part for part in one["url"]["path"])
        for one in requests(collection)
    }
    assert asked == set(document["paths"])


@pytest.fixture(scope="module")
def newman() -> Path:
    """The locked newman, installed when it is not there."""
    script = FOLDER / "node_modules" / "newman" / "bin" / "newman.js"
    lock = os.open(FOLDER, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not script.exists():
            path = os.pathsep.join([str(NODE.parent), os.environ.get("PATH", "")])
            command = [str(NODE), str(NPM), "ci", "--no-audit", "--no-fund"]
            subprocess.run(
                command, cwd=FOLDER, env=os.environ | {"PATH": path}, check=True, capture_output=True
            )
    finally:
        os.close(lock)
    return script


def test_newman_finds_every_answer_as_the_collection_wants_it(newman: Path, tmp_path: Path) -> None:
    with listening(whole_app(tmp_path)) as url:
        command = [
            str(NODE),
            str(newman),
            "run",
            str(COLLECTION),
            "--env-var",
            f"base_url={url}",
            "--color",
            "off",
        ]
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
