from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from ris.patients.intents import PatientIntent
from ris.patients.models import Patient
from ris.patients.services import IdentityPolicy, merge_patients, resolve_patient
from tests.factories import NOON, TESTER

pytestmark = pytest.mark.django_db

APPLY = IdentityPolicy(unsure="apply", another="apply")  # these tests are about whose words count, not who is meant

ONE = (("T1", "NORTH", "MR"),)


def say(authoritative: bool = True, minutes: int = 0, ids: tuple[tuple[str, str, str], ...] = ONE, **said) -> Patient:
    intent = PatientIntent(identifiers=ids, message_at=NOON + timedelta(minutes=minutes), **said)
    return resolve_patient(intent, actor=TESTER, at=NOON, authoritative=authoritative, policy=APPLY)


def test_what_holds_does_not_depend_on_arrival():
    words = [
        {"minutes": 0, "family_name": "ZZTEST", "address": "Old St"},
        {"minutes": 5, "family_name": "ZZTEST-NEW", "phone": "555"},
        {"minutes": 9, "authoritative": False, "family_name": "ZZTEST-ORDER", "sex": "F"},
    ]
    outcomes = set()
    for number, order in enumerate(itertools.permutations(words)):
        for word in order:
            say(ids=((f"P{number}", "NORTH", "MR"),), **word)
        found = Patient.objects.order_by("-pk")[0]
        outcomes.add((found.family_name, found.address, found.phone, found.sex))
    assert outcomes == {("ZZTEST-NEW", "Old St", "555", "F")}


def test_a_retired_identifier_finds_the_survivor_and_speaks_for_nobody():
    old = say(ids=(("OLD", "NORTH", "MR"),), family_name="ZZTEST-OLD")
    keep = say(ids=(("NEW", "NORTH", "MR"),), family_name="ZZTEST-KEPT")
    merge_patients(keep.pk, old.pk, actor=TESTER, at=NOON)
    found = say(ids=(("OLD", "NORTH", "MR"),), minutes=60, family_name="ZZTEST-REVIVED")
    assert found.pk == keep.pk
    assert found.family_name == "ZZTEST-KEPT"
