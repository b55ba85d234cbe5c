"""axe-core finds nothing serious or critical on any screen, in either theme (WCAG 2.2 AA)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.journeys import road
from tests.serving import Hospitals, Served

pytestmark = pytest.mark.once

AXE = (Path(__file__).parent / "vendor/axe/axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCREENS = {
    "radiologist": ["/reading/?list=all", "/reading/?list=parked", "/reading/{held}/", "/results/", "/profile/"],
    "lead": [
        "/reading/{item}/", "/reading/{item}/explain/", "/coordinator/", "/results/undelivered/", "/coverage/",
        "/roster/", "/roster/new/", "/roster/1/", "/rules/", "/rules/draft/", "/prefetch/", "/workitems/",
    ],
    "tech": ["/board/", "/board/1/explain/", "/orders/", "/orders/1/", "/devices/", "/devices/1/"],
    "scheduler": [
        "/orders/new/", "/orders/new/for/1/", "/patients/1/", "/exceptions/", "/calendar/", "/calendar/?view=week",
        "/calendar/?view=list", "/calendar/waiting/", "/calendar/closures/", "/calendar/steps/1/times/",
    ],
    "admin": ["/smart/apps"],
    "analyst": [
        "/messages/", "/messages/?way=out", "/messages/in/1/", "/messages/in/1/edit/", "/messages/peers/",
        "/messages/peers/1/", "/messages/replays/", "/messages/to/1/", "/reports-out/", "/alarms/", "/subscriptions/",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def served(hospitals: Hospitals) -> Iterator[Served]:
    served = hospitals.start()
    yield served
    served.kill()


@pytest.fixture(scope="module")
def ids(served: Served) -> dict[str, int]:
    """Two cases, one of which the radiologist holds."""
    found = []
    for number in ("DEMO-3001", "DEMO-3002"):
        road.place(served, number)
        road.scanner(served).complete(road.begin_exam(served, number))
        found.append(road.item_of(served, road.accession_of(served, number)))
    status, _ = served.api("radiologist", f"/api/worklist/{found[1]}/claim/", {})
    assert status == 200
    return {"item": found[0], "held": found[1]}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("user", list(SCREENS))
def test_no_screen_shuts_anybody_out(
    user: str, theme: str, served: Served, ids: dict[str, int], browser: Browser
) -> None:
    page = open_as(user, theme, served, browser)
    found: list[str] = []
    for screen in SCREENS[user]:
        page.goto(screen.format(**ids))
        page.wait_for_timeout(300)
        page.keyboard.press("j")
        page.wait_for_timeout(300)
        found += findings(page)
    page.context.close()
    assert not found, "\n".join(found)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_neither_does_the_door(theme: str, served: Served, browser: Browser) -> None:
    context = browser.new_context(base_url=served.url, color_scheme=theme, bypass_csp=True)  # type: ignore[arg-type]
    page = context.new_page()
    for screen in ("/login/", "/nothing-here/"):
        page.goto(screen)
        assert findings(page) == []
    context.close()


def open_as(user: str, theme: Any, served: Served, browser: Browser) -> Page:
    """CSP is bypassed for axe alone, which is put in from outside."""
    viewport = {"width": 1440, "height": 900}
    context = browser.new_context(base_url=served.url, color_scheme=theme, viewport=viewport, bypass_csp=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/login/")
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", served.passwords[user])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda where: "/login" not in where)
    return page


def findings(page: Page) -> list[str]:
    """What is serious or critical, one line each."""
    page.evaluate(AXE)
    options = {"resultTypes": ["violations"], "runOnly": TAGS}
    result = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{page.url}: {violation['id']} ({violation['impact']}) at {node['target']}"
        for violation in result["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
