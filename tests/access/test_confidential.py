"""A patient is kept confidential: by whom, from when, and who still sees them."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group

from ris.access.models import StaffRecord
from ris.audit.models import AuditEvent
from ris.catalog.models import Site
from ris.kernel.clock import now
from ris.orders.models import Order
from ris.patients.models import Merge, Patient
from ris.patients.selectors import visible_patients
from ris.patients.services import lift_confidential, mark_confidential, merge_patients, unmerge_patients
from ris.people.models import AccessRule, User
from ris.people.roles import Role
from tests.factories import NOON, TESTER, PatientFactory, SiteFactory, make_order, make_user
from tests.pages.every_address import client_of
from tests.worklist.reading import make_item, make_reader
from worklist.models import ReadingItem
from worklist.selectors import counts, visible_items
from worklist.services import next_case

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return SiteFactory()


def sees(user: User, patient: Patient) -> bool:
    return visible_patients(User.objects.get(pk=user.pk)).filter(pk=patient.pk).exists()


def mark(patient: Patient, kind: str = "vip") -> None:
    mark_confidential(patient.pk, kind, reason="on request", actor=TESTER, at=NOON)


def test_only_a_tie_or_the_permission_shows_the_patient(site: Site) -> None:
    order = make_order(site=site, at=now())
    yesterday = make_order(site=site, at=now() - timedelta(days=2))
    seth = make_user("seth", Role.SCHEDULER, sites=(site,))
    tina = make_user("tina", Role.TECHNOLOGIST, sites=(site,))
    carl = make_user("carl", Role.SCHEDULER, Role.CONFIDENTIAL, sites=(site,))
    everybody = (seth, tina, carl)
    for patient in (order.patient, yesterday.patient):
        assert [sees(user, patient) for user in everybody] == [True, True, True]
        mark(patient)
    assert [sees(user, order.patient) for user in everybody] == [False, True, True], "tina performs it today"
    assert [sees(user, yesterday.patient) for user in everybody] == [False, False, True]
    lift_confidential(order.patient_id, reason="asked back", actor=TESTER, at=NOON)
    assert sees(seth, order.patient)
    kinds = AuditEvent.objects.filter(action__endswith="confidential").values_list("action", "reason")
    assert ("patient.lift-confidential", "asked back") in kinds


def test_a_case_is_on_no_list_but_of_the_reader_who_was_given_it(site: Site) -> None:
    item = make_item(site=site)
    reader, other = make_reader("reader"), make_reader("other")
    mark(item.procedure.order.patient)
    assert not visible_items(reader).exists() and counts(reader, at=NOON)["all"] == {"items": 0, "stat": 0}
    assert client_of(other).post(f"/worklist/{item.pk}/claim/").status_code == 404
    given = next_case(reader, actor=TESTER, at=NOON)
    assert given is not None and given.pk == item.pk, "the rules may give it: somebody has to read it"
    assert visible_items(reader).count() == 1 and not visible_items(other).exists()
    assert ReadingItem.objects.get().reader == reader


def test_what_becomes_one_with_a_confidential_record_is_confidential(site: Site) -> None:
    open_, closed = (make_order(site=site).patient for _ in range(2))
    seth = make_user("seth", Role.SCHEDULER, sites=(site,))
    mark(closed, "staff")
    merge_patients(open_.pk, closed.pk, actor=TESTER, at=NOON)
    assert not sees(seth, open_)
    kept = Patient.objects.get(pk=open_.pk)
    assert (kept.confidential_kind, kept.alias) == ("staff", Patient.objects.get(pk=closed.pk).alias)
    unmerge_patients(Merge.objects.get().pk, reason="two people", actor=TESTER, at=NOON)
    assert not sees(seth, open_) and not sees(seth, closed), "a person decides whose it is, and lifts it"


def test_those_with_the_permission_set_and_lift_it_with_a_reason(site: Site) -> None:
    order = make_order(site=site)
    paula = client_of(make_user("paula", Role.PRIVACY_OFFICER, sites=(site,)))
    seth = client_of(make_user("seth", Role.SCHEDULER, sites=(site,)))
    where = f"/audit/patients/{order.patient_id}/confidential/"
    assert seth.post(where, {"kind": "vip", "reason": "zz"}).status_code == 403
    assert paula.post(where, {"kind": "vip", "reason": " "}).status_code == 400
    assert paula.post(where, {"kind": "vip", "reason": "asked"}).status_code == 302
    assert seth.get(f"/api/patients/{order.patient_id}/").status_code == 404
    rest = f"/api/patients/{order.patient_id}/confidential/"
    assert paula.post(rest, {"kind": "x", "reason": "zz"}, content_type="application/json").status_code == 400
    assert paula.post(rest, {"kind": "", "reason": "asked"}, content_type="application/json").status_code == 200
    assert seth.get(f"/api/patients/{order.patient_id}/").status_code == 200


def test_a_rule_ties_a_role_to_its_own_patients_at_its_site(site: Site) -> None:
    south = SiteFactory(code="south")
    mine, theirs, away = make_order(site=site), make_order(site=site), make_order(site=south)
    doc = make_user("doc", Role.LEAD, sites=(site, south))
    Order.objects.filter(pk=mine.pk).update(referrer=doc)
    rule = AccessRule.objects.create(role=Group.objects.get(name="lead"), site=site, reach="ordered")
    assert [sees(doc, order.patient) for order in (mine, theirs, away)] == [True, False, True]
    shown = client_of(doc).get("/fhir/R4/ServiceRequest?_total=accurate").json()
    assert shown["total"] == 2 and {row["resource"]["subject"]["reference"] for row in shown["entry"]} == {
        f"Patient/{order.patient_id}" for order in (mine, away)
    }
    rule.delete()
    assert sees(doc, theirs.patient)


def test_look_ups_of_one_s_own_and_of_a_co_worker_s_record_are_on_the_list_of_the_day(site: Site) -> None:
    mine = make_order(site=site, patient=PatientFactory(family_name="ZZSELF"))
    other = make_order(site=site, patient=PatientFactory(family_name="ZZCOWORKER"))
    nobody = make_order(site=site)
    seth = make_user("seth", Role.SCHEDULER, sites=(site,), last_name="Zzself")
    StaffRecord.objects.create(user=seth, birth_date=mine.patient.birth_date)
    make_user("rada", Role.RADIOLOGIST, sites=(site,))
    paula = client_of(make_user("paula", Role.PRIVACY_OFFICER, sites=(site,)))
    assert paula.post(f"/audit/patients/{other.patient_id}/staff/", {"user": "rada"}).status_code == 302
    for order in (mine, other, nobody):
        client_of(seth).get(f"/orders/{order.pk}/")
    page = paula.get("/audit/staff/").content.decode()
    assert "Their own" in page and "ZZCOWORKER" in page and nobody.patient.family_name not in page
    tomorrow = paula.get("/audit/staff/?day=2001-01-01").content.decode()
    assert "ZZSELF" not in tomorrow
    assert client_of(seth).get("/audit/staff/").status_code == 403


def test_an_alias_and_a_frame_tell_nothing(site: Site) -> None:
    """What the hub sends of a confidential case: a gap that has screens re-read their lists, and no id."""
    from worklist.live.hub import Client as Screen
    from worklist.selectors.access import confidential_items

    item, plain = make_item(site=site), make_item(site=site)
    mark(item.procedure.order.patient)
    assert confidential_items([item.pk, plain.pk]) == {item.pk}
    screen = Screen("zz", 1, frozenset([site.pk]))
    screen.skip()
    frame = json.loads(screen._queue.get_nowait())
    assert frame == {"seq": 1, "ids": []}
    assert Patient.objects.get(confidential=True).alias.startswith("CONFIDENTIAL^")
