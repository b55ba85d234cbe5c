"""What is typed comes back to who typed it, whatever ends meanwhile: tab, server, session, claim."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsing import log_in
from tests.journeys import road
from tests.serving import Hospitals, Served

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def served(hospitals: Hospitals) -> Iterator[Served]:
    served = hospitals.start()
    yield served
    served.kill()


def new_case(served: Served, placer_number: str) -> int:
    road.place(served, placer_number)
    road.scanner(served).complete(road.begin_exam(served, placer_number))
    return road.item_of(served, road.accession_of(served, placer_number))


def opened(served: Served, browser: Browser, item: int, name: str = "radiologist") -> Page:
    """The room in a window of that reader's own, with the case claimed or taken over."""
    page = log_in(browser, served.url, name, served.passwords[name])
    page.goto(f"/reading/{item}/")
    page.keyboard.press("c")
    page.wait_for_selector("#findings")
    return page


def log_in_again(page: Page, served: Served, name: str) -> None:
    """In another window of the same browser; then back to the first."""
    other = page.context.new_page()
    other.goto("/login/")
    other.fill("input[name=username]", name)
    other.fill("input[name=password]", served.passwords[name])
    other.get_by_role("button", name="Log in").click()
    other.wait_for_url(lambda where: "/login" not in where)
    other.close()
    page.evaluate("window.dispatchEvent(new Event('focus'))")


def report_of(served: Served, item: int) -> Any:
    """The draft as the database has it."""
    return served.api("radiologist", f"/api/worklist/{item}/report/")[1]


def is_saved(page: Page, seconds: float = 8) -> None:
    expect(page.locator("#saved")).to_have_attribute("data-state", "saved", timeout=seconds * 1000)


def release(served: Served, item: int, name: str = "radiologist") -> None:
    served.api(name, f"/api/worklist/{item}/release/", {"reason": "test"})


def test_a_session_that_ends_while_typing_loses_nothing(served: Served, browser: Browser) -> None:
    item = new_case(served, "WORDS-1")
    page = opened(served, browser, item)
    page.locator("#findings").fill("Saved before.")
    is_saved(page)
    page.context.clear_cookies()
    page.locator("#findings").fill("Saved before. Typed after the session ended.")
    expect(page.locator("#lost")).to_contain_text("You were logged off", timeout=8_000)
    page.evaluate("window.stayed = true")
    log_in_again(page, served, "radiologist")
    is_saved(page)
    assert report_of(served, item)["findings"] == "Saved before. Typed after the session ended."
    assert page.evaluate("window.stayed"), "the page was not loaded anew"
    # A log-in elsewhere changes the CSRF token, too: the first window goes on all the same.
    page.context.clear_cookies()
    log_in_again(page, served, "radiologist")
    page.locator("#impression").fill("After a second log-in.")
    is_saved(page)
    assert report_of(served, item)["impression"] == "After a second log-in."
    release(served, item)


def test_another_person_in_the_same_browser_never_sees_the_words(served: Served, browser: Browser) -> None:
    item = new_case(served, "WORDS-2")
    page = opened(served, browser, item)
    page.route("**/draft/", lambda route: route.abort())
    page.locator("#findings").fill("ZZSECRET of the first reader.")
    expect(page.locator("#saved")).to_contain_text("Kept in this browser", timeout=8_000)
    page.unroute("**/draft/")
    page.context.clear_cookies()
    log_in_again(page, served, "lead")
    # The page notices whose session it is, and is loaded anew as theirs.
    expect(page.get_by_role("button", name="Take over")).to_be_visible(timeout=8_000)
    assert "ZZSECRET" not in page.content()
    kept = page.evaluate(
        """async () => { const db = await new Promise((done) => { const r = indexedDB.open("wetread", 1);
        r.onsuccess = () => done(r.result); }); return new Promise((done) => {
        const r = db.transaction("words").objectStore("words").getAll();
        r.onsuccess = () => done(r.result.map((row) => new TextDecoder().decode(row.sealed)
        + JSON.stringify(row.words))); }); }"""
    )
    assert kept and not any("ZZSECRET" in words for words in kept), "the next person cannot read what stays"
    page.context.clear_cookies()
    log_in_again(page, served, "radiologist")
    page.goto(f"/reading/{item}/")
    expect(page.locator("#findings")).to_have_value("ZZSECRET of the first reader.", timeout=8_000)
    is_saved(page)
    assert report_of(served, item)["findings"] == "ZZSECRET of the first reader."
    release(served, item)


def test_words_of_a_killed_tab_come_back_and_two_windows_never_overwrite(served: Served, browser: Browser) -> None:
    item = new_case(served, "WORDS-3")
    page = opened(served, browser, item)
    page.locator("#impression").fill("Saved.")
    is_saved(page)
    page.route("**/draft/", lambda route: route.abort())
    page.locator("#findings").fill("Typed a moment before the tab died.")
    page.wait_for_timeout(150)
    context = page.context
    page.close()
    one = context.new_page()
    one.goto(f"/reading/{item}/")
    expect(one.locator("#findings")).to_have_value("Typed a moment before the tab died.", timeout=8_000)
    is_saved(one)
    two = context.new_page()
    two.goto(f"/reading/{item}/")
    one.locator("#findings").fill("From the first window.")
    is_saved(one)
    one.wait_for_timeout(1_200)
    two.locator("#findings").fill("From the second window.")
    dialog = two.locator("#two-texts")
    expect(dialog).to_contain_text("Changed in another window", timeout=8_000)
    assert report_of(served, item)["findings"] == "From the first window."
    expect(dialog.locator("del")).to_have_text("first")
    expect(dialog.locator("ins")).to_have_text("second")
    dialog.get_by_role("button", name="Keep what is here").click()
    is_saved(two)
    assert report_of(served, item)["findings"] == "From the second window."
    expect(two.locator("#beside")).to_contain_text("From the first window.", timeout=8_000)
    release(served, item)


def test_a_killed_server_loses_nothing(served: Served, browser: Browser) -> None:
    item = new_case(served, "WORDS-4")
    page = opened(served, browser, item)
    page.locator("#findings").fill("Before.")
    is_saved(page)
    served.kill()
    page.locator("#findings").fill("Before. Typed while the server was dead.")
    expect(page.locator("#saved")).to_contain_text("Kept in this browser", timeout=8_000)
    served.start()
    is_saved(page, seconds=20)
    assert report_of(served, item)["findings"] == "Before. Typed while the server was dead."
    release(served, item)


def test_anothers_draft_is_marked_decided_on_and_signed_in_both_names_once(served: Served, browser: Browser) -> None:
    item = new_case(served, "WORDS-5")
    one = opened(served, browser, item)
    one.locator("#findings").fill("No bleeding.")
    is_saved(one)
    release(served, item)
    two = opened(served, browser, item, "lead")
    note = two.locator("#handover")
    expect(note).to_contain_text("began this draft")
    two.locator("#impression").fill("Normal.")
    is_saved(two)
    two.uncheck("#then-next")
    two.keyboard.press("Control+Enter")
    expect(two.locator("#toasts")).to_contain_text("Keep the words, or set them aside", timeout=8_000)
    assert report_of(served, item)["state"] == "draft"
    note.get_by_role("button", name="What changed since").click()
    expect(note.locator("ins")).to_have_text("Normal.")
    note.get_by_role("button", name="Keep the words").click()
    expect(note).to_be_hidden()
    two.locator("[data-release=sign]").dblclick()
    two.wait_for_url("**/reading/")
    report = report_of(served, item)
    versions = served.api("lead", f"/api/reports/{report['id']}/versions/")[1]
    assert [(row["kind"], row["impression"]) for row in versions] == [("final", "Normal.")]
    assert [other["name"] for other in versions[0]["contributors"]] == ["Robin Demo-Reader, MD"]
    two.goto(f"/results/{report['id']}/")
    expect(two.locator("main")).to_contain_text("with words of Robin Demo-Reader")


def test_a_take_over_keeps_the_last_words_beside_the_draft(served: Served, browser: Browser) -> None:
    item = new_case(served, "WORDS-6")
    one = opened(served, browser, item)
    one.locator("#findings").fill("Saved in time.")
    is_saved(one)
    one.route("**/draft/", lambda route: route.abort())
    one.locator("#findings").fill("Saved in time. Typed in the last three seconds.")
    two = log_in(browser, served.url, "lead", served.passwords["lead"])
    two.goto(f"/reading/{item}/")
    two.keyboard.press("t")
    two.fill("#ask-text", "Shift ends")
    two.get_by_role("button", name="Take over", exact=True).last.click()
    expect(one.locator("#lost")).to_contain_text("kept beside it", timeout=10_000)
    expect(two.locator("#findings")).to_have_value("Saved in time.")
    expect(two.locator("#beside")).to_contain_text("Typed in the last three seconds.", timeout=10_000)
    expect(two.locator("#beside")).to_contain_text("Last words of Robin Demo-Reader")
    two.locator("#beside").get_by_role("button", name="Put aside").click()
    expect(two.locator("#beside")).not_to_contain_text("last three seconds")
    release(served, item, "lead")


def test_an_addendum_survives_its_session_and_is_signed(served: Served, browser: Browser) -> None:
    item = new_case(served, "WORDS-7")
    page = opened(served, browser, item)
    page.locator("#findings").fill("Clear.")
    page.locator("#impression").fill("Normal.")
    is_saved(page)
    page.uncheck("#then-next")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/reading/")
    page.goto(f"/reading/{item}/")
    page.locator("#addendum").fill("Compared with an outside exam.")
    expect(page.locator("[data-text-kind=addendum] [data-text-state]")).to_contain_text("Saved", timeout=8_000)
    page.context.clear_cookies()
    page.locator("#addendum").fill("Compared with an outside exam of last year.")
    expect(page.locator("[data-text-kind=addendum] [data-text-state]")).to_contain_text("Logged off", timeout=8_000)
    page.close()
    again = log_in(browser, served.url, "lead", served.passwords["lead"])
    again.goto(f"/reading/{item}/")
    expect(again.locator("#addendum")).to_have_value("")
    own = log_in(browser, served.url, "radiologist", served.passwords["radiologist"])
    own.goto(f"/reading/{item}/")
    expect(own.locator("#addendum")).to_have_value("Compared with an outside exam.", timeout=8_000)
    own.get_by_role("button", name="Sign the addendum").click()
    expect(own.locator(".sheet").first).to_contain_text("Compared with an outside exam.", timeout=8_000)
    assert served.api("radiologist", f"/api/texts/?item={item}")[1]["results"] == []
    versions = served.api("radiologist", f"/api/reports/{report_of(served, item)['id']}/versions/")[1]
    assert versions[-1]["addendum"] == "Compared with an outside exam."
