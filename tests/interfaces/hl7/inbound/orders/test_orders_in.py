from __future__ import annotations

from datetime import timedelta

import pytest

from interfaces.hl7.models import OrderTrail, Peer
from ris.kernel.relay import deliver_owed
from ris.orders.models import Order, PerformedStep, ScheduledStep
from ris.orders.services import complete_exam, discontinue_exam
from ris.orders.services.performed_steps import WRONG_ENTRY
from tests.factories import TESTER, perform
from tests.interfaces.hl7.hl7 import NOON, answer, message, msh, obr, orc, order, pid, take
from tests.racing import race

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


def test_a_new_order_is_placed_and_accepted():
    row = take(order(control_id="M1"))
    placed = Order.objects.get()
    assert (row.state, row.answer_code) == ("applied", "AA")
    assert answer(row)[1][:3] == ["MSA", "AA", "M1"]
    assert (placed.placer_number, placed.placer_authority, placed.priority) == ("P1", "EMR", "ROUTINE")
    assert placed.ordering_provider == "ZZDOC^RITA"
    assert row.accession == placed.accession
    assert ["placed", "Order", placed.pk] in row.effects


def test_the_step_is_on_the_first_device_of_its_modality_at_its_time():
    take(order())
    step = ScheduledStep.objects.get()
    assert step.device.ae_title == "CT1"
    assert step.start.isoformat() == "2026-03-10T18:00:00+00:00"  # 13:00 in Chicago


def test_an_unknown_procedure_code_is_accepted_and_flagged():
    row = take(message(msh("ORM^O01"), pid(), orc(), obr(code="XYZ^Something new^L")))
    placed = Order.objects.get()
    assert row.answer_code == "AA"
    assert placed.flags == ["unknown procedure"]
    assert any("unknown procedure" in warning for warning in row.warnings)
    assert placed.procedures.get().steps.get().device.ae_title == "CT1"


def test_a_cancellation_cancels_the_order():
    take(order("NW"))
    row = take(order("CA"))
    assert row.state == "applied"
    assert Order.objects.get().state == "cancelled"


def test_a_cancellation_may_come_before_its_order():
    early = take(message(msh("ORM^O01", at="20260310120500"), pid(), "ORC|CA|P1^EMR"))
    assert (early.answer_code, early.state) == ("AA", "to mend")
    assert any("kept" in warning for warning in early.warnings)
    assert OrderTrail.objects.get().order is None
    take(order("NW"))
    assert Order.objects.get().state == "cancelled"


def test_a_change_revises_what_it_says_and_nothing_else():
    take(order("NW", at="20260310120000"))
    change = message(
        msh("ORM^O01", at="20260310120500"), pid(), orc("XO", timing="^^^20260310150000^^S"), obr(fields={31: "^Fall"})
    )
    row = take(change)
    revised = Order.objects.get()
    assert ["revised", "Order", revised.pk] in row.effects
    assert (revised.priority, revised.reason, revised.ordering_provider) == ("STAT", "Fall", "ZZDOC^RITA")
    assert ScheduledStep.objects.get().start.hour == 20
    assert revised.procedures.count() == 1


def test_an_older_change_that_comes_late_changes_nothing_that_was_said_later():
    take(order("NW", at="20260310120000"))
    take(message(msh("ORM^O01", at="20260310121000"), pid(), orc("XO", timing="^^^20260310150000^^S"), obr()))
    take(message(msh("ORM^O01", at="20260310120500"), pid(), orc("XO", timing="^^^20260310140000^^A"), obr()))
    assert Order.objects.get().priority == "STAT"
    assert ScheduledStep.objects.get().start.hour == 20


def test_a_change_of_an_unknown_order_places_it():
    row = take(order("XO"))
    assert row.answer_code == "AA"
    assert Order.objects.get().state == "active"


def test_hold_and_release():
    take(order("NW", at="20260310120000"))
    take(order("HD", at="20260310120100"))
    assert Order.objects.get().state == "held"
    take(order("RL", at="20260310120200"))
    assert Order.objects.get().state == "active"


def test_several_groups_of_one_placer_number_are_several_procedures_each_with_its_own_attributes():
    take(
        message(
            msh("ORM^O01"),
            pid(),
            orc(),
            obr(code="A1^First^L", fields={15: "L", 19: "RP1", 20: "SPS1"}),
            "NTE|1||one",
            orc(),
            obr(code="B2^Second^L", fields={15: "^^^^R", 19: "RP2", 20: "SPS2", 24: "MR"}),
            "NTE|1||two",
            "NTE|2||three",
        )
    )
    placed = Order.objects.get()
    rows = list(placed.procedures.order_by("pk").values_list("number", "code", "laterality", "modality"))
    assert rows == [("RP1", "A1", "L", "CT"), ("RP2", "B2", "R", "MR")]
    assert placed.comments == "one\ntwo\nthree"


def test_groups_of_different_placer_numbers_are_different_orders():
    take(message(msh("ORM^O01"), pid(), orc(placer="P1"), obr("P1"), orc(placer="P2"), obr("P2")))
    assert sorted(Order.objects.values_list("placer_number", flat=True)) == ["P1", "P2"]


def test_study_uids_that_disagree_are_refused_by_name():
    row = take(
        message(msh("ORM^O01"), pid(), orc(), obr(), "OBX|1|HD|110180^Study Instance UID^DCM||1.2.3", "ZDS|1.2.4^x")
    )
    assert (row.state, row.answer_code) == ("refused", "AE")
    assert "disagree" in row.reason
    assert not Order.objects.exists()


def test_a_study_uid_in_zds_is_kept():
    take(message(msh("ORM^O01"), pid(), orc(), obr(), "ZDS|1.2.840.1^^Application^DICOM"))
    assert Order.objects.get().procedures.get().study_uid == "1.2.840.1"


def test_an_order_without_a_code_is_refused_with_the_field_named():
    row = take(message(msh("ORM^O01"), pid(), orc(), "OBR|1|P1^EMR"))
    err = next(s for s in answer(row) if s[0] == "ERR")
    assert row.answer_code == "AE"
    assert err[2].startswith("OBR^1^4")
    assert err[3].startswith("101")
    assert err[8]


def test_an_unknown_control_code_is_refused_by_name():
    row = take(order("QQ"))
    assert row.answer_code == "AE"
    assert "QQ" in row.reason


def test_every_identifier_of_the_patient_is_kept_and_the_default_authority_used():
    take(message(msh("ORM^O01"), "PID|||T1^^^A^MR~T2^^^B&1.2&ISO^PI~T3||ZZTEST^BETA", orc(), obr()))
    found = set(Order.objects.get().patient.identifiers.values_list("value", "authority"))
    assert found == {("T1", "A"), ("T2", "B"), ("T3", "NORTH")}


def test_an_order_of_another_patient_under_the_same_number_is_refused():
    take(order())
    row = take(message(msh("ORM^O01"), pid("T999", name="ZZTEST^OTHER"), orc("XO"), obr()))
    assert row.answer_code == "AE"
    assert Order.objects.get().patient.identifiers.get().value == "T100"


BEGUN = "performed though cancelled"


def status(code: str, minute: int) -> bytes:
    return message(msh("ORM^O01", at=f"2026031012{minute:02d}00"), pid(), orc("SC", status=code), obr())


def cancel(minute: int = 30) -> bytes:
    return message(msh("ORM^O01", at=f"2026031012{minute:02d}00"), pid(), orc("CA"))


def standing() -> tuple[object, ...]:
    placed = Order.objects.get()
    return placed.state, placed.flags, placed.procedures.get().state, ScheduledStep.objects.get().state


@pytest.mark.parametrize("first", [True, False])
def test_a_cancellation_of_what_has_begun_comes_to_the_same_whichever_came_first(first):
    Peer.objects.create(application="EMR", facility="NORTH", name="EMR", ack_style="order")
    take(order(at="20260310120000"))
    rows = [take(raw) for raw in ((cancel(), status("IP", 10)) if first else (status("IP", 10), cancel()))]
    deliver_owed(at=NOON)
    assert standing() == ("active", [BEGUN], "active", "started")
    assert [row.answer_code for row in rows] == ["AA", "AA"]
    cancelled = next(row for row in rows if b"|CA|" in bytes(row.raw))
    assert answer(cancelled)[2][1] == ("CR" if first else "UC")
    assert any("has begun" in warning for warning in cancelled.warnings) is not first


@pytest.mark.django_db(transaction=True)
def test_a_cancellation_that_races_with_the_scanner_comes_to_the_same_end_too():
    take(order(at="20260310120000"))
    procedure = Order.objects.get().procedures.get()
    race(2, lambda n: take(cancel()) if n else perform(procedure, complete=False))
    deliver_owed(at=NOON)
    assert standing() == ("active", [BEGUN], "active", "started")


@pytest.mark.parametrize("reason_code", ["", WRONG_ENTRY])
def test_a_begun_exam_that_comes_to_nothing_lets_the_cancellation_take_effect(reason_code):
    take(order(at="20260310120000"))
    performed = perform(Order.objects.get().procedures.get(), complete=False)
    take(cancel())
    assert standing()[0] == "active"
    discontinue_exam(performed.mpps_uid, ended_at=NOON, reason_code=reason_code, actor=TESTER, at=NOON)
    deliver_owed(at=NOON)
    assert standing() == ("cancelled", [], "cancelled", "cancelled")


def test_of_a_cancelled_order_with_two_procedures_only_the_one_performed_stands_again():
    two = [orc(), obr(fields={19: "RP1"}), orc(), obr(code="B2^Second^L", fields={19: "RP2"})]
    take(message(msh("ORM^O01", at="20260310120000"), pid(), *two))
    take(cancel())
    change = obr(fields={19: "RP1", 31: "^Fall"})
    late = take(message(msh("ORM^O01", at="20260310121000"), pid(), orc("XO", timing=""), change))
    assert any("if it is performed after all" in warning for warning in late.warnings)
    perform(Order.objects.get().procedures.get(number="RP1"))
    deliver_owed(at=NOON + timedelta(hours=1))
    placed = Order.objects.get()
    assert (placed.state, placed.reason, placed.flags) == ("active", "Fall", ["unknown procedure", BEGUN])
    states = placed.procedures.order_by("number").values_list("number", "state", "steps__state")
    assert list(states) == [("RP1", "active", "completed"), ("RP2", "cancelled", "cancelled")]


def test_a_status_that_names_one_of_several_procedures_is_of_that_one():
    two = [orc(), obr(fields={19: "RP1"}), orc(), obr(code="B2^Second^L", fields={19: "RP2"})]
    take(message(msh("ORM^O01", at="20260310120000"), pid(), *two))
    done = obr(fields={19: "RP1"})
    take(message(msh("ORM^O01", at="20260310130000"), pid(), orc("SC", status="CM"), done))
    states = Order.objects.get().procedures.values_list("number", "steps__state")
    assert dict(states) == {"RP1": "completed", "RP2": "scheduled"}


@pytest.mark.parametrize("code", ["IP", "CM"])
def test_a_status_neither_ends_nor_doubles_what_the_device_itself_says(code):
    take(order(at="20260310120000"))
    performed = perform(Order.objects.get().procedures.get(), complete=False)
    take(status(code, 10))
    performed.refresh_from_db()
    assert performed.state == "in progress"
    complete_exam(performed.mpps_uid, ended_at=NOON, series=[{"uid": "1.2", "instances": 3}], actor=TESTER, at=NOON)
    assert ScheduledStep.objects.get().state == "completed"


def test_what_was_said_of_an_exam_ends_with_what_the_device_says():
    take(order(at="20260310120000"))
    take(status("IP", 10))
    perform(Order.objects.get().procedures.get())
    assert set(PerformedStep.objects.values_list("state", "by_hand")) == {("completed", True), ("completed", False)}
    assert ScheduledStep.objects.get().state == "completed"
