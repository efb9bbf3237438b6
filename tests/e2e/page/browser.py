"""The page in a real Chromium with a software renderer, and questions to what it has drawn."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

Scheme = Literal["light", "dark"]
Size = tuple[int, int]
DESKTOP: Size = (1280, 800)
PHONE: Size = (360, 740)
WAIT_MS = 60_000
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]

DRAWN_STATE = """(id) => {
    const { map, bays } = window.__melpark;
    const bay = bays.get(id);
    if (!bay) return null;
    const place = map.project([bay.longitude, bay.latitude]);
    const drawn = map.queryRenderedFeatures(place, { layers: ["bays", "bay-shapes"] });
    const found = drawn.find((feature) => feature.id === id);
    return found ? found.state.state : null;
}"""
LOOK_AT = """async (id) => {
    const { map, bays } = window.__melpark;
    const bay = bays.get(id);
    map.jumpTo({ center: [bay.longitude, bay.latitude], zoom: 19 });
    await map.once("idle");
}"""
DRAWN_COLOUR = """(id) => new Promise((resolve) => {
    const { map, bays } = window.__melpark;
    const bay = bays.get(id);
    map.once("render", () => {
        const canvas = map.getCanvas();
        const scale = canvas.width / canvas.clientWidth;
        const place = map.project([bay.longitude, bay.latitude]);
        const pixel = new Uint8Array(4);
        const gl = canvas.getContext("webgl2");
        gl.readPixels(place.x * scale, canvas.height - place.y * scale, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
        resolve([...pixel.slice(0, 3)]);
    });
    map.triggerRepaint();
})"""
PLACE = """(id) => {
    const { map, bays } = window.__melpark;
    const place = map.project([bays.get(id).longitude, bays.get(id).latitude]);
    const { left, top } = map.getContainer().getBoundingClientRect();
    return [left + place.x, top + place.y];
}"""
THEME_COLOUR = """(name) => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    canvas.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}"""


@dataclass
class OpenPage:
    """A page and what it asked for and complained of since it was opened."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def origins(self) -> set[str]:
        """Scheme, host and port of every request, data: and blob: left out, for they leave the browser not."""
        parts = [urlsplit(url) for url in self.requests if not url.startswith(("data:", "blob:"))]
        return {f"{part.scheme}://{part.netloc}" for part in parts}


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser of its own."""
    executable = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    assert executable, "the page's tests need a Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def new_page(
    browser: Browser, url: str, size: Size = DESKTOP, scheme: Scheme = "light", script: str | None = None
) -> OpenPage:
    """The page at `url` as somebody new sees it; `script` runs in it before its own."""
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce"
    )
    page.set_default_timeout(WAIT_MS)
    if script is not None:
        page.add_init_script(script)
    opened = OpenPage(page)
    page.on("request", lambda request: opened.requests.append(request.url))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on(
        "console",
        lambda message: opened.complaints.append(message.text) if _is_complaint(message) else None,
    )
    page.goto(url)
    return opened


def _is_complaint(message: ConsoleMessage) -> bool:
    """503 is no fault of the page: the server says by it what is off or not built yet, and the page shows that."""
    return message.type == "error" and "status of 503" not in message.text


@contextmanager
def open_page(
    url: str, size: Size = DESKTOP, scheme: Scheme = "light", script: str | None = None
) -> Iterator[OpenPage]:
    """The page at `url` in a fresh browser; `script` runs in it before its own."""
    with launched() as browser:
        yield new_page(browser, url, size, scheme, script)


def wait_until_drawn(page: Page, bays: int) -> None:
    """Until so many bays are on the map."""
    page.wait_for_selector(f'body[data-bays-drawn="{bays}"]', state="attached")


def wait_for_connection(page: Page, connection: Literal["connecting", "live", "reconnecting"]) -> None:
    page.wait_for_selector(f'body[data-connection="{connection}"]', state="attached")


def look_at(page: Page, kerbside_id: str) -> None:
    """Move the map close to a bay and wait until it is drawn there."""
    page.evaluate(LOOK_AT, kerbside_id)


def click_on(page: Page, kerbside_id: str) -> None:
    """Click where a bay is drawn."""
    x, y = page.evaluate(PLACE, kerbside_id)
    page.mouse.click(x, y)


def drawn_state(page: Page, kerbside_id: str) -> str | None:
    """free, taken or offline, as the bay is drawn now; None when it is not on the screen."""
    state: str | None = page.evaluate(DRAWN_STATE, kerbside_id)
    return state


def wait_for_drawn_state(page: Page, kerbside_id: str, state: str) -> None:
    page.wait_for_function(f"([id, state]) => ({DRAWN_STATE})(id) === state", arg=[kerbside_id, state])


def drawn_colour(page: Page, kerbside_id: str) -> tuple[int, ...]:
    """Red, green and blue (0 to 255) of the pixel in the middle of a bay that is looked at."""
    return tuple(page.evaluate(DRAWN_COLOUR, kerbside_id))


def theme_colour(page: Page, name: str) -> tuple[int, ...]:
    """Red, green and blue of a colour of the page's style sheet: free-fill, taken, land, ..."""
    return tuple(page.evaluate(THEME_COLOUR, name))


def shown(page: Page, selector: str) -> str:
    """The text that a person sees there."""
    text: Any = page.locator(selector).inner_text()
    return str(text)
