"""``.venv/bin/python -m tests.screens``: take the pictures in ``docs/screens/`` anew, of a demo hospital at work."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browsing import browser_running, log_in
from tests.serving import ROOT, Served, environment, free_port, ris

FOLDER = ROOT / "docs/screens"
COLOURS = 128
"""Of a picture: enough for type and flat colours, and a third of the size."""

NO_TOUR = """
document.getElementById("tour")?.remove();
document.querySelectorAll(".tour-spot").forEach((spot) => spot.classList.remove("tour-spot"));
"""
"""Pictures are of the pages, not of the demo's tour beside them."""


class Screen(NamedTuple):
    """A picture's name, who sees it, its address; a selector that is clicked first, a key that is pressed."""

    name: str
    user: str
    where: str
    click: str = ""
    key: str = ""


SCREENS = (
    Screen("reading-list", "radiologist", "/reading/"),
    Screen("reading-room", "radiologist", "/reading/", key="n"),
    Screen("results", "radiologist", "/results/"),
    Screen("coordinator", "lead", "/coordinator/"),
    Screen("rules", "lead", "/rules/"),
    Screen("critical", "lead", "/critical/"),
    Screen("device-board", "tech", "/board/"),
    Screen("calendar", "scheduler", "/calendar/"),
    Screen("orders", "scheduler", "/orders/"),
    Screen("referrer", "referrer", "/results/mine/"),
    Screen("messages", "analyst", "/messages/"),
    Screen("message", "analyst", "/messages/", click="#rows a, tbody a, main table a"),
    Screen("audit", "privacy", "/audit/"),
)
ON_THE_PHONE = {"device-board", "calendar"}
VIEWS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("light", {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}}),
    ("dark", {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}}),
    ("wide", {"color_scheme": "light", "viewport": {"width": 1920, "height": 1080}}),
    ("phone", {"color_scheme": "light", "viewport": {"width": 390, "height": 844}}),
)


def main() -> None:
    """Take every picture; ``names`` given as arguments: only those."""
    wanted = set(sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder, browser_running() as browser:
        served = _start(Path(folder))
        try:
            for name, picture in _pictures(browser, served, wanted):
                picture.save(FOLDER / f"{name}.png", optimize=True)
                sys.stdout.write(f"{name}\n")
        finally:
            served.kill()


def _start(folder: Path) -> Served:
    # The demo's senders have to know the port before it is there.
    env = environment(folder, RIS_DEMO_LIVE="1", RIS_MLLP=f"127.0.0.1:{free_port()}")
    done = ris(env, "prepare", timeout=300)
    assert done.returncode == 0, done.stderr
    served = Served(env)
    served.start()
    return served


def _pictures(browser: Browser, served: Served, wanted: set[str]) -> Iterator[tuple[str, Image.Image]]:
    for user in dict.fromkeys(screen.user for screen in SCREENS):
        first = log_in(browser, served.url, user, served.passwords[user])
        state = first.context.storage_state()
        first.context.close()
        for view, options in VIEWS:
            context = browser.new_context(base_url=served.url, storage_state=state, **options)
            page = context.new_page()
            for screen in SCREENS:
                left_out = screen.user != user or (wanted and screen.name not in wanted)
                if not left_out and (view != "phone" or screen.name in ON_THE_PHONE):
                    yield f"{screen.name}-{view}", _take(page, screen)
            context.close()


def _take(page: Page, screen: Screen) -> Image.Image:
    page.goto(screen.where)
    page.wait_for_load_state("load")
    if screen.click:
        page.locator(screen.click).first.click()
    if screen.key:
        page.wait_for_load_state("networkidle")  # keys are listened to
        page.keyboard.press(screen.key)
        page.wait_for_url(lambda address: not address.endswith(screen.where))
    page.wait_for_load_state("load")
    page.wait_for_timeout(1500)  # lists and bells that a page asks for by itself
    page.evaluate(NO_TOUR)
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLOURS)


if __name__ == "__main__":
    main()
