"""Laws of the built page: made once for its sources, whoever asks."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from melpark.stack import web_page


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A page of one source whose building only writes down its steps, slowly."""
    taken: list[str] = []

    def npm(arguments: tuple[str, ...], log_file: Path, log: int) -> None:
        taken.append(arguments[0])
        time.sleep(0.1)
        (tmp_path / "dist").mkdir(exist_ok=True)

    (tmp_path / "index.html").write_text("<p>")
    monkeypatch.setattr(web_page, "WEB", tmp_path)
    monkeypatch.setattr(web_page, "STATIC_PAGE", tmp_path / "dist")
    monkeypatch.setattr(web_page, "_npm", npm)
    return taken


def test_a_page_is_built_anew_only_when_a_source_changed(steps: list[str], tmp_path: Path) -> None:
    for _ in range(2):
        web_page.build(tmp_path / "log")
    assert web_page.is_built()
    (tmp_path / "index.html").write_text("<p>new")
    assert not web_page.is_built()
    web_page.build(tmp_path / "log")
    assert steps == ["ci", "run", "ci", "run"]


def test_of_two_that_would_build_it_at_once_one_waits_for_the_other(steps: list[str], tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        for built in [pool.submit(web_page.build, tmp_path / name) for name in ("one", "two")]:
            built.result()
    assert steps == ["ci", "run"]
