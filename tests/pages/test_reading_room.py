from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from reporting.models import Report, ReportVersion
from ris.audit.models import AuditEvent
from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.orders.models import Order
from ris.patients.models import Visit
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import TESTER, make_user
from worklist.models import ReadingItem
from worklist.services import claim
from worklist.states import FINAL, PRELIMINARY

from .conftest import client_of, open_case

GOOD = {"findings": "Nothing new.", "impression": "Normal."}


@pytest.fixture
def mine(radiologist: User, item: ReadingItem) -> Client:
    claim(item.pk, reader=radiologist, actor=TESTER, at=now())
    return client_of(radiologist, Accept="application/json")


def save(client: Client, item: ReadingItem, revision: int, **sections: str) -> Any:
    return client.post(reverse("reporting:draft", args=[item.pk]), {"revision": revision, **(sections or GOOD)})


def test_what_is_typed_is_kept_and_its_revision_grows(mine: Client, item: ReadingItem) -> None:
    assert save(mine, item, 0).json()["revision"] == 1
    assert save(mine, item, 1, findings="More.").json()["revision"] == 2
    assert Report.objects.get().findings == "More." and Report.objects.get().impression == "Normal."


def test_a_second_window_does_not_overwrite_the_first(mine: Client, item: ReadingItem) -> None:
    save(mine, item, 0)
    save(mine, item, 1, findings="From the first window.")
    answer = save(mine, item, 1, findings="From the second.")
    assert answer.status_code == 409 and answer.json()["code"] == "stale-draft"
    assert Report.objects.get().findings == "From the first window."


def test_who_does_not_hold_the_case_cannot_write(item: ReadingItem, mine: Client, site: Site) -> None:
    other = client_of(make_user("radb", Role.RADIOLOGIST, sites=(site,)), Accept="application/json")
    answer = save(other, item, 0)
    assert answer.status_code == 409 and answer.json()["code"] == "not-held"
    room = other.get(reverse("reporting:room", args=[item.pk]), headers={"Accept": "text/html"}).content.decode()
    assert 'id="editor"' not in room and "Take over" in room


def test_signing_finishes_the_case_and_brings_the_next_one(mine: Client, item: ReadingItem, site: Site) -> None:
    following = open_case(site, priority="STAT")
    save(mine, item, 0)
    answer = mine.post(reverse("reporting:sign", args=[item.pk]), {"revision": 1, "next": "1"})
    assert answer.json()["url"] == reverse("reporting:room", args=[following.pk])
    assert item.reread().state == FINAL


def test_a_linked_exam_is_shown_and_comes_next(item: ReadingItem, radiologist: User, site: Site) -> None:
    linked, urgent = open_case(site), open_case(site, priority="STAT")
    patient, orders = item.procedure.order.patient, [item.procedure.order_id, linked.procedure.order_id]
    visit = Visit.objects.create(patient=patient, site=site, number="V1", patient_class="E")
    Order.objects.filter(pk__in=orders).update(patient=patient, visit=visit)
    claim(item.pk, reader=radiologist, actor=TESTER, at=now())
    client = client_of(radiologist, Accept="application/json")
    room = client.get(reverse("reporting:room", args=[item.pk]), headers={"Accept": "text/html"}).content.decode()
    there = reverse("reporting:room", args=[linked.pk])
    assert "Linked, and yours too" in room and there in room
    save(client, item, 0)
    answer = client.post(reverse("reporting:sign", args=[item.pk]), {"revision": 1, "next": "1"})
    assert answer.json()["url"] == there
    assert urgent.reread().reader_id is None, "what is held goes before what is not"


def test_a_check_that_speaks_wants_a_reason_which_is_kept(mine: Client, item: ReadingItem) -> None:
    save(mine, item, 0, findings="The [ ] is normal.")
    answer = mine.post(reverse("reporting:sign", args=[item.pk]), {"revision": 1})
    assert answer.status_code == 422
    said = [remark["check"] for remark in answer.json()["remarks"]]
    assert said == ["unfilled field", "impression missing"]
    overrides = '{"unfilled field": "a quotation", "impression missing": "in the findings"}'
    answer = mine.post(reverse("reporting:sign", args=[item.pk]), {"revision": 1, "overrides": overrides})
    assert answer.status_code == 200
    kept = dict(ReportVersion.objects.get().overrides.values_list("check_name", "reason"))
    assert kept == {"unfilled field": "a quotation", "impression missing": "in the findings"}


def test_an_older_draft_is_refused_before_its_checks_are_asked_about(mine: Client, item: ReadingItem) -> None:
    save(mine, item, 0, findings="The [ ] is normal.")
    save(mine, item, 1, findings="The [ ] is large.")
    answer = mine.post(reverse("reporting:sign", args=[item.pk]), {"revision": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "stale-draft")
    assert mine.post(reverse("reporting:sign", args=[item.pk]), {"revision": 2}).status_code == 422


def test_a_resident_releases_as_preliminary_and_cannot_sign(item: ReadingItem, site: Site) -> None:
    resident = make_user("res", Role.RESIDENT, sites=(site,))
    claim(item.pk, reader=resident, actor=TESTER, at=now())
    client = client_of(resident, Accept="application/json")
    save(client, item, 0)
    assert client.post(reverse("reporting:sign", args=[item.pk]), {"revision": 1}).status_code == 403
    assert client.post(reverse("reporting:preliminary", args=[item.pk]), {"revision": 1}).status_code == 200
    assert item.reread().state == PRELIMINARY


def test_a_final_report_is_only_added_to(mine: Client, item: ReadingItem, radiologist: User) -> None:
    save(mine, item, 0)
    mine.post(reverse("reporting:sign", args=[item.pk]), {"revision": 1})
    report = Report.objects.get()
    mine.post(reverse("reporting:addendum", args=[report.pk]), {"text": "Seen again: unchanged."})
    room = client_of(radiologist).get(reverse("reporting:room", args=[item.pk])).content.decode()
    assert "Seen again: unchanged." in room and "Nothing new." in room and 'id="editor"' not in room


def test_hostile_text_stays_text(mine: Client, item: ReadingItem, radiologist: User) -> None:
    save(mine, item, 0, findings="</textarea><script>alert(1)</script>", impression="<img src=x>")
    room = client_of(radiologist).get(reverse("reporting:room", args=[item.pk])).content.decode()
    assert "<script>alert" not in room and "<img src=x>" not in room


def test_opening_a_case_and_a_prior_is_audited_with_the_patient(
    mine: Client, item: ReadingItem, radiologist: User
) -> None:
    save(mine, item, 0)
    mine.post(reverse("reporting:sign", args=[item.pk]), {"revision": 1})
    client_of(radiologist).get(reverse("reporting:prior", args=[Report.objects.get().pk]))
    seen = AuditEvent.objects.filter(user=radiologist, action="report.view").get()
    assert seen.patient_id == item.procedure.order.patient_id


def test_a_referrer_sees_the_results_of_their_own_orders_only(mine: Client, item: ReadingItem, site: Site) -> None:
    save(mine, item, 0)
    mine.post(reverse("reporting:sign", args=[item.pk]), {"revision": 1})
    referrer = make_user("ref", Role.REFERRER, sites=(site,))
    report = Report.objects.get()
    assert client_of(referrer).get(reverse("reporting:result", args=[report.pk])).status_code == 404
    order = item.procedure.order
    order.referrer = referrer
    order.save()
    shown = client_of(referrer).get(reverse("reporting:result", args=[report.pk])).content.decode()
    assert "Normal." in shown and "Unchanged since it was signed" in shown


def signed_report(mine: Client, item: ReadingItem) -> Report:
    save(mine, item, 0)
    mine.post(reverse("reporting:sign", args=[item.pk]), {"revision": 1})
    return Report.objects.get()


def test_a_correction_is_typed_checked_signed_and_shown_with_every_earlier_version(
    mine: Client, item: ReadingItem, radiologist: User
) -> None:
    report, browser = signed_report(mine, item), client_of(radiologist)
    url = reverse("reporting:correct", args=[report.pk])
    assert "Nothing new." in browser.get(url).content.decode()
    typed = {"revision": 1, "findings": "A bleed.\r\nRight.", "impression": "", "reason": "Wrong side"}
    refused = browser.post(url, typed)
    page = refused.content.decode()
    assert refused.status_code == 400
    assert "There is no impression." in page and "A bleed." in page and "Wrong side" in page
    done = browser.post(url, typed | {"override:impression missing": "in the findings"}, follow=True)
    page = done.content.decode()
    assert "Takes the place of what was signed before: Wrong side" in page
    assert "Version 1" in page and "Nothing new." in page
    assert ReportVersion.objects.get(kind="corrected").findings == "A bleed.\nRight."


def test_who_corrects_an_older_text_keeps_what_was_typed(mine: Client, item: ReadingItem, radiologist: User) -> None:
    report, browser = signed_report(mine, item), client_of(radiologist)
    url = reverse("reporting:correct", args=[report.pk])
    browser.post(url, {"revision": 1, "impression": "Other.", "reason": "Wrong side"})
    late = browser.post(url, {"revision": 1, "impression": "Typed in the other window.", "reason": "Wrong side"})
    assert late.status_code == 409
    assert "Typed in the other window." in late.content.decode()


def test_a_colleague_is_not_offered_the_correction_and_cannot_make_it(
    mine: Client, item: ReadingItem, site: Site
) -> None:
    report = signed_report(mine, item)
    colleague = client_of(make_user("colleague", Role.RADIOLOGIST, sites=(site,)))
    url = reverse("reporting:correct", args=[report.pk])
    assert url not in colleague.get(reverse("reporting:result", args=[report.pk])).content.decode()
    assert colleague.get(url).status_code == 403
    assert colleague.post(url, {"revision": 1, "impression": "Mine.", "reason": "x"}).status_code == 403


def test_a_critical_finding_is_saved_with_the_draft_and_shown_with_the_report(
    mine: Client, item: ReadingItem, radiologist: User
) -> None:
    save(mine, item, 0, **GOOD, critical_level="red", critical_finding="Acute <b>bleed</b>")
    refused = mine.post(reverse("reporting:draft", args=[item.pk]), {"revision": 1, "critical_level": "mauve"})
    assert refused.status_code == 400
    mine.post(reverse("reporting:sign", args=[item.pk]), {"revision": 1})
    page = client_of(radiologist).get(reverse("reporting:result", args=[Report.objects.get().pk])).content.decode()
    assert "Critical finding, red:" in page and "Acute &lt;b&gt;bleed" in page


def test_the_report_can_be_taken_away_as_pdf(mine: Client, item: ReadingItem, radiologist: User) -> None:
    report = signed_report(mine, item)
    answer = client_of(radiologist).get(reverse("reporting:pdf", args=[report.pk]))
    assert (answer["Content-Type"], answer.content[:5]) == ("application/pdf", b"%PDF-")
    assert AuditEvent.objects.filter(action="report.view", subject_id=str(report.pk)).exists()


def test_what_a_signer_says_of_a_preliminary_is_for_those_who_read(item: ReadingItem, site: Site) -> None:
    resident = make_user("res", Role.RESIDENT, sites=(site,))
    signer = make_user("att", Role.RADIOLOGIST, sites=(site,))
    claim(item.pk, reader=resident, actor=TESTER, at=now())
    first, second = client_of(resident, Accept="application/json"), client_of(signer, Accept="application/json")
    save(first, item, 0)
    first.post(reverse("reporting:preliminary", args=[item.pk]), {"revision": 1})
    claim(item.pk, reader=signer, actor=TESTER, at=now())
    assert "Not compared" in second.get(reverse("reporting:room", args=[item.pk])).content.decode()
    said = {"revision": 1, "agreement": "minor", "agreement_note": "Missed a cyst."}
    assert second.post(reverse("reporting:sign", args=[item.pk]), said).status_code == 200
    url = reverse("reporting:result", args=[Report.objects.get().pk])
    assert "Missed a cyst." in second.get(url).content.decode()
    referrer = make_user("ref", Role.REFERRER, sites=(site,))
    item.procedure.order.referrer = referrer
    item.procedure.order.save()
    page = client_of(referrer).get(url).content.decode()
    assert "Missed a cyst." not in page and "Nothing new." in page
