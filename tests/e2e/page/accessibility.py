"""What axe finds wrong with a page by WCAG 2.2, level AA."""

from functools import cache
from typing import Any

from playwright.sync_api import Page

from melpark.places import WEB

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# The one that asks for colours.
CONTRAST = ["color-contrast"]
RUN = """async (rules) => {
    const found = await axe.run(document, { runOnly: rules, resultTypes: ["violations"] });
    return found.violations.map(({ id, help, nodes }) => [id, help, nodes.slice(0, 3).map((node) => node.html)]);
}"""

OTHER = {"melpark": "safe", "safe": "melpark"}
TELL = "(palette) => { document.documentElement.dataset.palette = palette; }"


@cache
def _axe() -> str:
    return (WEB / "node_modules" / "axe-core" / "axe.min.js").read_text()


def violations(page: Page, rules: list[str] = RULES) -> list[Any]:
    """Each with its rule, what is asked for, and the first elements that break it."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_axe())
    found: list[Any] = page.evaluate(RUN, rules)
    return found


def too_faint_in_the_other_palette(page: Page) -> list[Any]:
    """What cannot be read for want of contrast when the style sheet is told of the other palette."""
    shown = page.locator("html").get_attribute("data-palette") or ""
    page.evaluate(TELL, OTHER[shown])
    found = violations(page, CONTRAST)
    page.evaluate(TELL, shown)
    return found
