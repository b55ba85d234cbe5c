"""Two records of one person are found, shown side by side, merged or kept apart, and never asked about again."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from ris.audit.models import AuditEvent
from ris.orders.models import Order
from ris.patients.intents import PatientIntent
from ris.patients.models import Patient, PossibleDuplicate
from ris.patients.services import IdentityPolicy, find_duplicates, resolve_patient
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import NOON, TESTER, PatientFactory, SiteFactory, make_order, make_user

pytestmark = pytest.mark.django_db

BORN = date(1951, 3, 4)
APPLY = IdentityPolicy(unsure="apply", another="apply")


def register(number: str, family: str, given: str, sex: str = "F", born: date = BORN, minutes: int = 0) -> Patient:
    intent = PatientIntent(
        identifiers=((number, "NORTH", "MR"),), family_name=family, given_name=given, birth_date=born, sex=sex,
        message_at=NOON + timedelta(minutes=minutes),
    )  # fmt: skip
    return resolve_patient(intent, actor=TESTER, at=NOON, authoritative=True, policy=APPLY)


def find_all() -> list[tuple[str, str]]:
    while find_duplicates(at=NOON, limit=2):
        pass
    rows = PossibleDuplicate.objects.filter(state="open").select_related("first", "second").order_by("pk")
    return [(row.first.given_name, row.second.given_name) for row in rows]


@pytest.mark.parametrize(
    ("family", "given", "sex"),
    [
        ("ZZMARTIN", "Ada Rose", "F"),
        ("zzmartín", "Ada Rose", ""),
        ("ADA ROSE", "Zzmartin", "F"),
        ("ZZMARTEN", "Ada Rose", "F"),
        ("ZZMARTIN", "Ada Rsoe", "F"),
        ("ZZMARTIN", "Ada", "F"),
    ],
    ids=["same", "accent", "swapped", "slip", "slip in the given name", "without the second name"],
)
def test_two_records_of_one_person_are_found_when_the_second_comes(family: str, given: str, sex: str) -> None:
    register("T1", "ZZMARTIN", "Ada Rose")
    assert find_all() == []
    register("T2", family, given, sex)
    assert find_all() == [("Ada Rose", given)]


@pytest.mark.parametrize(
    ("family", "given", "sex", "born"),
    [
        ("ZZMARTIN", "Bea Ruth", "F", BORN),
        ("ZZOTHERS", "Ada Rose", "F", BORN),
        ("ZZMARTIN", "Ada Rose", "M", BORN),
        ("ZZMARTIN", "Ada Rose", "F", date(1951, 3, 5)),
    ],
    ids=["twin", "another family name", "another sex", "another day"],
)
def test_two_people_are_not_taken_for_one(family: str, given: str, sex: str, born: date) -> None:
    register("T1", "ZZMARTIN", "Ada Rose")
    register("T2", family, given, sex, born)
    assert find_all() == []


def test_a_corrected_name_takes_the_question_back_and_a_new_one_asks_it() -> None:
    register("T1", "ZZMARTIN", "Ada")
    register("T2", "ZZMARTIN", "Ada")
    assert len(find_all()) == 1
    register("T2", "ZZMARTIN", "Grete", minutes=5)
    assert find_all() == []
    register("T2", "ZZMARTIN", "Ada", minutes=9)
    assert len(find_all()) == 1


@pytest.fixture
def lead() -> User:
    return make_user("zz-lead", Role.LEAD, sites=(SiteFactory(),))


def pair() -> PossibleDuplicate:
    one = PatientFactory(family_name="ZZTWICE", given_name="Ada", birth_date=BORN)
    other = PatientFactory(family_name="ZZTWICE", given_name="Ada", birth_date=BORN)
    for patient in (one, other):
        make_order(patient=patient)
    find_all()
    return PossibleDuplicate.objects.get()


def test_a_person_sees_both_and_merges_them_into_the_one_that_remains(lead: User) -> None:
    row, web = pair(), Client()
    web.force_login(lead)
    page = web.get(reverse("orders:duplicate-queue")).content.decode()
    numbers = [patient.identifiers.get().value for patient in (row.first, row.second)]
    assert page.count("ZZTWICE, Ada") == 2 and all(number in page for number in numbers)
    url = reverse("orders:decide-duplicate", args=[row.pk])
    assert web.post(url, {"outcome": "merged", "survivor": row.second_id}).status_code == 400, "no reason"
    stranger = {"outcome": "merged", "survivor": PatientFactory().pk, "reason": "x"}
    assert web.post(url, stranger).status_code == 400
    assert web.post(url, {"outcome": "merged", "survivor": row.second_id, "reason": "Same card."}).status_code == 302
    assert Patient.objects.get(pk=row.first_id).merged_into_id == row.second_id
    assert {order.patient_id for order in Order.objects.all()} == {row.second_id}, "their orders, at once"
    assert AuditEvent.objects.filter(action="patient.duplicate", reason="Same card.").count() == 2
    assert "Same card." in web.get(reverse("orders:duplicate-queue") + "?show=decided").content.decode()
    assert web.post(url, {"outcome": "different", "reason": "no"}).status_code == 409


def test_two_people_are_remembered_as_two_whatever_changes_later(lead: User) -> None:
    row, api = pair(), APIClient()
    api.force_authenticate(lead)
    assert [found["id"] for found in api.get("/api/patients/duplicates/").data] == [row.pk]
    url = f"/api/patients/duplicates/{row.pk}/decide/"
    answer = api.post(url, {"reason": "Cousins, asked both."}, format="json")
    assert (answer.status_code, answer.data["state"]) == (200, "different")
    Patient.objects.update(version=7)
    assert find_all() == []
    assert api.get("/api/patients/duplicates/").data == []
    assert api.post(url, {"reason": "again", "survivor": row.first_id}, format="json").status_code == 409


def test_who_may_not_or_works_elsewhere_neither_sees_nor_decides() -> None:
    row = pair()
    for name, role, code, status in (("a", Role.SCHEDULER, "north", 403), ("b", Role.LEAD, "south", 404)):
        web = Client()
        web.force_login(make_user(f"zz-{name}", role, sites=(SiteFactory(code=code),)))
        assert "ZZTWICE" not in web.get(reverse("orders:duplicate-queue")).content.decode()
        url = reverse("orders:decide-duplicate", args=[row.pk])
        assert web.post(url, {"outcome": "different", "reason": "x"}).status_code == status
    row.refresh_from_db()
    assert row.state == "open"
