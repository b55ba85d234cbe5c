"""OMI and OMG orders, and each order control of ORC-1: what becomes of the order."""

from __future__ import annotations

import pytest

from ris.orders.models import Order, ScheduledStep
from tests.factories import make_order
from tests.interfaces.hl7.hl7 import answer, message, msh, obr, orc, order, pid, take

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


OMI = (
    msh("OMI^O23^OMI_O23", version="2.5.1"), pid(), "PV1||E|ED", "ORC|NW|P1^EMR",
    "TQ1|1||||||20260310140000||A", "OBR|1|P1^EMR||CTHEADWO^CT head^L",
    "IPC|ACC1|RP1|1.2.3.4|SPS1|CT|PRC^Protocol^L|STATION1|ROOM2|CT1~CT9", "IPC|ACC1|RP1|1.2.3.4|SPS2|CT",
)  # fmt: skip


def test_an_imaging_order_has_its_numbers_uid_stations_and_several_steps():
    row = take(message(*OMI))
    placed = Order.objects.get()
    procedure = placed.procedures.get()
    first, second = procedure.steps.order_by("pk")
    assert row.answer_code == "AA", row.reason
    assert (placed.accession, placed.priority) == ("ACC1", "HIGH")
    assert (procedure.number, procedure.study_uid) == ("RP1", "1.2.3.4")
    assert (first.number, first.location, first.station_aes, first.station_names) == (
        "SPS1", "ROOM2", ["CT1", "CT9"], ["STATION1"],
    )  # fmt: skip
    assert (first.protocol_code, first.start.hour, second.number) == ("PRC", 19, "SPS2")


def test_an_omg_order_is_taken_and_its_priority_comes_from_tq1():
    segments = [msh("OMG^O19^OMG_O19", version="2.5.1"), pid(), "ORC|NW|P1", "TQ1|1||||||20260310140000||S", obr()]
    assert take(message(*segments)).answer_code == "AA"
    assert Order.objects.get().priority == "STAT"


@pytest.mark.parametrize(("status", "state"), [("IP", "started"), ("CM", "completed")])
def test_a_status_moves_the_exam_forward(status, state):
    take(order("NW", at="20260310120000"))
    take(message(msh("ORM^O01", at="20260310130000"), pid(), orc("SC", status=status), obr()))
    assert ScheduledStep.objects.get().state == state


def test_a_late_status_never_reopens_a_finished_exam():
    take(order("NW", at="20260310120000"))
    take(message(msh("ORM^O01", at="20260310130000"), pid(), orc("SC", status="CM"), obr()))
    row = take(message(msh("ORM^O01", at="20260310140000"), pid(), orc("SC", status="IP"), obr()))
    assert ScheduledStep.objects.get().state == "completed"
    assert row.state == "ignored"


def test_a_replaced_order_is_cancelled_and_its_replacement_placed():
    take(order("NW", "P1", at="20260310120000"))
    take(message(msh("ORM^O01", at="20260310130000"), pid(), orc("RP", "P1"), obr("P1"), orc("RO", "P2"), obr("P2")))
    assert dict(Order.objects.values_list("placer_number", "state")) == {"P1": "cancelled", "P2": "active"}


def test_a_refill_is_refused_by_name_and_with_the_cure():
    row = take(order("RF"))
    assert (row.answer_code, row.faults[0][:2]) == ("AE", ["103", "ORC-1"])
    assert "NW" in row.reason


def test_a_parent_asks_for_nothing_and_its_child_is_an_order_of_its_own():
    row = take(message(msh("ORM^O01"), pid(), orc("PA", "P1"), obr("P1"), orc("CH", "P1A"), obr("P1A")))
    assert row.state == "applied"
    assert Order.objects.get().placer_number == "P1A"
    alone = take(order("PA", "P9"))
    assert (alone.answer_code, alone.state) == ("AA", "ignored")
    assert "CH" in alone.reason


@pytest.mark.parametrize("known", [True, False])
def test_who_asks_for_a_filler_number_gets_it_in_the_answer(known):
    if known:
        take(order("NW", at="20260310110000"))
    row = take(order("SN", control_id="ASKS"))
    placed = Order.objects.get()
    segments = answer(row)
    assert segments[0][8] == "ORR^O02"
    assert segments[1][:3] == ["MSA", "AA", "ASKS"]
    assert segments[2][:4] == ["ORC", "NA", "P1^EMR", placed.filler_number]


def test_who_asks_for_the_number_of_nothing_is_refused():
    row = take(message(msh("ORM^O01"), pid(), "ORC|SN|P1^EMR"))
    assert (row.answer_code, row.faults[0][:2]) == ("AE", ["101", "OBR-4"])


def test_the_placer_gives_its_number_to_an_order_that_began_here():
    placed = make_order()
    row = take(message(msh("ORM^O01"), pid(), f"ORC|NA|P77^EMR|{placed.filler_number}"))
    assert row.state == "applied"
    assert Order.objects.get().placer_number == "P77"


def test_a_cancellation_that_names_one_of_several_procedures_cancels_that_one():
    take(
        message(
            msh("ORM^O01", at="20260310120000"), pid(), orc(), obr(fields={19: "RP1"}), orc(),
            obr(code="B2^Second^L", fields={19: "RP2"}),
        )
    )  # fmt: skip
    take(message(msh("ORM^O01", at="20260310130000"), pid(), orc("CA"), obr(fields={19: "RP2"})))
    assert Order.objects.get().state == "active"
    assert dict(Order.objects.get().procedures.values_list("number", "state")) == {"RP1": "active", "RP2": "cancelled"}
