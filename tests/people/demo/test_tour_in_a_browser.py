"""Somebody new: chooses a role, takes the tour by keyboard, skips it, is not shown it again, and calls it back."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.serving import Hospitals

pytestmark = pytest.mark.once


def test_the_tour_is_walked_by_keys_skipped_and_remembered(hospitals: Hospitals, browser: Browser) -> None:
    served = hospitals.start(RIS_DEMO_LIVE="1")  # it stands still: it was started on ports that nobody named
    try:
        page = browser.new_context(base_url=served.url, viewport={"width": 1280, "height": 800}).new_page()
        page.goto("/login/")
        page.get_by_role("button", name="Radiologist Reads and signs").press("Enter")
        tour = page.get_by_role("complementary", name="Tour of the demo")
        expect(tour).to_contain_text("The reading list")
        expect(page.locator("#rows")).to_have_class("tour-spot")
        tour.get_by_role("link", name="Next").press("Enter")
        expect(tour).to_contain_text("The next case")
        page.reload()
        expect(tour).to_contain_text("2 of 5")
        tour.get_by_role("button", name="Back").press("Escape")
        expect(tour).to_be_hidden()
        page.goto("/results/")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(tour).to_be_hidden()
        page.get_by_role("button", name="Tour", exact=True).press("Enter")
        page.wait_for_url("**/reading/")
        expect(tour).to_contain_text("1 of 5")
    finally:
        served.kill()
