from __future__ import annotations

import pytest

from ris.kernel.relay import deliver_owed
from ris.orders.models import Order
from ris.patients.models import Identifier, Patient, Visit
from tests.interfaces.hl7.hl7 import NOON, message, msh, order, pid, take

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


def adt(event: str, *segments: str, **header: str) -> bytes:
    return message(msh(f"ADT^{event}", **header), f"EVN|{event}|20260310120000", *segments)


def test_an_update_writes_demographics_allergies_and_visit():
    row = take(
        adt(
            "A08",
            pid(name="ZZTEST^ALPHA^B^JR^DR", rest="|||1 Test St^^Testville||555-0100"),
            "PV1||E|ED^12^1|||||D1^ZZDOC^RITA|||||||B6||||V77",
            "AL1|1||^Contrast",
        )
    )
    patient = Patient.objects.get()
    assert (patient.family_name, patient.given_name, patient.middle_name) == ("ZZTEST", "ALPHA", "B")
    assert (patient.suffix, patient.prefix, patient.sex) == ("JR", "DR", "F")
    assert patient.address == "1 Test St, Testville"
    assert patient.allergies == ["Contrast"]
    visit = Visit.objects.get()
    assert (visit.number, visit.patient_class, visit.location) == ("V77", "E", "ED-12-1")
    assert (visit.pregnant, visit.referring) == (True, "ZZDOC^RITA")
    assert ["created", "Patient", patient.pk] in row.effects


def test_a_pid_in_an_order_never_overwrites_an_adt():
    take(adt("A08", pid(name="ZZTEST^RIGHT")))
    take(order())
    assert Patient.objects.get().given_name == "RIGHT"


def test_an_update_that_says_nothing_new_is_ignored_and_says_so():
    take(adt("A08", pid()))
    row = take(adt("A08", pid()))
    assert (row.state, row.answer_code) == ("ignored", "AA")
    assert row.reason


def test_a_merge_moves_identifiers_and_orders():
    take(order())
    row = take(adt("A40", pid("T200", name="ZZTEST^SURVIVOR"), "MRG|T100^^^NORTH^MR"))
    deliver_owed(at=NOON)
    keep = Patient.objects.get(merged_into=None)
    assert row.state == "applied"
    assert Order.objects.get().patient == keep
    assert set(Identifier.objects.filter(patient=keep).values_list("value", flat=True)) == {"T100", "T200"}


def test_a_merge_may_come_before_anything_else_about_either():
    take(adt("A40", pid("T200", name="ZZTEST^SURVIVOR"), "MRG|T100^^^NORTH^MR"))
    take(order())
    assert Order.objects.get().patient.family_name == "ZZTEST"
    assert Order.objects.get().patient.given_name == "SURVIVOR"


def test_an_update_of_a_merged_identifier_does_not_revive_it():
    take(adt("A40", pid("T200", name="ZZTEST^SURVIVOR"), "MRG|T100^^^NORTH^MR"))
    row = take(adt("A08", pid("T100", name="ZZTEST^OLD"), at="20260310130000"))
    assert Patient.objects.get(merged_into=None).given_name == "SURVIVOR"
    assert row.state == "ignored"


def test_a_merge_without_the_old_identifier_is_refused():
    row = take(adt("A40", pid("T200"), "MRG|"))
    assert (row.answer_code, row.faults[0][1]) == ("AE", "MRG-1")
