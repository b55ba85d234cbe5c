"""A visit has a state, by the latest ADT event that happened to it, however they arrive."""

from __future__ import annotations

import itertools

import pytest
from django.test import Client
from django.urls import reverse

from ris.kernel.clock import now
from ris.kernel.models import Record
from ris.kernel.relay import deliver_owed
from ris.orders.models import Order
from ris.patients.models import Visit
from ris.people.roles import Role
from tests.factories import make_user, perform
from tests.interfaces.hl7.hl7 import message, msh, obr, orc, pid, seg, take
from worklist.models import ReadingItem

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


def adt(event: str, minute: int = 0, *, number: str = "V1", kind: str = "I", evn: str = "", pv2: str = "") -> bytes:
    head = msh(f"ADT^{event}", at=f"2026031012{minute:02d}00")
    rest = [seg("PV2", {9: pv2})] if pv2 else []
    visit = seg("PV1", {2: kind, 3: "W1", 19: number})
    return message(head, f"EVN|{event}|20260310120000||||{evn}", pid(), visit, *rest)


@pytest.mark.parametrize(
    ("event", "state"),
    [("A01", "admitted"), ("A03", "discharged"), ("A04", "outpatient"), ("A05", "expected"), ("A06", "admitted"),
     ("A07", "outpatient"), ("A08", ""), ("A11", "cancelled"), ("A13", "admitted"), ("A14", "expected"),
     ("A27", "cancelled"), ("A38", "cancelled")],
)  # fmt: skip
def test_each_event_says_what_the_visit_is(event, state):
    assert take(adt(event)).answer_code == "AA"
    assert Visit.objects.get().state == state


def test_a_cancelled_discharge_of_an_outpatient_makes_an_outpatient_again():
    take(adt("A03", 1, kind="E")), take(adt("A13", 2, kind="E"))
    assert Visit.objects.get().state == "outpatient"


def test_the_state_does_not_depend_on_the_order_of_arrival():
    story = [("A05", 1), ("A01", 2), ("A16", 3), ("A08", 4), ("A03", 5), ("A13", 6)]
    ends = set()
    for number, arrived in enumerate(itertools.permutations(story)):
        if number % 60 == 0:
            for event, minute in (*arrived, arrived[0]):
                take(adt(event, minute, number=f"V{number}"))
            visit = Visit.objects.get(number=f"V{number}")
            ends.add((visit.state, visit.discharge_pending))
    assert ends == {("admitted", False)}


def test_what_happened_later_counts_and_not_what_was_typed_later():
    take(adt("A03", 1, evn="20260310180000"))
    take(adt("A01", 30, evn="20260310090000"))
    assert Visit.objects.get().state == "discharged"


def order_of_the_visit() -> ReadingItem:
    """A routine inpatient exam, performed and on the reading list."""
    take(message(msh("ORM^O01"), pid(), seg("PV1", {2: "I", 3: "W1", 19: "V1"}), orc(), obr()))
    perform(Order.objects.get().procedures.get())
    settle()
    return ReadingItem.objects.get()


def settle() -> None:
    for _ in range(3):
        deliver_owed(at=now())


@pytest.mark.parametrize("pending", [adt("A16", 5), adt("A08", 5, pv2="20260310")])
def test_a_pending_discharge_makes_the_case_more_urgent_and_its_cancellation_less(pending):
    item = order_of_the_visit()
    assert item.urgency == 4
    take(pending)
    settle()
    item.refresh_from_db()
    assert item.urgency == 3
    take(adt("A25", 6))
    settle()
    item.refresh_from_db()
    assert item.urgency == 4


def test_a_discharge_expected_another_day_is_not_pending():
    take(adt("A01", 1, pv2="20260311"))
    assert not Visit.objects.get().discharge_pending


def test_an_order_does_not_say_what_the_visit_is_and_an_unchanged_visit_tells_nobody():
    take(adt("A01", 1))
    order_of_the_visit()
    assert Visit.objects.get().state == "admitted"
    assert not Record.objects.filter(kind="VisitRevised").exists()


def test_the_order_page_shows_the_state_of_the_visit(hospital):
    take(adt("A01", 1)), take(adt("A16", 2))
    order_of_the_visit()
    screen = Client()
    screen.force_login(make_user("sue", Role.SCHEDULER, sites=(hospital,)))
    shown = screen.get(reverse("orders:detail", args=[Order.objects.get().pk])).content.decode()
    assert "Admitted" in shown and "Discharge pending" in shown
