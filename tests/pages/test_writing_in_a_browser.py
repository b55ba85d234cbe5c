"""A report written by keyboard alone: normal report, fields by Tab, a macro, and what became stale."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsing import log_in
from tests.pages.test_in_a_browser import new_case
from tests.serving import Served

pytestmark = pytest.mark.once


def selected(page: Page) -> str:
    """The selected words of the text that has the focus."""
    words = page.evaluate(
        "() => { const a = document.activeElement; return a.value.slice(a.selectionStart, a.selectionEnd) }"
    )
    return str(words)


def test_a_report_is_written_by_keyboard_alone(serve: Served, browser: Browser) -> None:
    item_id = new_case(serve, "DEMO-2601")
    lead = log_in(browser, serve.url, "lead", serve.passwords["lead"])
    lead.goto("/templates/new/")
    lead.fill("#title", "Everything")
    lead.fill("#findings", "Size [size] mm, [texture=smooth|rough].")
    lead.fill("#impression", "[impression=Normal.]")
    lead.keyboard.press("Control+Enter")
    lead.wait_for_url("**/templates/1/")
    page = log_in(browser, serve.url, "radiologist", serve.passwords["radiologist"])
    page.goto("/macros/")
    page.fill("#trigger", "ncl")
    page.fill("#body", "No change in {months:number} months.")
    page.get_by_role("button", name="Save").click()
    page.goto(f"/reading/{item_id}/")
    page.keyboard.press("c")
    page.wait_for_selector("#editor")
    page.wait_for_selector("#writing-template option:nth-child(2)", state="attached")
    assert "Everything: for every exam" in page.locator("#writing [data-why]").inner_text()
    page.locator("#findings").focus()
    page.keyboard.press("F7")
    expect(page.locator("#impression")).to_have_value("Normal.")
    assert page.input_value("#findings") == "Size [size ____] mm, smooth."
    assert selected(page) == "[size ____]"
    page.keyboard.type("7")
    page.keyboard.press("Control+End")
    page.keyboard.type(" .ncl")
    page.keyboard.press("Tab")
    expect(page.locator("#findings")).to_have_value("Size 7 mm, smooth. No change in [months ____] months.")
    assert selected(page) == "[months ____]"
    page.keyboard.type("6")
    assert page.input_value("#findings") == "Size 7 mm, smooth. No change in 6 months."
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "impression"
    expect(page.locator("#saved")).to_have_attribute("data-state", "saved")
    page.reload()
    assert page.input_value("#findings").startswith("Size 7 mm, smooth. No change in")
