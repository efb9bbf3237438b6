"""Laws of the templates: everything asked for is filled in, and what is written is for its owner only."""

from pathlib import Path

import pytest

from melpark.errors import StopError
from melpark.stack import templates


@pytest.fixture
def engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(templates, "ENGINES", tmp_path)
    return tmp_path


def test_every_value_is_filled_in(engines: Path) -> None:
    (engines / "some.conf").write_text("port = ${port}\npath = ${path}/x\ncost = $$5\n")
    assert templates.render("some.conf", port=7, path=Path("/a")) == "port = 7\npath = /a/x\ncost = $5\n"


def test_a_value_that_is_missing_is_named_with_its_template(engines: Path) -> None:
    (engines / "some.conf").write_text("port = ${port}\n")
    with pytest.raises(StopError, match=r"engines/some\.conf asks for 'port'"):
        templates.render("some.conf", path="/a")


def test_a_template_that_is_no_template_is_named(engines: Path) -> None:
    (engines / "some.conf").write_text("cost = $ 5\n")
    with pytest.raises(StopError, match=r"engines/some\.conf"):
        templates.render("some.conf")


def test_a_rendered_file_is_for_its_owner_only_and_replaces_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "new" / "some.conf"
    for text in ("a longer one", "short"):
        templates.write(file, text)
        assert file.read_text() == text
        assert file.stat().st_mode & 0o777 == 0o600
