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


def unlink(first: str = "T200", second: str = "T100", *, at: str = "20260310130000") -> bytes:
    return adt("A37", pid(first, name="ZZTEST^SURVIVOR"), f"PID|||{second}^^^NORTH^MR", at=at)


def test_a_separation_undoes_the_merge_and_gives_the_order_back():
    take(order())
    take(adt("A40", pid("T200", name="ZZTEST^SURVIVOR"), "MRG|T100^^^NORTH^MR"))
    deliver_owed(at=NOON)
    row = take(unlink())
    deliver_owed(at=NOON)
    assert (row.state, row.answer_code) == ("applied", "AA")
    assert Order.objects.get().patient.identifiers.get().value == "T100"
    assert Patient.objects.filter(merged_into=None).count() == 2
    again = take(unlink(second="T100", first="T200", at="20260310130500"))
    assert again.answer_code == "AA"


@pytest.mark.parametrize("turned", [False, True])
def test_a_separation_may_name_either_first(turned):
    take(adt("A40", pid("T200", name="ZZTEST^SURVIVOR"), "MRG|T100^^^NORTH^MR"))
    row = take(unlink("T100", "T200") if turned else unlink())
    assert row.state == "applied", row.reason
    assert Patient.objects.filter(merged_into=None).count() == 2


def test_a_merge_that_comes_after_its_separation_is_void():
    take(unlink())
    row = take(adt("A40", pid("T200", name="ZZTEST^SURVIVOR"), "MRG|T100^^^NORTH^MR"))
    assert row.answer_code == "AA"
    assert any("separated" in warning for warning in row.warnings)
    assert Patient.objects.filter(merged_into=None).count() == 2


def test_a_separation_of_one_who_was_never_merged_is_refused_and_one_of_three_too():
    take(adt("A08", pid("T1", rest="").replace("T1^^^NORTH^MR", "T1^^^NORTH^MR~T2^^^NORTH^MR")))
    assert take(unlink("T1", "T2")).faults[0][:2] == ["204", "PID[2]-3"]
    assert take(adt("A37", pid("T1"))).faults[0][1] == "PID[2]"


def test_a_merge_that_was_said_again_later_is_not_undone_by_an_earlier_separation():
    take(adt("A40", pid("T200", name="ZZTEST^SURVIVOR"), "MRG|T100^^^NORTH^MR", at="20260310140000"))
    row = take(unlink())
    assert (row.state, row.reason) == ("ignored", "They were merged by what was said later.")


@pytest.mark.parametrize(
    ("segments", "kind"),
    [
        (("PV1||I||||||||||||||V|||V1",), "vip"),
        (("PV1||I||||||||||||||N|||V1",), ""),
        (("PD1||||||||||||Y", "PV1||I"), "request"),
        (("PD1||||||||||||N", "PV1||I"), ""),
    ],
)
def test_a_vip_or_protected_patient_is_confidential_until_a_person_lifts_it(segments, kind):
    take(adt("A08", pid(), *segments))
    patient = Patient.objects.get()
    assert (patient.confidential, patient.confidential_kind) == (bool(kind), kind)
    take(adt("A08", pid(name="ZZTEST^LATER"), "PV1||I||||||||||||||N|||V1"))
    patient.refresh_from_db()
    assert (patient.confidential_kind, patient.given_name) == (kind, "LATER")


def test_an_ambulatory_status_one_field_further_makes_nobody_confidential():
    row = take(adt("A08", pid(), f"PV1||I|{'|' * 13}A0|||V1"))
    assert not Patient.objects.get().confidential
    assert any("PV1-16" in warning for warning in row.warnings)
