"""A CT order comes in by HL7; a signed report is in the EMR's hands. Every part through its real door."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, Page, expect
from websockets.sync.client import ClientConnection, connect

from tests.browsing import log_in
from tests.serving import Hospitals, Served, wait_for

from . import road

FINDINGS = "No hemorrhage. Ventricles of normal size."
IMPRESSION = "No acute intracranial abnormality."


@pytest.fixture(scope="module")
def emr() -> road.Emr:
    with road.listening_emr() as emr:
        yield emr


@pytest.fixture(scope="module")
def served(hospitals: Hospitals, emr: road.Emr) -> Served:
    served = hospitals.start(RIS_EMR=emr.address)
    yield served
    served.kill()


def live_line(served: Served, page: Page) -> ClientConnection:
    """A websocket of the page's user, opened as the page opens it."""
    cookies = "; ".join(f"{c['name']}={c['value']}" for c in page.context.cookies())
    where = f"ws://{served.http[0]}:{served.http[1]}/ws/worklist/"
    return connect(where, origin=served.url, additional_headers={"Cookie": cookies})  # type: ignore[arg-type]


def hears(line: ClientConnection, item_id: int) -> None:
    """The line says that the item changed, within a second of being asked for it."""

    def heard() -> bool:
        return item_id in json.loads(line.recv(timeout=20))["ids"]

    wait_for(heard, seconds=20, what=f"the live line says that item {item_id} changed")


def test_an_order_becomes_a_report(served: Served, emr: road.Emr, browser: Browser) -> None:
    radiologist = log_in(browser, served.url, "radiologist", served.passwords["radiologist"])
    lead = log_in(browser, served.url, "lead", served.passwords["lead"])
    radiologist.goto("/reading/?list=all")
    lead.goto("/reading/?list=all")

    road.place(served, "DEMO-1001")
    assert "DEMO-HERON^ALVA" in (seen := road.ask_worklist(served)) and "DEMO-1001" in seen

    with live_line(served, lead) as line:
        road.scanner(served).complete(road.begin_exam(served, "DEMO-1001"))
        assert "DEMO-1001" not in road.ask_worklist(served), "what is done is off the scanner's list"
        accession = road.accession_of(served, "DEMO-1001")
        item_id = road.item_of(served, accession)
        hears(line, item_id)
        for page in (radiologist, lead):
            expect(page.locator(f"#item-{item_id}")).to_contain_text("DEMO-HERON, ALVA", timeout=10_000)

        radiologist.keyboard.press("n")
        radiologist.wait_for_url(f"**/reading/{item_id}/")
        hears(line, item_id)
        expect(lead.locator(f"#item-{item_id}")).to_contain_text("Robin Demo-Reader", timeout=10_000)

    radiologist.fill("#findings", FINDINGS)
    radiologist.fill("#impression", IMPRESSION)
    expect(radiologist.locator("#saved")).to_have_attribute("data-state", "saved", timeout=10_000)
    radiologist.click("[data-release=sign]")
    radiologist.wait_for_url(lambda where: f"/reading/{item_id}/" not in where)

    (result,) = wait_for(lambda: emr.results(accession), seconds=30, what="the EMR has the result")
    assert road.field(result, "MSH", 8).startswith("ORU^R01")
    assert road.field(result, "OBR", 25) == "F"
    assert "DEMO10001" in road.field(result, "PID", 3)
    assert FINDINGS in result and IMPRESSION in result
    expect(lead.locator(f"#item-{item_id}")).to_have_count(0, timeout=10_000)


def test_the_analyst_sees_both_messages_and_what_they_did(served: Served, browser: Browser) -> None:
    analyst = log_in(browser, served.url, "analyst", served.passwords["analyst"])
    analyst.goto("/messages/")
    analyst.get_by_role("link", name="ORM^O01").click()
    expect(analyst.locator("main")).to_contain_text("AA")
    expect(analyst.locator("main")).to_contain_text("DEMO-1001")
    analyst.goto("/messages/?way=out")
    row = analyst.locator("[data-row]")
    expect(row).to_contain_text("EMR")
    expect(row).to_contain_text("AA")
    row.get_by_role("link").click()
    expect(analyst.locator("main")).to_contain_text(IMPRESSION)


def test_a_preliminary_of_the_resident_is_signed_by_the_radiologist_and_added_to(served: Served, emr: road.Emr) -> None:
    road.place(served, "DEMO-1002")
    road.scanner(served).complete(road.begin_exam(served, "DEMO-1002"))
    accession = road.accession_of(served, "DEMO-1002")
    item_id = road.item_of(served, accession)
    report = f"/api/worklist/{item_id}/report/"
    sections = {"findings": FINDINGS, "impression": IMPRESSION}

    def call(user: str, path: str, body: object, method: str = "") -> dict[str, object]:
        status, answer = served.api(user, path, body, method=method)
        assert status in (200, 201), (path, status, answer)
        return dict(answer)

    call("resident", f"/api/worklist/{item_id}/claim/", {})
    draft = call("resident", report, {"revision": 0, **sections}, "PUT")
    call("resident", f"{report}preliminary/", {"revision": draft["revision"]})
    call("radiologist", f"/api/worklist/{item_id}/claim/", {})
    signed = call("radiologist", report, {"revision": draft["revision"], **sections}, "PUT")
    call("radiologist", f"{report}sign/", {"revision": signed["revision"]})
    call("radiologist", f"/api/reports/{signed['id']}/addendum/", {"text": "Compared with the outside CT: no change."})

    results = wait_for(lambda: len(r := emr.results(accession)) == 3 and r, seconds=30, what="three results")
    assert [road.field(r, "OBR", 25) for r in results] == ["P", "F", "C"] or [
        road.field(r, "OBR", 25) for r in results
    ] == ["P", "F", "A"]
    assert "no change" in results[2]
