from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from ris.catalog.models import Device, Site
from ris.kernel.clock import now
from ris.orders import states
from ris.orders.intents import PerformedIntent
from ris.orders.services import start_exam
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import TESTER, SiteFactory, make_order, make_user
from worklist.models import ReadingItem, RuleSet, Shift, ShiftChange
from worklist.services import claim

from .conftest import client_of

STROKE = "rules:\n  - name: Stroke\n    when: {region: HEAD}\n    then: {class: critical, sla: 20}\n"


@pytest.fixture
def lead(site: Site) -> Client:
    return client_of(make_user("lee", Role.LEAD, sites=(site,), first_name="Lee", last_name="Test"))


def roster(lead: Client, reader: User) -> Shift:
    said = {"reader": reader.pk, "name": "Day", "start_time": "08:00", "end_time": "16:00", "kind": "in-house",
            "first_day": "2026-03-02", "zone": "America/Chicago", "days": ["MO", "TU"]}  # fmt: skip
    assert lead.post(reverse("worklist:shift-new"), said).status_code == 302
    return Shift.objects.get()


def test_a_shift_is_put_on_the_roster_changed_for_a_day_and_put_back(lead: Client, radiologist: User) -> None:
    shift = roster(lead, radiologist)
    assert shift.rrule == "FREQ=WEEKLY;BYDAY=MO,TU"
    where = reverse("worklist:shift-change", args=[shift.pk])
    assert lead.post(where, {"day": "2026-03-11", "kind": "off"}).status_code == 400, "a Wednesday"
    assert lead.post(where, {"day": "2026-03-10", "kind": "off"}).status_code == 302
    change = ShiftChange.objects.get()
    assert lead.post(reverse("worklist:shift-undo", args=[shift.pk, change.pk])).status_code == 302
    assert not ShiftChange.objects.exists()


def test_a_reader_calls_in_sick_and_changes_nothing_else(lead: Client, radiologist: User, site: Site) -> None:
    shift = roster(lead, radiologist)
    mine, where = client_of(radiologist), reverse("worklist:shift-change", args=[shift.pk])
    assert mine.post(where, {"day": "2026-03-09", "kind": "off"}).status_code == 403
    assert mine.post(where, {"day": "2026-03-09", "kind": "sick"}).status_code == 302
    assert mine.get(reverse("worklist:shift-new")).status_code == 403


def test_rules_are_read_aloud_kept_and_put_in_force(lead: Client) -> None:
    draft = reverse("worklist:rules-draft")
    aloud = lead.post(draft, {"yaml": STROKE, "do": "check"}).content.decode()
    assert "When region is HEAD, then the class is critical and it is due in 20 min." in aloud
    assert not RuleSet.objects.exists()
    wrong = lead.post(draft, {"yaml": STROKE.replace("region", "planet"), "do": "keep"})
    assert wrong.status_code == 400 and "no fact" in wrong.content.decode()
    lead.post(draft, {"yaml": STROKE, "do": "keep"})
    row = RuleSet.objects.get()
    lead.post(reverse("worklist:put-in-force", args=[row.pk]))
    row.refresh_from_db()
    assert row.state == RuleSet.LIVE


def test_a_case_explains_itself_also_as_of_a_past_moment(lead: Client, item: ReadingItem) -> None:
    where = reverse("worklist:explain", args=[item.pk])
    assert "presets only" in lead.get(where).content.decode()
    before = (item.opened_at - timedelta(days=1)).isoformat()
    assert "not on the list yet" in lead.get(where, {"at": before}).content.decode()
    assert lead.get(where, {"at": "soon"}).status_code == 400


def test_a_lead_hands_over_what_a_reader_holds_and_a_reader_only_their_own(
    lead: Client, radiologist: User, item: ReadingItem, site: Site
) -> None:
    claim(item.pk, reader=radiologist, actor=TESTER, at=now())
    other = make_user("radb", Role.RADIOLOGIST, sites=(site,))
    body = {"reader": radiologist.pk, "to": other.pk, "reason": "Gone home"}
    assert client_of(other).post(reverse("worklist:hand-over"), body).status_code == 403
    assert lead.post(reverse("worklist:hand-over"), body).status_code == 302
    item.refresh_from_db()
    assert item.reader == other


def test_the_coordinator_sees_who_holds_a_case_without_being_on_shift(
    lead: Client, radiologist: User, item: ReadingItem
) -> None:
    claim(item.pk, reader=radiologist, actor=TESTER, at=now())
    answer = lead.get(reverse("worklist:coordinator"))
    assert answer.status_code == 200
    shown = answer.content.decode()
    line = shown[shown.index(f'id="reader-{radiologist.pk}"') :].partition("</tr>")[0]
    assert "off shift" in line and f"/reading/{item.pk}/" in line


def test_why_a_patient_is_not_on_the_scanner_begins_with_whether_it_asked(site: Site) -> None:
    step = make_order(at=now()).procedures.get().steps.get()
    tech = client_of(make_user("tech", Role.TECHNOLOGIST, sites=(site,)))
    shown = tech.get(reverse("dicom:explain", args=[step.pk])).content.decode()
    assert "CT1 has not asked for its worklist" in shown


def test_an_exam_without_an_order_is_linked_and_unlinked_again(site: Site) -> None:
    at = now()
    order = make_order(at=at)
    step = order.procedures.get().steps.get()
    performed = start_exam(
        PerformedIntent(started_at=at, accession=order.accession, station_ae="CT1", modality="CT", study_uid="2.25.7"),
        actor=TESTER, at=at,
    )  # fmt: skip
    tech = client_of(make_user("tech", Role.TECHNOLOGIST, sites=(site,)))
    where = reverse("dicom:exam", args=[performed.pk])
    assert where in tech.get(reverse("dicom:exceptions")).content.decode()
    assert "same accession number" in tech.get(where).content.decode()
    tech.post(reverse("dicom:link", args=[performed.pk]), {"step": step.pk})
    assert step.reread().state == states.STARTED
    unlink = reverse("dicom:unlink", args=[performed.pk])
    assert tech.post(unlink).status_code == 400
    tech.post(unlink, {"reason": "Another patient"})
    assert step.reread().state == states.SCHEDULED


def test_devices_and_exams_of_a_foreign_site_are_not_there(site: Site) -> None:
    south = SiteFactory(code="south")
    step = make_order(site=south, at=now()).procedures.get().steps.get()
    performed = start_exam(
        PerformedIntent(started_at=now(), step_ids=(step.pk,), station_ae="CT_SOUTH", modality="CT"),
        actor=TESTER, at=now(),
    )  # fmt: skip
    tech = client_of(make_user("tech", Role.TECHNOLOGIST, sites=(site,)))
    device = Device.objects.get(ae_title="CT_SOUTH")
    assert tech.get(reverse("dicom:device", args=[device.pk])).status_code == 404
    assert tech.get(reverse("dicom:exam", args=[performed.pk])).status_code == 404
    assert tech.get(reverse("dicom:explain", args=[step.pk])).status_code == 404
