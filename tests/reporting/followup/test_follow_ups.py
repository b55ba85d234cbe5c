"""A recommendation from the draft to its end: signed, matched to a later exam, overdue, closed; and who may see it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from reporting import services
from reporting.followup.matching import decide_match
from reporting.followup.reminders import climb_follow_up_rungs, send_reminders
from reporting.followup.selectors import closed_share, listed_follow_ups
from reporting.followup.services import close_follow_up
from reporting.models import FollowUp, FollowUpMatch, TextDraft
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.models import Alarm
from ris.kernel.relay import deliver_owed
from ris.orders.models import Order
from ris.orders.services import cancel_order
from ris.patients.services import merge_patients
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, TESTER, PatientFactory, SiteFactory, make_order, make_user, perform
from tests.reporting.critical.loops import SECRET
from tests.reporting.written import by
from tests.worklist.reading import make_item, make_reader
from worklist import services as worklist
from worklist.models import ReadingItem

pytestmark = pytest.mark.django_db

SENTENCE = "Follow-up CT of the head in 3 months is recommended."
IMPRESSION = {"findings": "A nodule.", "impression": f"1. A nodule. {SENTENCE}"}
LATEST = date(2026, 6, 10)


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def drafted(reader: User, patient: Any = None) -> ReadingItem:
    item = make_item(patient=patient or PatientFactory(family_name=SECRET))
    worklist.claim(item.pk, **by(reader))
    services.save_draft(item.pk, revision=0, sections=IMPRESSION, **by(reader))
    return item


def accept(item: ReadingItem, reader: User, **changes: str) -> FollowUp:
    given = {"kind": "exam", "what": "CT Head", "modality": "CT", "region": "HEAD", "earliest": "2026-06-10",
             "latest": "2026-06-10", "owner": "referrer", "source": "text", "quote": SENTENCE}  # fmt: skip
    answer = browser_of(reader).post(f"/reading/{item.pk}/follow-ups/", given | changes)
    assert answer.status_code == 200, answer.content
    return FollowUp.objects.order_by("-pk")[0]


def recommended(reader: User, patient: Any = None, **changes: str) -> FollowUp:
    """A signed report that recommends a CT of the head in three months."""
    item = drafted(reader, patient)
    row = accept(item, reader, **changes)
    services.sign(item.pk, revision=1, **by(reader))
    deliver_owed(at=NOON + timedelta(minutes=1))
    row.refresh_from_db()
    return row


def later_exam(patient: Any, *, at: datetime = NOON + timedelta(days=92)) -> Order:
    order = make_order(patient=patient, at=at)
    deliver_owed(at=at)
    return order


def test_the_impression_offers_and_the_reader_accepts_edits_or_rejects() -> None:
    reader = make_reader()
    item, client = drafted(reader), browser_of(make_reader("zzother"))
    card = browser_of(reader).get(f"/reading/{item.pk}/follow-ups/").content.decode()
    assert SENTENCE in card and 'value="2026-06-10"' in card and "Accept" in card
    other = client.get(f"/reading/{item.pk}/follow-ups/").content.decode()
    assert SENTENCE in other and "Accept" not in other, "who does not hold the case is offered no button"
    row = accept(item, reader)
    assert (row.state, row.latest, row.source) == ("drafted", LATEST, "text")
    card = browser_of(reader).get(f"/reading/{item.pk}/follow-ups/").content.decode()
    assert "Accept" not in card and "part of the draft" in card, "what was taken is not offered again"
    edited = accept(item, reader, follow_up=str(row.pk), what="MR Head", modality="MR", source="form")
    assert (edited.pk, edited.what) == (row.pk, "MR Head")
    assert browser_of(reader).post(f"/reading/{item.pk}/follow-ups/{row.pk}/remove/").status_code == 200
    assert client.post(f"/reading/{item.pk}/follow-ups/", {"what": "x"}).status_code == 403, (
        "who does not hold the case"
    )
    for wrong in (
        {"what": " "},
        {"latest": "soon"},
        {"earliest": "2026-09-01", "latest": "2026-08-01"},
        {"owner": "x"},
    ):
        sent = {"what": "CT"} | wrong
        assert browser_of(reader).post(f"/reading/{item.pk}/follow-ups/", sent).status_code == 400
    services.save_draft(item.pk, revision=1, sections={"impression": "Annual MRI of the brain is recommended."},
                        **by(reader))  # fmt: skip
    browser_of(reader).post(
        f"/reading/{item.pk}/follow-ups/reject/", {"quote": "Annual MRI of the brain is recommended."}
    )
    assert "Accept" not in browser_of(reader).get(f"/reading/{item.pk}/follow-ups/").content.decode()


def test_half_typed_words_of_the_form_come_back_and_sent_ones_do_not() -> None:
    reader = make_reader()
    item, client = drafted(reader), browser_of(reader)
    client.post(f"/reading/{item.pk}/text/note/", {"version": "0", "what": "CT che"})
    assert client.get(f"/reading/{item.pk}/text/note/").json()["fields"]["what"] == "CT che"
    accept(item, reader, source="form", quote="")
    assert not TextDraft.objects.filter(kind="note", closed_at=None).exists()


def test_a_later_exam_is_proposed_confirmed_and_done_when_it_is_done() -> None:
    reader, patient = make_reader(), PatientFactory(family_name=SECRET)
    row = recommended(reader, patient)
    assert row.state == "recommended" and row.next_rung_at is not None
    later_exam(PatientFactory())
    early = later_exam(patient, at=NOON + timedelta(days=20))
    assert not FollowUpMatch.objects.exists(), "another's exam, and one long before its time"
    order = later_exam(patient)
    (match,) = FollowUpMatch.objects.all()
    assert match.procedure.order_id == order.pk != early.pk
    stranger = make_reader("zzsouth", sites=(SiteFactory(code="south"),))
    with pytest.raises(NotFound):
        decide_match(match.pk, keep=True, by=stranger, actor=TESTER, at=NOON)
    client = browser_of(reader)
    assert "This is it" in client.get("/follow-ups/?show=proposed").content.decode()
    assert client.post(f"/follow-ups/matches/{match.pk}/", {"keep": "1"}).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.procedure_id) == ("ordered", match.procedure_id)
    with pytest.raises(Conflict):
        decide_match(match.pk, keep=False, by=reader, actor=TESTER, at=NOON)
    perform(match.procedure, at=NOON + timedelta(days=92))
    deliver_owed(at=NOON + timedelta(days=93))
    row.refresh_from_db()
    assert (row.state, row.next_rung_at) == ("done", None)


def test_a_cancelled_order_opens_it_again() -> None:
    reader, patient = make_reader(), PatientFactory()
    row = recommended(reader, patient)
    order = later_exam(patient)
    decide_match(FollowUpMatch.objects.get().pk, keep=True, by=reader, actor=TESTER, at=NOON)
    cancel_order(order.pk, reason="Twice", actor=TESTER, at=NOON + timedelta(days=93))
    deliver_owed(at=NOON + timedelta(days=94))
    row.refresh_from_db()
    assert (row.state, row.procedure_id) == ("recommended", None)
    assert row.next_rung_at is not None and row.next_rung_at.date() == LATEST + timedelta(days=1)


def test_after_a_merge_the_exam_of_the_other_record_is_found() -> None:
    reader, patient, double = make_reader(), PatientFactory(), PatientFactory()
    recommended(reader, patient)
    later_exam(double)
    assert not FollowUpMatch.objects.exists()
    merge_patients(survivor_id=double.pk, retired_id=patient.pk, actor=TESTER, at=NOON)
    deliver_owed(at=NOON + timedelta(days=100))
    assert FollowUpMatch.objects.count() == 1


def test_corrected_and_retracted_reports_take_their_recommendations_back() -> None:
    reader = make_reader()
    row, typed = recommended(reader), None
    item = row.report.item
    typed = accept(item, reader, quote="", source="form", what="Colonoscopy", kind="procedure", modality="", region="")
    assert typed.state == "recommended", "into a signed report it stands at once"
    services.correct(
        row.report_id, revision=1, sections={"impression": "1. A nodule, benign."}, reason="Reread", **by(reader)
    )
    states = dict(FollowUp.objects.values_list("what", "state"))
    assert states == {"CT Head": "withdrawn", "Colonoscopy": "recommended"}, "what was typed is not undone by a text"
    boss = make_user("zzboss", Role.LEAD, sites=(item.site,))
    services.retract(row.report_id, cause="wrong patient", reason="Mixed up", **by(boss))
    assert set(FollowUp.objects.values_list("state", flat=True)) == {"withdrawn"}


def test_who_owns_it_is_reminded_then_who_signed_then_the_leads() -> None:
    reader = make_reader()
    owner = make_user("zzreferrer", Role.REFERRER, sites=(SiteFactory(),), email="zz@hospital.test")
    row = recommended(reader)
    Order.objects.filter(pk=row.report.procedure.order_id).update(referrer=owner)
    due = datetime.combine(LATEST + timedelta(days=1), datetime.min.time(), NOON.tzinfo) + timedelta(hours=5)
    for days, rung, mails, bells in ((-1, 0, 0, 0), (1, 1, 1, 1), (1, 1, 1, 1), (15, 2, 1, 1), (31, 3, 1, 1)):
        climb_follow_up_rungs(due + timedelta(days=days))
        send_reminders(at=due + timedelta(days=days))
        row.refresh_from_db()
        bell = browser_of(owner).get("/bell/").content.decode().count("Follow-up overdue")
        assert (row.rung, len(mail.outbox), bell) == (rung, mails, bells), days
    assert "Follow-up overdue" in browser_of(reader).get("/bell/").content.decode()
    words = mail.outbox[0].subject + mail.outbox[0].body
    assert SECRET not in words and row.report.item.accession not in words
    assert f"/follow-ups/?only={row.pk}" in words
    page = browser_of(owner).get(f"/follow-ups/?only={row.pk}").content.decode()
    assert SECRET in page, "who ordered sees their own"
    alarm = Alarm.objects.get(kind="follow-up-overdue")
    assert alarm.cleared_at is None and SECRET not in alarm.detail
    with pytest.raises(Invalid):
        close_follow_up(row.pk, reason="bored", note="", by=reader, actor=TESTER, at=NOON)
    sent = {"close_reason": "elsewhere", "note": "Ward 3"}
    assert browser_of(owner).post(f"/follow-ups/{row.pk}/close/", sent).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.close_reason, row.closed_by) == ("closed", "elsewhere", owner)
    assert not Alarm.objects.filter(kind="follow-up-overdue", cleared_at=None).exists()
    assert "Follow-up overdue" not in browser_of(owner).get("/bell/").content.decode()
    with pytest.raises(Conflict):
        close_follow_up(row.pk, reason="lost", note="", by=reader, actor=TESTER, at=NOON)


def test_lists_and_shares_are_of_ones_own_sites() -> None:
    reader = make_reader()
    first, second, third = (recommended(reader) for _ in range(3))
    boss = make_user("zzlead", Role.LEAD, sites=(first.report.item.site,))
    south = make_user("zzsouth", Role.LEAD, sites=(SiteFactory(code="south"),))
    other = make_user("zzreferrer", Role.REFERRER, sites=(first.report.item.site,))
    at = NOON + timedelta(days=140)  # 38 days after the last day
    close_follow_up(first.pk, reason="not needed", note="", by=boss, actor=TESTER, at=NOON + timedelta(days=100))
    close_follow_up(second.pk, reason="lost", note="", by=boss, actor=TESTER, at=at)
    (row,) = closed_share(boss, at=at)
    assert (row.month, row.recommended, row.closed, row.waiting, row.in_time, row.due, row.percent) == (
        "2026-06", 3, 2, 1, 1, 3, 33,
    )  # fmt: skip
    (row,) = closed_share(boss, at=NOON + timedelta(days=110))
    assert (row.in_time, row.due) == (1, 1), "who still has time is not counted"
    assert [row.pk for row in listed_follow_ups(boss, at=at)] == [third.pk]
    for nobody in (south, other):
        assert not listed_follow_ups(nobody, at=at, show="all").exists() and closed_share(nobody, at=at) == []
        assert SECRET not in browser_of(nobody).get("/follow-ups/?show=all").content.decode()
        assert browser_of(nobody).get("/api/follow-ups/").json()["results"] == []
    rows = browser_of(boss).get("/api/follow-ups/?state=recommended").json()["results"]
    assert [row["id"] for row in rows] == [third.pk]
    done = browser_of(boss).post(f"/api/follow-ups/{third.pk}/close/", {"reason": "declined"},
                                 content_type="application/json")  # fmt: skip
    assert done.json()["state"] == "closed"
