"""Cancelled, ordered anew, changed too late, of another department: what becomes of an order, and what is answered."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from interfaces.hl7.models import InboundMessage, OrderTrail, Peer
from interfaces.hl7.selectors import needing_attention
from ris.orders.models import Order, RequestedProcedure
from ris.people.roles import Role
from tests.factories import ProcedureFactory, make_user, perform
from tests.interfaces.hl7.hl7 import message, msh, obr, orc, order, pid, take
from tests.interfaces.hl7.inbound.orders.test_what_is_ordered import change, procedures, worklist

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    ProcedureFactory(code="CTHEADW", name="CT head with contrast", cpt="70460")
    return hospital


@pytest.fixture
def peer() -> Peer:
    return Peer.objects.create(application="EMR", facility="NORTH", name="EMR")


def test_a_sender_cancels_by_its_own_filler_number():
    numbered = "UP77^UPRIS"
    take(message(msh("ORM^O01"), pid(), f"ORC|NW|P1^EMR|{numbered}", obr(fields={3: numbered})))
    take(message(msh("ORM^O01", at="20260310120100"), pid(), f"ORC|CA||{numbered}", f"OBR|1||{numbered}"))
    assert Order.objects.get().state == "cancelled"
    assert worklist() == []


def test_a_cancellation_by_filler_number_may_come_before_its_order():
    numbered = "UP77^UPRIS"
    take(message(msh("ORM^O01", at="20260310120100"), pid(), f"ORC|CA||{numbered}", f"OBR|1||{numbered}"))
    raw = message(msh("ORM^O01"), pid(), f"ORC|NW|P1|{numbered}", f"OBR|1|P1|{numbered}|CTHEADWO^CT^L")
    take(raw)
    assert worklist() == []


def test_a_long_name_of_a_sender_and_its_numbers_are_kept_as_they_came():
    header = msh("ORM^O01").replace("|EMR|NORTH|", "|EPICRADIANTHYPERSPACE|MAINHOSPITALNORTHCAMPUS|")
    take(message(header, pid(), "ORC|NW|P1", "OBR|1|P1||CTHEADWO^CT^L"))
    assert Order.objects.get().placer_entity == ["P1", "", "", ""]


def test_new_cancelled_new_is_a_new_order_under_the_same_number():
    for minute, control in enumerate(["NW", "CA", "NW"]):
        row = take(order(control, at=f"2026031012{minute:02d}00"))
    first, second = Order.objects.order_by("pk")
    assert (first.state, second.state, second.placer_number) == ("cancelled", "active", "P1")
    assert first.accession != second.accession
    assert row.state == "applied"
    assert worklist() == ["CTHEADWO"]
    take(order("CA", at="20260310121500"))
    assert worklist() == []


def test_a_number_that_was_cancelled_is_refused_where_the_sender_is_set_so(peer):
    Peer.objects.update(after_cancel="refuse")
    rows = [take(order(control, at=f"2026031012{n:02d}00")) for n, control in enumerate(["NW", "CA", "NW"])]
    assert (rows[-1].answer_code, rows[-1].faults[0][:2]) == ("AE", ["205", "ORC-2"])
    assert Order.objects.get().state == "cancelled"


def test_a_change_of_a_cancelled_order_is_to_mend():
    take(order("NW", at="20260310120000"))
    take(order("CA", at="20260310120100"))
    row = take(order("XO", at="20260310120200"))
    assert (row.answer_code, row.state) == ("AA", "to mend")
    assert "cancelled" in row.reason


def test_a_person_sees_to_what_was_not_done_and_it_leaves_the_list():
    take(order("NW", at="20260310120000"))
    take(order("CA", at="20260310120100"))
    row = take(order("XO", at="20260310120200"))
    assert list(needing_attention(InboundMessage.objects.all())) == [row]
    screen = Client()
    screen.force_login(make_user("ana", Role.ANALYST, sites=(Order.objects.get().site,)))
    where = reverse("hl7:settle", args=[row.pk])
    assert screen.post(where, {"reason": ""}).status_code == 400
    assert screen.post(where, {"reason": "agreed with the ward"}).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.reason) == ("applied", "Seen to: agreed with the ward")
    assert not needing_attention(InboundMessage.objects.all()).exists()
    assert screen.post(where, {"reason": "twice"}).status_code == 409


def test_another_exam_after_it_was_begun_is_flagged_and_to_mend():
    take(order())
    perform(RequestedProcedure.objects.get(), complete=True)
    row = take(change(obr(code="CTHEADW^CT head with^L")))
    assert (row.answer_code, row.state) == ("AA", "to mend")
    assert procedures() == [("CTHEADWO", "")]
    assert Order.objects.get().flags == ["changed after the exam began"]
    assert "CTHEADW" in str(OrderTrail.objects.get().said)


@pytest.mark.parametrize(("policy", "answered"), [("refuse", ("AE", "refused")), ("ignore", ("AA", "applied"))])
def test_what_comes_too_late_is_answered_as_the_sender_is_set(peer, policy, answered):
    Peer.objects.update(too_late=policy)
    take(order())
    perform(RequestedProcedure.objects.get(), complete=True)
    row = take(change(obr(code="CTHEADW^CT head with^L", fields={31: "^Fall"})))
    assert (row.answer_code, row.state) == answered


DRUG = [orc(placer="RX1"), "RXO|00054^Azithromycin^NDC|1||TAB", "DG1|1||J20^Bronchitis^I10"]


@pytest.mark.parametrize(
    ("policy", "answered"), [("ignore", ("AA", "ignored")), ("refuse", ("AE", "refused"))]
)  # fmt: skip
@pytest.mark.parametrize("other", [DRUG, [orc(), obr(fields={24: "LAB"})]], ids=["drug", "laboratory"])
def test_an_order_of_another_department_is_no_imaging_order(peer, policy, answered, other):
    Peer.objects.update(other_orders=policy)
    row = take(message(msh("ORM^O01"), pid(), *other))
    assert (row.answer_code, row.state) == answered
    assert "imaging order" in row.reason
    assert not Order.objects.exists()


def test_of_a_message_of_two_departments_the_imaging_order_is_placed():
    row = take(message(msh("ORM^O01"), pid(), *DRUG, orc(), obr()))
    assert worklist() == ["CTHEADWO"]
    assert any("RXO" in warning for warning in row.warnings)


def test_more_orders_than_a_sender_may_send_at_once_are_refused_by_number(peer):
    Peer.objects.update(most_orders=2)
    many = [segment for n in range(3) for segment in (orc(placer=f"P{n}"), obr(f"P{n}"))]
    row = take(message(msh("ORM^O01"), pid(), *many))
    assert row.answer_code == "AE"
    assert "3 orders" in row.reason
    assert not Order.objects.exists()


def test_a_history_of_an_earlier_version_is_read():
    take(order())
    trail = OrderTrail.objects.get()
    trail.said = [
        {
            "rank": ["2026-03-10T17:00:00+00:00", 2, "C1"], "verb": "new", "placer": "P1", "status": "", "progress": "",
            "reason": "", "full": False,
            "order": {"priority": "HIGH", "reason": "Fall", "placed_at": "2026-03-10T17:00:00+00:00"},
            "procedures": [{"code": ["CTHEADWO", "CT", "L"], "steps": [
                {"start": "2026-03-10T18:00:00+00:00", "protocol": ["PR1", "Protocol", "L"], "station_aes": ["CT1"]}
            ]}],
        }
    ]  # fmt: skip
    trail.save()
    take(change(obr(fields={30: "CART"})))
    placed = Order.objects.get()
    assert placed.transport == "CART"
    assert trail.said[0]["order"]["reason"] == "Fall"
    trail.refresh_from_db()
    assert [said["order"].get("reason") for said in trail.said] == ["Fall", None]


def test_a_cancellation_without_pid_is_of_the_patient_whose_the_order_is():
    take(order())
    row = take(message(msh("ORM^O01", at="20260310120100"), orc("CA"), "OBR|1|P1^EMR"))
    assert (row.answer_code, row.patient_id) == ("AA", Order.objects.get().patient_id)
    assert (Order.objects.get().state, worklist()) == ("cancelled", [])


@pytest.mark.parametrize("control", ["NW", "CA"])
def test_an_order_that_is_not_known_needs_pid(control: str):
    row = take(message(msh("ORM^O01"), orc(control), obr()))
    assert (row.answer_code, row.faults[0][:2]) == ("AE", ["100", "PID"])
    assert not OrderTrail.objects.exists()
