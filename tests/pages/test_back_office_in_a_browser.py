"""The back office in a real browser, under the content policy that every page has."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.browsing import log_in
from tests.serving import Served


def test_an_administrator_adds_a_device_and_the_browser_complains_of_nothing(serve: Served, browser: Browser) -> None:
    page = log_in(browser, serve.url, "admin", serve.passwords["admin"])
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.get_by_role("link", name="Set-up").click()
    expect(page.locator("#content")).to_contain_text("What the house is made of")
    page.goto("/admin/catalog/device/add/")
    page.select_option("select[name=site]", index=1)
    for name, value in (("ae_title", "ZZCT9"), ("name", "ZZ CT 9"), ("modality", "CT")):
        page.fill(f"input[name={name}]", value)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("was added successfully")
    page.goto("/admin/worklist/shift/")
    page.locator("#result_list tbody a").first.click()
    expect(page.locator(".selector").first).to_be_visible()
    assert complaints == []
