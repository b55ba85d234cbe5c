"""The calendar as a scheduler uses it: by keys, by drag, by form; and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from ris.kernel.clock import now
from tests.browsing import log_in
from tests.journeys import road
from tests.serving import Hospitals, Served

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def served(hospitals: Hospitals) -> Iterator[Served]:
    served = hospitals.start()
    yield served
    served.kill()


def tomorrow(hour: int, minute: int = 0) -> datetime:
    day = now().astimezone(ZoneInfo("America/Chicago")) + timedelta(days=1)
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0)


def book(served: Served, number: str, start: datetime) -> int:
    """The step of an order of the EMR, to which the scheduler gives this time on CT1."""
    road.place(served, number)
    orders = served.api("scheduler", f"/api/orders/?accession={road.accession_of(served, number)}")[1]["results"]
    step = orders[0]["procedures"][0]["steps"][0]
    said = {"start": start.isoformat(), "device": step["device"], "confirmed": True}
    status, answer = served.api("scheduler", f"/api/steps/{step['id']}/reschedule/", said)
    assert status == 200, answer
    return int(step["id"])


def step_of(served: Served, pk: int) -> dict[str, Any]:
    row: dict[str, Any] = served.api("scheduler", f"/api/steps/{pk}/")[1]
    return row | {"start": datetime.fromisoformat(row["start"])}


def test_an_appointment_is_moved_by_keys_and_by_drag(served: Served, browser: Browser) -> None:
    first, second = book(served, "DEMO-3001", tomorrow(9)), book(served, "DEMO-3002", tomorrow(11))
    page = log_in(browser, served.url, "scheduler", served.passwords["scheduler"])
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(f"/calendar/?site=1&day={tomorrow(9):%Y-%m-%d}")
    move_by_keys(page, first)
    expect(page.locator("#calendar-says")).to_contain_text("Moved to 09:15")
    assert step_of(served, first)["start"] == tomorrow(9, 15)
    drag(page, second, first)
    expect(page.locator("#refused")).to_contain_text("CT1 is taken")
    page.get_by_role("button", name="Book it all the same").click()
    expect(page.locator("#calendar-says")).to_contain_text("Moved to")
    moved = step_of(served, second)
    assert moved["overbooked"] == "STAT" and moved["start"] < tomorrow(10)
    assert not [text for text in errors if "409" not in text], errors
    page.set_viewport_size({"width": 390, "height": 844})
    page.reload()
    expect(page.locator(".agenda")).to_be_visible()
    expect(page.locator("#calendar")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.context.close()


def move_by_keys(page: Page, step: int) -> None:
    page.locator(f".ec-event[data-step='{step}']").press("Enter")
    page.get_by_role("button", name="Move with the arrow keys").press("Enter")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#calendar-says")).to_contain_text("09:15")
    page.keyboard.press("Enter")


def drag(page: Page, step: int, onto: int) -> None:
    for pk in (step, onto):  # what was moved is drawn anew
        expect(page.locator(f".ec-event[data-step='{pk}']")).to_be_visible()
    box, target = (page.locator(f".ec-event[data-step='{pk}']").bounding_box() for pk in (step, onto))
    assert box and target
    page.mouse.move(box["x"] + 20, box["y"] + 6)
    page.mouse.down()
    page.mouse.move(box["x"] + 24, box["y"] - 20, steps=4)
    page.mouse.move(target["x"] + 20, target["y"] + 10, steps=8)
    page.mouse.up()
