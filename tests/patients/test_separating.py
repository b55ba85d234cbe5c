"""A merge can be undone: what it moved goes back, what came since stays for a person to decide."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from ris.audit.models import AuditEvent
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.models import Record
from ris.kernel.relay import deliver_owed
from ris.orders.services import give_order
from ris.patients.intents import PatientIntent, VisitIntent
from ris.patients.models import Identifier, Merge, Patient
from ris.patients.selectors import find_patient
from ris.patients.services import (
    give_visit,
    merge_patients,
    note_separation,
    record_visit,
    resolve_patient,
    unmerge_patients,
)
from ris.people.roles import Role
from tests.factories import NOON, TESTER, make_order, make_user, perform
from tests.racing import race
from worklist.models import Conflict as ReaderConflict
from worklist.models import ReadingItem

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(minutes=30)
WHO: dict[str, Any] = {"actor": TESTER, "at": LATER}
WHY = {"reason": "two people after all"}


def say(number: str, **said: Any) -> Patient:
    intent = PatientIntent(identifiers=((number, "NORTH", "MR"),), message_at=NOON, **said)
    return resolve_patient(intent, actor=TESTER, at=NOON, authoritative=True)


def visit(patient: Patient, number: str, site_id: int) -> Any:
    intent = VisitIntent(number=number, authority="NORTH", site_id=site_id, message_at=NOON)
    return record_visit(patient.pk, intent, actor=TESTER, at=NOON)


def settle() -> None:
    for _ in range(4):
        deliver_owed(at=now() + timedelta(minutes=1))


@pytest.fixture
def merged() -> SimpleNamespace:
    """OLD, with an order and a visit, was merged into NEW; then one more of each came."""
    keep, old = say("NEW", family_name="ZZTEST-KEPT"), say("OLD", family_name="ZZTEST-OLD")
    before, own = make_order(patient=old), make_order(patient=keep)
    moved = visit(old, "V1", before.site_id)
    merge_patients(keep.pk, old.pk, actor=TESTER, at=NOON)
    settle()
    since = make_order(patient=keep, at=NOON + timedelta(minutes=5))
    return SimpleNamespace(
        keep=keep, old=old, before=before, own=own, moved=moved, since=since, came=visit(keep, "V2", before.site_id),
        merge=Merge.objects.get(),
    )  # fmt: skip


def test_what_moved_goes_back_and_what_came_since_stays_and_is_listed(merged: SimpleNamespace) -> None:
    unmerge_patients(merged.merge.pk, **WHY, **WHO)
    settle()
    owners = [merged.before.reread().patient, merged.own.reread().patient, merged.since.reread().patient]
    assert owners == [merged.old, merged.keep, merged.keep]
    for row in (merged.moved, merged.came, merged.merge, merged.old):
        row.refresh_from_db()
    assert (merged.moved.patient, merged.came.patient) == (merged.old, merged.keep)
    assert merged.merge.since == {"Order": [merged.since.pk], "Visit": [merged.came.pk], "Identifier": []}
    assert merged.old.merged_into is None
    assert say("OLD", phone="555") == merged.old, "what is said by its number is said of it again"
    assert not Identifier.objects.filter(silent=True).exists()
    assert Record.objects.filter(kind="PatientsSeparated").count() == 1
    audited = AuditEvent.objects.filter(action="patient.unmerge", reason=WHY["reason"])
    assert set(audited.values_list("patient", flat=True)) == {merged.keep.pk, merged.old.pk}


def test_a_person_gives_what_came_since_to_the_one_whose_it_is(merged: SimpleNamespace) -> None:
    with pytest.raises(NotFound):
        give_order(merged.since.pk, merged.merge.pk, **WHY, **WHO)
    unmerge_patients(merged.merge.pk, **WHY, **WHO)
    settle()
    give_order(merged.since.pk, merged.merge.pk, **WHY, **WHO)
    give_visit(merged.came.pk, merged.merge.pk, **WHY, **WHO)
    merged.came.refresh_from_db()
    assert (merged.since.reread().patient, merged.came.patient) == (merged.old, merged.old)
    with pytest.raises(Conflict):
        give_order(merged.since.pk, merged.merge.pk, **WHY, **WHO)
    with pytest.raises(Conflict):
        give_visit(merged.came.pk, merged.merge.pk, **WHY, **WHO)
    with pytest.raises(Invalid):
        give_order(merged.own.pk, merged.merge.pk, reason=" ", **WHO)


def test_the_case_of_a_moved_order_goes_back_with_it_and_so_do_conflicts_of_readers(merged: SimpleNamespace) -> None:
    reader = make_user("rae", Role.RADIOLOGIST, sites=(merged.before.site,))
    other = say("THIRD")
    ReaderConflict.objects.create(reader=reader, patient=other)
    perform(make_order(patient=other).procedures.get())
    merge_patients(merged.keep.pk, other.pk, actor=TESTER, at=NOON)
    settle()
    item = ReadingItem.objects.get()
    assert item.procedure.order.patient == merged.keep
    assert ReaderConflict.objects.filter(patient=merged.keep, reader=reader).exists()
    unmerge_patients(Merge.objects.get(retired=other).pk, **WHY, **WHO)
    settle()
    assert ReadingItem.objects.get().procedure.order.patient == other
    assert list(ReaderConflict.objects.values_list("patient", flat=True)) == [other.pk]


def test_separating_again_changes_nothing_and_needs_a_reason_the_first_time(merged: SimpleNamespace) -> None:
    with pytest.raises(Invalid):
        unmerge_patients(merged.merge.pk, reason="", **WHO)
    with pytest.raises(NotFound):
        unmerge_patients(0, **WHY, **WHO)
    unmerge_patients(merged.merge.pk, **WHY, **WHO)
    again = unmerge_patients(merged.merge.pk, reason="once more", **WHO)
    assert again.reason == WHY["reason"]
    assert Record.objects.filter(kind="PatientsSeparated").count() == 1


def test_a_chain_of_merges_is_undone_from_its_end(merged: SimpleNamespace) -> None:
    last = say("LAST")
    merge_patients(last.pk, merged.keep.pk, actor=TESTER, at=NOON)
    settle()
    with pytest.raises(Conflict, match="separate that first"):
        unmerge_patients(merged.merge.pk, **WHY, **WHO)
    unmerge_patients(Merge.objects.get(retired=merged.keep).pk, **WHY, **WHO)
    unmerge_patients(merged.merge.pk, **WHY, **WHO)
    settle()
    assert find_patient([("OLD", "NORTH", "")]) == merged.old
    assert (merged.before.reread().patient, merged.own.reread().patient) == (merged.old, merged.keep)
    merge_patients(merged.keep.pk, merged.old.pk, actor=TESTER, at=LATER)
    assert find_patient([("OLD", "NORTH", "")]) == merged.keep, "they can be merged once more"


def test_a_merge_that_was_said_before_the_separation_and_comes_late_is_void(merged: SimpleNamespace) -> None:
    one, two = say("A"), say("B")
    note_separation(one.pk, two.pk, **WHY, **WHO, said_at=LATER)
    note_separation(one.pk, two.pk, **WHY, **WHO, said_at=LATER)
    assert Merge.objects.filter(merged_at=None).count() == 1
    with pytest.raises(Conflict, match="separated again"):
        merge_patients(one.pk, two.pk, actor=TESTER, at=LATER, said_at=NOON)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_separate_at_once_one_does_it(merged: SimpleNamespace) -> None:
    done = race(4, lambda n: unmerge_patients(merged.merge.pk, **WHY, **WHO).pk)
    assert done == [merged.merge.pk] * 4
    assert Record.objects.filter(kind="PatientsSeparated").count() == 1


def test_an_analyst_separates_on_screen_and_over_rest_and_a_scheduler_may_not(merged: SimpleNamespace) -> None:
    ana = make_user("ana", Role.ANALYST, sites=(merged.before.site,))
    stranger, sched = make_user("x", Role.ANALYST), make_user("sue", Role.SCHEDULER, sites=(merged.before.site,))
    page, screen = reverse("orders:patient", args=[merged.keep.pk]), Client()
    screen.force_login(ana)
    assert "Separate" in screen.get(page).content.decode()
    url = f"/api/patients/merges/{merged.merge.pk}/separate/"
    for user, status in ((sched, 403), (stranger, 404), (ana, 200)):
        client = APIClient()
        client.force_authenticate(user)
        assert client.post(url, WHY, format="json").status_code == status
    settle()
    listed = client.get(f"/api/patients/{merged.keep.pk}/merges/").data
    assert [row["since"]["Order"] for row in listed] == [[merged.since.pk]]
    shown = screen.get(page).content.decode()
    assert "Whose are they?" in shown and merged.since.accession in shown
    give = reverse("orders:give", args=[merged.merge.pk])
    assert screen.post(give, {"order": merged.since.pk}).status_code == 400
    assert screen.post(give, {"order": merged.since.pk, **WHY}).status_code == 302
    assert screen.post(give, {"visit": merged.came.pk, **WHY}).status_code == 302
    assert screen.post(give, WHY).status_code == 400
    assert "Whose are they?" not in screen.get(page).content.decode()
