"""Passkey, lock and switch of user as people see them, in Chromium with a virtual authenticator (WebAuthn by CDP)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsing import log_in
from tests.serving import Hospitals, Served

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def served(hospitals: Hospitals) -> Iterator[Served]:
    served = hospitals.start()
    yield served
    served.kill()


def local(served: Served) -> str:
    """The address by host name: passkeys belong to a name, and only ``localhost`` may do without TLS."""
    return served.url.replace("127.0.0.1", "localhost")


def with_authenticator(page: Page) -> None:
    client = page.context.new_cdp_session(page)
    client.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
               "isUserVerified": True, "automaticPresenceSimulation": True}  # fmt: skip
    client.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def lock_by_hand(page: Page) -> None:
    page.locator("[data-lock-now]").click()
    expect(page.locator("#lock")).to_be_visible()


def unlock(page: Page, secret: str) -> None:
    page.get_by_label("Password or PIN").fill(secret)
    page.get_by_role("button", name="Unlock").click()


def test_a_passkey_is_made_unlocks_the_screen_and_logs_in_without_a_password(served: Served, browser: Browser) -> None:
    page = log_in(browser, local(served), "tech", served.passwords["tech"])
    with_authenticator(page)
    page.goto("/account/second-factor/webauthn/add/")
    page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", name="Recovery Codes")).to_be_visible()
    page.goto("/board/")
    lock_by_hand(page)
    page.locator("#lock [data-passkey]").click()
    expect(page.locator("#lock")).to_be_hidden()
    page.goto("/profile/")
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(lambda where: "/login" not in where)
    expect(page.locator(".who")).to_contain_text("Technologist · ", timeout=30_000)
    page.context.close()


def test_an_idle_screen_warns_locks_and_is_the_same_page_after_unlocking(served: Served, browser: Browser) -> None:
    page = log_in(browser, local(served), "scheduler", served.passwords["scheduler"])
    page.clock.install()
    page.goto("/orders/new/")
    page.evaluate(
        """window.events = [];
        for (const name of ["locked", "unlocked"])
          addEventListener("wetread:" + name, (event) => window.events.push([name, event.detail.user]));"""
    )
    page.evaluate("window.stayed = 'yes'")
    page.clock.fast_forward("14:10")
    expect(page.locator("#lock-warning")).to_be_visible()
    page.clock.fast_forward("00:55")
    expect(page.locator("#lock")).to_be_visible()
    assert "blur" in page.locator(".frame").evaluate("element => getComputedStyle(element).filter")
    assert page.title() == "Locked · Wetread"
    page.keyboard.press("Escape")
    expect(page.locator("#lock")).to_be_visible()
    assert (
        page.evaluate("fetch('/orders/', {headers: {Accept: 'application/json'}}).then((answer) => answer.status)")
        == 423
    )
    unlock(page, "no")
    expect(page.locator("#lock")).to_contain_text("The password is wrong.")
    unlock(page, served.passwords["scheduler"])
    expect(page.locator("#lock")).to_be_hidden()
    user = int(page.locator("body").get_attribute("data-user") or 0)
    assert page.evaluate("[window.stayed, window.events]") == ["yes", [["locked", user], ["unlocked", user]]]
    page.context.close()


def test_two_actions_switch_the_user_and_the_other_tab_goes_along(served: Served, browser: Browser) -> None:
    page = log_in(browser, local(served), "scheduler", served.passwords["scheduler"])
    page.goto("/orders/")
    other = page.context.new_page()
    other.goto("/orders/")
    lock_by_hand(page)
    expect(other.locator("#lock")).to_be_visible()
    # Somebody without a second factor: whoever has one is asked for it on a page of its own.
    page.get_by_role("button", name="Switch user").click()
    page.locator("#lock [data-login] [name=username]").fill("lead")
    page.locator("#lock [data-login] [name=password]").fill(served.passwords["lead"])
    page.locator("#lock [data-login]").get_by_role("button", name="Log in").click()
    expect(page.locator(".who")).to_contain_text("Lead", timeout=30_000)
    other.wait_for_url(lambda where: "/orders" not in where)
    expect(other.locator(".who")).to_contain_text("Lead", timeout=30_000)
    page.context.close()


def test_a_log_in_over_the_page_goes_on_where_it_was(served: Served, browser: Browser) -> None:
    page = log_in(browser, local(served), "radiologist", served.passwords["radiologist"])
    page.goto("/reading/?list=all")
    expect(page.locator("[data-live]")).to_have_attribute("data-state", "live", timeout=10_000)
    page.evaluate(
        "window.stayed = true; addEventListener('wetread:signed-in', (event) => { window.who = event.detail.user; })"
    )
    page.context.clear_cookies(name="sessionid")
    page.evaluate("fetch('/reading/', {headers: {Accept: 'application/json'}})")
    expect(page.locator("#lock")).to_contain_text("You were logged off")
    page.locator("#lock [data-login] [name=username]").fill("radiologist")
    page.locator("#lock [data-login] [name=password]").fill(served.passwords["radiologist"])
    page.locator("#lock [data-login]").get_by_role("button", name="Log in").click()
    expect(page.locator("#lock")).to_be_hidden()
    assert page.evaluate("[window.stayed, window.who]") == [
        True,
        int(page.locator("body").get_attribute("data-user") or 0),
    ]
    expect(page.locator("[data-live]")).to_have_attribute("data-state", "live", timeout=10_000)
    page.context.close()
