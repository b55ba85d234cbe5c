"""The screens as people use them: two browsers, a hand that types, a line that breaks, keys and themes."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.browsing import log_in
from tests.journeys import road
from tests.serving import Hospitals, Served


@pytest.fixture(scope="module")
def served(hospitals: Hospitals) -> Iterator[Served]:
    served = hospitals.start()
    yield served
    served.kill()


@pytest.fixture(scope="module")
def case(served: Served) -> int:
    return new_case(served, "DEMO-2001")


def new_case(served: Served, placer_number: str) -> int:
    """A CT that was ordered and done: the id of its reading item."""
    road.place(served, placer_number)
    road.scanner(served).complete(road.begin_exam(served, placer_number))
    return road.item_of(served, road.accession_of(served, placer_number))


def reader(served: Served, browser: Browser, name: str = "radiologist") -> Page:
    page = log_in(browser, served.url, name, served.passwords[name])
    page.wait_for_load_state("networkidle")
    return page


def choose(page: Page, item_id: int) -> None:
    """Choose the case's row (its middle is a link) and wait for what is known of it."""
    page.locator(f"#item-{item_id} td").first.click()
    expect(page.locator("#peek")).to_contain_text("Readable since")


def release_all(page: Page) -> None:
    """Give back whatever this reader holds, so that the next test may claim."""
    page.goto("/reading/?list=mine")
    held = page.locator("#rows tr[data-group='1']", has_text="You")
    while held.count():
        row = page.locator(f"#{held.first.get_attribute('id')}")
        row.locator("td").first.click()
        page.get_by_role("button", name="Release").click()
        expect(row.and_(page.locator("[data-group='1']"))).to_have_count(0, timeout=5_000)


def test_a_claim_in_one_browser_is_seen_in_the_other(served: Served, browser: Browser, case: int) -> None:
    one, two = reader(served, browser), reader(served, browser, "lead")
    for page in (one, two):
        page.goto("/reading/?list=all")
        expect(page.locator("[data-live]")).to_have_attribute("data-state", "live")
    choose(one, case)
    one.keyboard.press("c")
    one.wait_for_url(f"**/reading/{case}/")
    expect(two.locator(f"#item-{case}")).to_contain_text("Robin Demo-Reader", timeout=5_000)
    choose(two, case)
    expect(two.get_by_role("button", name="Take over")).to_be_visible()
    one.get_by_role("button", name="Release").click()
    expect(two.locator(f"#item-{case}")).to_have_attribute("data-held", "", timeout=5_000)


def test_a_killed_browser_loses_no_more_than_three_seconds(served: Served, browser: Browser, case: int) -> None:
    page = reader(served, browser)
    page.goto(f"/reading/{case}/")
    page.keyboard.press("c")
    page.wait_for_selector("#findings")
    page.locator("#findings").press_sequentially("Lungs are clear. ", delay=5)
    expect(page.locator("#saved")).to_have_attribute("data-state", "saved", timeout=3_000)
    page.locator("#findings").press_sequentially("No effusion.", delay=5)
    page.wait_for_timeout(3_000)
    page.context.close()
    again = reader(served, browser)
    again.goto(f"/reading/{case}/")
    expect(again.locator("#findings")).to_have_value("Lungs are clear. No effusion.")
    release_all(again)


def test_a_case_that_is_taken_over_closes_the_page_and_keeps_its_words(
    served: Served, browser: Browser, case: int
) -> None:
    one, two = reader(served, browser), reader(served, browser, "lead")
    one.goto(f"/reading/{case}/")
    one.keyboard.press("c")
    one.fill("#impression", "Mine so far.")
    expect(one.locator("#saved")).to_have_attribute("data-state", "saved", timeout=4_000)
    two.goto(f"/reading/{case}/")
    two.keyboard.press("t")
    two.fill("#ask-text", "Shift ends")
    two.get_by_role("button", name="Take over", exact=True).last.click()
    expect(one.locator("#lost")).to_contain_text("taken this case over", timeout=5_000)
    assert one.locator("#impression").input_value() == "Mine so far.", "nothing is drawn over what was typed"
    expect(two.locator("#impression")).to_have_value("Mine so far.")
    release_all(two)


@pytest.mark.once
def test_a_report_is_signed_by_keys_with_a_reason_where_a_check_speaks(served: Served, browser: Browser) -> None:
    item = new_case(served, "DEMO-2002")
    page = reader(served, browser)
    page.goto(f"/reading/{item}/")
    page.keyboard.press("c")
    page.wait_for_selector("#findings")
    page.keyboard.press("F4")
    page.keyboard.type("Normal.")
    page.uncheck("#then-next")
    page.keyboard.press("F4")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#remarks")).to_contain_text("There is no impression")
    page.keyboard.type("Said in the findings")
    page.keyboard.press("Enter")
    page.wait_for_url("**/reading/")
    expect(page.locator("#toasts")).to_contain_text("Signed")
    release_all(page)  # an exam of the same visit came along


@pytest.mark.once
def test_the_room_at_1280_is_one_bar_and_its_keys_work_while_one_types(served: Served, browser: Browser) -> None:
    item = new_case(served, "DEMO-2004")
    page = reader(served, browser)
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"/reading/{item}/")
    page.keyboard.press("c")
    page.wait_for_selector("#findings")
    assert page.evaluate("document.querySelector('.rail').offsetWidth") <= 60, "the menu is folded to icons"
    assert page.evaluate("document.querySelector('.topbar').offsetHeight") <= 50, "one line"
    sign, preliminary = page.get_by_role("button", name="Sign"), page.get_by_role("button", name="Preliminary")
    page.evaluate("document.body.dispatchEvent(new CustomEvent('toast', {detail: {text: 'Something was said.'}}))")
    toast, bar = page.locator(".toast").bounding_box(), page.locator(".signbar").bounding_box()
    where, beside = sign.bounding_box(), preliminary.bounding_box()
    assert toast and bar and where and beside
    assert toast["y"] + toast["height"] <= bar["y"], "no message lies over the sign bar"
    assert abs(where["y"] - beside["y"]) < 2, "the sign bar does not wrap"
    page.keyboard.type("Normal. ")
    page.keyboard.press("Alt+p")
    expect(page.locator("#ask")).to_contain_text("What does this case wait for?")
    page.keyboard.type("Outside images")
    page.keyboard.press("Enter")
    page.wait_for_url("**/reading/")
    page.goto("/reading/?list=parked")
    expect(page.locator(f"#item-{item}")).to_contain_text("until")
    release_all(page)  # an exam of the same patient came along


def test_the_list_says_within_ten_seconds_that_it_is_stale_and_reads_again(
    served: Served, browser: Browser, case: int
) -> None:
    page = reader(served, browser)
    page.goto("/reading/?list=all")
    badge = page.locator("[data-live]")
    expect(badge).to_have_attribute("data-state", "live")
    server = served.processes[0].popen
    server.send_signal(signal.SIGSTOP)  # nothing closes the socket: only the silence shows it
    try:
        expect(badge).to_contain_text("Stale since", timeout=10_000)
    finally:
        server.send_signal(signal.SIGCONT)
    with page.expect_response(lambda answer: "/reading/rows/" in answer.url and "ids=" not in answer.url):
        expect(badge).to_have_attribute("data-state", "live", timeout=20_000)


@pytest.mark.once
def test_the_list_is_walked_and_explained_by_keys(served: Served, browser: Browser, case: int) -> None:
    page = reader(served, browser)
    page.goto("/reading/?list=all")
    page.wait_for_load_state("networkidle")
    expect(page.locator("[data-live]")).to_have_attribute("data-state", "live")
    page.keyboard.press("j")
    expect(page.locator("#rows tr[data-chosen]")).to_be_focused()
    expect(page.locator("#peek")).to_contain_text("Why it stands here")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_contain_text("Next case")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("roster")
    expect(page.locator("#go-to-found [aria-selected=true]")).to_contain_text("Roster")
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 1280, "height": 800})
    assert page.evaluate("document.querySelector('td.c-exam').offsetWidth") >= 220, "the exam is read at 1280 px"
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.type("nobody is called so")
    expect(page.locator("#rows tr:visible")).to_have_count(0)
    expect(page.locator("#none-found")).to_contain_text("Nothing here matches")
    page.keyboard.press("Escape")
    expect(page.locator("#rows tr:visible")).not_to_have_count(0)
    page.locator("#rows tr td").first.click()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/reading/\d+/"))


@pytest.mark.once
def test_a_key_can_be_changed_and_all_can_be_switched_off(served: Served, browser: Browser) -> None:
    page = reader(served, browser)
    page.goto("/profile/")
    page.get_by_label("Next case: the server chooses: key").press("q")
    page.goto("/reading/?list=mine")
    page.keyboard.press("?")
    expect(page.locator("#keys .keylist")).to_contain_text("Q")
    page.goto("/profile/")
    page.check("#keys-off")
    page.goto("/reading/?list=all")
    page.keyboard.press("j")
    expect(page.locator("#rows tr[data-chosen]")).to_have_count(0)


@pytest.mark.once
def test_a_technologist_moves_a_card_by_single_keys_and_undoes_it(served: Served, browser: Browser) -> None:
    road.place(served, "DEMO-2003")
    page = reader(served, browser, "tech")
    page.goto("/board/")
    card = page.locator(".stepcard.scheduled", has_text="DEMO").first
    card.click()
    expect(page.locator("#peek")).to_contain_text("Ask before it begins")
    which = card.get_attribute("id")
    page.keyboard.press("a")
    expect(page.locator(f"#{which}")).to_contain_text("Arrived", timeout=3_000)
    page.keyboard.press("z")
    expect(page.locator(f"#{which}")).to_contain_text("Scheduled", timeout=3_000)


@pytest.mark.once
def test_the_theme_is_the_users_and_no_script_or_style_is_refused(served: Served, browser: Browser) -> None:
    page = reader(served, browser, "scheduler")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    for where in ("/orders/", "/orders/new/", "/board/", "/profile/", "/devices/", "/exceptions/"):
        page.goto(where)
        page.wait_for_timeout(200)
    page.locator("[data-theme-url]").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.wait_for_timeout(300)
    page.goto("/orders/")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert said == []


@pytest.mark.once
def test_nobody_who_is_logged_in_has_their_page_reloaded(served: Served, browser: Browser) -> None:
    """A line is closed as signed out when the session's key changes, too: by a log-in elsewhere, a new password."""
    page = reader(served, browser)
    lines: list[WebSocketRoute] = []

    def answer(line: WebSocketRoute) -> None:
        lines.append(line)
        line.close(code=4401) if len(lines) == 1 else line.connect_to_server()

    page.route_web_socket("**/ws/worklist/", answer)
    page.goto("/reading/?list=all")
    page.evaluate("window.stayed = true")
    expect(page.locator("[data-live]")).to_have_attribute("data-state", "live", timeout=5_000)
    assert page.evaluate("window.stayed")
    assert len(lines) == 2

    page.context.clear_cookies()
    lines[-1].close(code=4401)
    expect(page.locator("#lock")).to_contain_text("You were logged off", timeout=5_000)
    assert page.evaluate("window.stayed"), "what was typed is still on the page"
