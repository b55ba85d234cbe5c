"""Merges said both ways, chained, resent; numbers, visits and allergies that move (A24, A40, A43–A45, A50, A60)."""

from __future__ import annotations

from itertools import permutations

import pytest

from interfaces.hl7 import states
from interfaces.hl7.models import InboundMessage
from ris.kernel.models import Alarm
from ris.kernel.relay import deliver_owed
from ris.orders.models import Order
from ris.patients.models import IdentityQuestion, Patient, Visit
from tests.interfaces.hl7.hl7 import NOON, message, msh, obr, orc, take

pytestmark = pytest.mark.django_db

PEOPLE = {"A": "ZZTEST^ANNA||19610417|F", "B": "ZZTEST^ANNA||19610417|F", "C": "ZZTEST^ANNA||19610417|F"}


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


def pid(number: str, more: str = "ZZTEST^ANNA||19610417|F", account: str = "") -> str:
    return f"PID|||{number}^^^NORTH^MR||{more}" + (f"{'|' * 10}{account}" if account else "")


def adt(event: str, *segments: str, minute: int = 0) -> bytes:
    at = f"2026031012{minute:02}00"
    return message(msh(f"ADT^{event}", at=at, version="2.5.1"), f"EVN|{event}|{at}", *segments)


def merged(retired: str, keep: str, minute: int) -> bytes:
    return adt("A40", pid(keep), f"MRG|{retired}^^^NORTH^MR", minute=minute)


def ordered(number: str, placer: str, pv1: str = "") -> bytes:
    segments = [pid(number), *([pv1] if pv1 else []), orc(placer=placer), obr(placer)]
    return message(msh("ORM^O01", at="20260310115500"), *segments)


def living_numbers() -> dict[str, list[str]]:
    """Patient → the numbers by which they are called, of every living patient."""
    return {
        str(patient.pk): sorted(patient.identifiers.filter(retired=False).values_list("value", flat=True))
        for patient in Patient.objects.filter(merged_into=None)
    }


def test_the_last_merge_decides_who_lives() -> None:
    for number in "AB":
        take(adt("A04", pid(number)))
        take(ordered(number, f"P-{number}"))
    take(merged("B", "A", 1))
    assert list(living_numbers().values()) == [["A"]]
    take(merged("A", "B", 2))
    assert list(living_numbers().values()) == [["B"]]
    living = Patient.objects.get(merged_into=None)
    assert set(Order.objects.values_list("patient", flat=True)) == {living.pk}
    take(ordered("A", "P-LATE"))  # a retired number finds the person
    assert Order.objects.get(placer_number="P-LATE").patient == living


def test_an_older_merge_the_other_way_that_comes_late_changes_nothing() -> None:
    take(adt("A04", pid("A")))
    take(adt("A04", pid("B")))
    take(merged("A", "B", 5))
    row = take(merged("B", "A", 1))
    assert (row.state, row.answer_code) == (states.REFUSED, "AE")
    assert list(living_numbers().values()) == [["B"]]


def test_a_merge_that_is_said_again_changes_nothing() -> None:
    take(adt("A04", pid("A")))
    take(adt("A04", pid("B")))
    take(merged("B", "A", 1))
    assert take(merged("B", "A", 1)).state == states.IGNORED
    assert take(merged("B", "A", 7)).state == states.IGNORED
    assert list(living_numbers().values()) == [["A"]]


def test_a_chain_can_be_reversed_from_its_end() -> None:
    for number in "ABC":
        take(adt("A04", pid(number)))
        take(ordered(number, f"P-{number}"))
    take(merged("B", "A", 1))
    take(merged("A", "C", 2))
    assert list(living_numbers().values()) == [["C"]]
    take(merged("C", "B", 3))
    assert list(living_numbers().values()) == [["B"]]
    living = Patient.objects.get(merged_into=None)
    assert set(Order.objects.values_list("patient", flat=True)) == {living.pk}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_chained_merges_come_to_one_patient_in_any_order_of_arrival(order: tuple[int, ...]) -> None:
    for number in "ABCD":
        take(adt("A04", pid(number)))
    said = [merged("A", "B", 1), merged("B", "C", 2), merged("C", "D", 3)]
    for index in order:
        take(said[index])
    assert list(living_numbers().values()) == [["D"]]


def test_a_link_keeps_both_numbers_in_use() -> None:
    take(adt("A04", pid("A")))
    take(ordered("B", "P-B"))
    take(adt("A24", pid("A"), pid("B"), minute=1))
    assert list(living_numbers().values()) == [["A", "B"]]
    assert Order.objects.get().patient == Patient.objects.get(merged_into=None)
    assert take(adt("A24", pid("A"), pid("B"), minute=2)).state == states.IGNORED


MOTHER, CHILD = "ZZTEST^ANNA||19610417|F", "ZZTEST^BABY GIRL||20260309|F"


def test_a_link_of_mother_and_child_makes_no_one_person_of_two() -> None:
    take(adt("A04", pid("A", MOTHER)))
    row = take(adt("A24", pid("A", MOTHER), pid("B", CHILD), minute=1))
    assert (row.answer_code, row.state) == ("AA", states.APPLIED)
    assert sorted(living_numbers().values()) == [["A"], ["B"]]
    take(ordered("A", "P-A"))
    assert Order.objects.get().patient.given_name == "ANNA"
    assert take(adt("A24", pid("A", MOTHER), pid("B", CHILD), minute=2)).state == states.IGNORED
    assert [p.given_name for p in Patient.objects.order_by("pk")] == ["ANNA", "BABY GIRL"]


def test_a_link_of_two_who_may_be_one_is_left_to_a_person() -> None:
    row = take(adt("A24", pid("A", "ZZTEST^ANNA||19610417|F"), pid("B", "ZZTEST^BERTA||19610417|F")))
    assert (row.answer_code, row.state) == ("AA", states.TO_MEND)
    assert sorted(living_numbers().values()) == [["A"], ["B"]]


def test_a_merge_of_two_who_clearly_differ_is_done_and_asked_about() -> None:
    take(adt("A04", pid("A", MOTHER)))
    take(adt("A04", pid("B", "ZZOTHER^CARL||19900102|M")))
    row = take(merged("B", "A", 1))
    assert (row.answer_code, list(living_numbers().values())) == ("AA", [["A"]])
    question = IdentityQuestion.objects.get(message_id=row.pk)
    assert (question.patient.given_name, question.differing) == ("ANNA", ["name", "birth date", "sex"])
    assert Alarm.objects.filter(kind="patient-identity", cleared_at=None).exists()


def test_a_number_that_nobody_has_yet_moves_before_its_orders_come() -> None:
    take(adt("A43", pid("A"), "MRG|X9^^^NORTH^MR", minute=1))
    take(ordered("X9", "P-X"))
    assert Order.objects.get().patient == Patient.objects.get()
    assert list(living_numbers().values()) == [["A", "X9"]]


def test_a_number_moves_to_another_patient_and_orders_stay() -> None:
    take(ordered("A", "P-A"))
    take(adt("A04", "PID|||B^^^NORTH^MR~X9^^^NORTH^SS||ZZOTHER^CARL||19900102|M"))
    take(adt("A43", pid("A"), "MRG|X9^^^NORTH^SS", minute=1))
    assert sorted(living_numbers().values()) == [["A", "X9"], ["B"]]
    assert Order.objects.get().patient.identifiers.filter(value="A").exists()


@pytest.mark.parametrize(
    ("event", "mrg"),
    [("A45", "MRG|B^^^NORTH^MR||||V7"), ("A44", "MRG|B^^^NORTH^MR||V7")],
)
def test_a_visit_moves_with_its_orders_to_the_patient_whose_it_is(event: str, mrg: str) -> None:
    take(adt("A04", pid("A")))
    take(ordered("B", "P-B", "PV1||O" + "|" * 17 + "V7"))
    take(ordered("B", "P-OTHER"))
    row = take(adt(event, pid("A", account="V7" if event == "A44" else ""), mrg, "PV1||O" + "|" * 17 + "V7", minute=1))
    assert row.state == states.APPLIED
    patient = Patient.objects.get(identifiers__value="A")
    assert Visit.objects.get().patient == patient
    assert Order.objects.get(placer_number="P-B").patient == patient
    assert Order.objects.get(placer_number="P-OTHER").patient != patient


def test_a_visit_of_a_third_person_is_not_moved() -> None:
    take(adt("A04", pid("A")))
    take(adt("A04", "PID|||C^^^NORTH^MR||ZZOTHER^CARL||19900102|M", "PV1||O" + "|" * 17 + "V7"))
    row = take(adt("A45", pid("A"), "MRG|B^^^NORTH^MR||||V7", minute=1))
    assert row.state == states.REFUSED
    assert Visit.objects.get().patient.family_name == "ZZOTHER"


def test_a_visit_gets_another_number() -> None:
    take(ordered("A", "P-A", "PV1||O" + "|" * 17 + "V7"))
    take(adt("A50", pid("A"), "MRG|A^^^NORTH^MR||||V7", "PV1||O" + "|" * 17 + "V8", minute=1))
    assert Visit.objects.get().number == "V8"
    assert Order.objects.get().visit == Visit.objects.get()


def test_allergies_are_added_updated_and_deleted() -> None:
    take(adt("A04", pid("A"), "AL1|1||^Latex|MI", "AL1|2||^Penicillin"))
    take(
        adt(
            "A60",
            pid("A"),
            "IAM|1||^Iodinated contrast|SV|Hives|A",
            "IAM|2||^Latex|SV||U",
            "IAM|3||^Penicillin|||D",
            minute=1,
        )
    )
    allergies = Patient.objects.get().allergies
    assert sorted(allergies) == ["Iodinated contrast (severe, Hives)", "Latex (severe)"]
    take(adt("A60", pid("A"), "IAM|1||^Latex", minute=2))
    assert Patient.objects.get().allergies == ["Latex"]


def test_a_merge_takes_only_those_messages_again_that_waited_for_these_patients() -> None:
    for one, other in (("A1", "A2"), ("B1", "B2")):
        take(adt("A04", pid(one)))
        take(adt("A04", pid(other)))
        both = f"PID|||{one}^^^NORTH^MR~{other}^^^NORTH^MR||ZZTEST^ANNA||19610417|F"
        take(message(msh("ORM^O01"), both, orc(placer=f"P-{one}"), obr(f"P-{one}")))
    assert not Order.objects.exists()
    before = InboundMessage.objects.count()
    take(merged("A2", "A1", 1))
    deliver_owed(at=NOON)
    assert [order.placer_number for order in Order.objects.all()] == ["P-A1"]
    assert InboundMessage.objects.count() == before + 2  # the merge, and the one that waited for it


def test_a_merge_of_a_number_into_its_own_patient_gives_the_number_up() -> None:
    take(adt("A28", "PID|||A^^^NORTH^MR~B^^^NORTH^MR||ZZTEST^ANNA||19610417|F"))
    assert take(merged("B", "A", 1)).state == "applied"
    patient = Patient.objects.get()
    assert {row.value: row.retired for row in patient.identifiers.all()} == {"A": False, "B": True}
    assert take(merged("A", "A", 2)).answer_code == "AA"
    assert patient.identifiers.get(value="A").retired is False, "somebody without a number is found by nobody"
