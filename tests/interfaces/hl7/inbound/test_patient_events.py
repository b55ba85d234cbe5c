"""ADT: every event writes patient and visit; arrivals and changed identifiers."""

from __future__ import annotations

import pytest

from ris.orders.models import ScheduledStep
from ris.patients.models import Identifier, Patient, Visit
from tests.interfaces.hl7.hl7 import message, msh, obr, orc, pid, seg, take

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


def adt(event: str, *segments: str, **header: str) -> bytes:
    return message(msh(f"ADT^{event}", **header), f"EVN|{event}|20260310120000", *segments)


EVENTS = [
    "A01",
    "A02",
    "A03",
    "A04",
    "A05",
    "A06",
    "A07",
    "A08",
    "A11",
    "A12",
    "A13",
    "A14",
    "A16",
    "A25",
    "A27",
    "A28",
    "A31",
    "A38",
]


@pytest.mark.parametrize("event", EVENTS)
def test_every_patient_event_writes_the_patient(event):
    row = take(adt(event, pid(), seg("PV1", {2: "I", 3: "W^1", 19: "V1"})))
    assert (row.answer_code, row.state) == ("AA", "applied")
    assert Patient.objects.get().family_name == "ZZTEST"
    assert Visit.objects.get().patient_class == "I"


def test_each_field_of_a_visit_is_written_by_the_latest_said():
    take(adt("A02", pid(), seg("PV1", {2: "I", 3: "W2^2", 19: "V1"}), at="20260310130000"))
    take(adt("A01", pid(), seg("PV1", {2: "E", 3: "W1^1", 7: "D^ZZDOC^RITA", 19: "V1"}), at="20260310120000"))
    visit = Visit.objects.get()
    assert (visit.patient_class, visit.location, visit.attending) == ("I", "W2-2", "ZZDOC^RITA")


def test_an_arrival_lets_the_planned_step_of_the_visit_arrive():
    take(message(msh("ORM^O01"), pid(), seg("PV1", {2: "O", 19: "V9"}), orc(), obr()))
    row = take(adt("A10", pid(), seg("PV1", {2: "O", 19: "V9"}), at="20260310123000"))
    assert row.state == "applied"
    assert ScheduledStep.objects.get().state == "arrived"


def test_an_arrival_for_which_nothing_is_planned_says_so():
    take(adt("A08", pid()))
    row = take(adt("A10", pid(), at="20260310123000"))
    assert (row.answer_code, row.state, row.reason) == (
        "AA",
        "ignored",
        "Nothing is planned for this patient about now.",
    )


def test_a_changed_identifier_is_the_same_patient_and_the_old_one_speaks_no_more():
    take(adt("A08", pid("T1")))
    row = take(adt("A47", pid("T2"), "MRG|T1^^^NORTH^MR", at="20260310130000"))
    assert row.state == "applied"
    assert Patient.objects.count() == 1
    assert dict(Identifier.objects.values_list("value", "retired")) == {"T1": True, "T2": False}
