"""The documents hang together: the site builds, links lead somewhere, alerts have runbooks, figures were measured."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from melpark.places import PROJECT
from melpark.settings import CITY_ATTRIBUTION

DOCS = PROJECT / "docs"
MKDOCS = PROJECT / ".tools" / "docs" / "bin" / "mkdocs"
MKDOCS_YML = PROJECT / "mkdocs.yml"
MAKEFILE = (PROJECT / "Makefile").read_text()
PAGES = [*PROJECT.glob("*.md"), *DOCS.rglob("*.md"), PROJECT / "powerbi" / "README.md"]
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
# What a plan for many cities begins with.
MEASURED = ("12,888", "13.3", "10,145", "18,670,412", "31,168", "5,528", "54")


@cache
def anchors(page: Path) -> set[str]:
    """As GitHub and mkdocs make them of headings."""
    text = re.sub(r"^    .*$", "", page.read_text(), flags=re.MULTILINE)
    return {
        re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", title.replace("`", "").lower()).strip())
        for title in HEADING.findall(text)
    }


def alerts() -> dict[str, str]:
    """Alert and its runbook, by the rules."""
    groups = yaml.safe_load((PROJECT / "monitoring" / "rules.yml").read_text())["groups"]
    return {rule["alert"]: rule["annotations"]["runbook"] for group in groups for rule in group["rules"]}


def build(folder: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    """As `make docs` builds the site."""
    assert MKDOCS.exists(), "`make .tools/docs/.synced` installs it"
    command = re.search(
        r"^docs:.*\n\t@NO_MKDOCS_2_WARNING=1 \$\(TOOLS\)/docs/bin/mkdocs (.*)$", MAKEFILE, re.MULTILINE
    )
    assert command is not None
    return subprocess.run(
        [MKDOCS, *command[1].split(), *options],
        cwd=folder,
        env={"NO_MKDOCS_2_WARNING": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    done = build(PROJECT, "--site-dir", tmp_path / "site")
    assert done.returncode == 0, done.stderr
    built = (tmp_path / "site" / "index.html").read_text()
    assert re.findall(r'(?:src|href)="https?://(?!squidfunk)[^"]*', built) == []


def test_what_is_in_no_menu_or_leads_out_of_the_documents_ends_the_build(tmp_path: Path) -> None:
    """With the settings of our own site, but for its pages."""
    (tmp_path / "mkdocs.yml").write_text(f"INHERIT: {MKDOCS_YML}\ndocs_dir: docs\nnav: [index.md]\n")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Home\n\n[out](../outside.py)\n")
    (tmp_path / "docs" / "forgotten.md").write_text("# Forgotten\n")
    done = build(tmp_path)
    assert done.returncode == 1
    assert "forgotten.md" in done.stderr
    assert "outside.py" in done.stderr
    assert "Aborted with 2 warnings in strict mode" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_a_link_leads_to_a_page_and_a_heading_that_are_there(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    headings = re.findall(r"^## (\w+)$", (DOCS / "runbooks.md").read_text(), re.MULTILINE)
    assert headings == list(alerts())
    assert alerts() == {name: f"docs/runbooks.md#{name.lower()}" for name in headings}


@pytest.mark.parametrize("alert", alerts())
def test_a_runbook_says_what_the_alert_means_and_what_to_do(alert: str) -> None:
    text = (DOCS / "runbooks.md").read_text().partition(f"## {alert}\n")[2].partition("\n## ")[0]
    assert text.startswith("**Means** ")
    assert len(text.strip().splitlines()) > 2


@pytest.mark.parametrize("figure", MEASURED)
def test_the_plan_for_many_cities_begins_with_figures_that_were_measured(figure: str) -> None:
    for page in ("scale.md", "benchmarks.md"):
        assert re.search(rf"(?<![\d,.]){re.escape(figure)}(?![\d,])", (DOCS / page).read_text()), page


def test_the_datas_attribution_stands_beside_the_licence() -> None:
    name = CITY_ATTRIBUTION.split(",")[0]
    for file in ("NOTICE", "README.md", "docs/index.md", "mkdocs.yml"):
        text = (PROJECT / file).read_text()
        assert name in text, file
        assert "CC BY 4.0" in text, file
