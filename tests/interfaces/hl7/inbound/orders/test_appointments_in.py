"""SIU: an appointment moves the step of its order, or is kept until it has one."""

from __future__ import annotations

import pytest

from ris.catalog.models import Device
from ris.orders.models import Appointment, Order, ScheduledStep
from tests.interfaces.hl7.hl7 import message, msh, order, pid, seg, take

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


def siu(event: str, at: str, start: str = "20260311090000") -> bytes:
    sch = seg("SCH", {1: "A1", 2: "F1", 9: "15", 11: f"^^15^{start}", 26: "P1^EMR"})
    ais = f"AIS|1|A|CTHEADWO^CT head^L|{start}"
    return message(msh(f"SIU^{event}", at=at, version="2.5.1"), sch, pid(), "RGS|1", ais, "AIL|1|A|ROOM 7")


def test_an_appointment_moves_the_step_and_a_cancelled_one_lets_the_order_wait():
    take(order("NW", at="20260310120000"))
    assert take(siu("S12", "20260310130000")).state == "applied"
    step = ScheduledStep.objects.get()
    assert (step.start.isoformat(), step.location) == ("2026-03-11T14:00:00+00:00", "ROOM 7")
    take(siu("S15", "20260310140000"))
    assert Order.objects.get().state == "held"
    take(siu("S13", "20260310150000", "20260312090000"))
    assert Order.objects.get().state == "active"
    assert ScheduledStep.objects.get().start.day == 12


def bare_siu(event: str, at: str, *, location: str = "", service: str = "CTHEADWO^CT head^L") -> bytes:
    """An appointment that names no order."""
    sch = seg("SCH", {1: "APT1^EMR", 2: "FAPT1^RAD", 11: "^^30^20260311090000"})
    ail = [f"AIL|1|A|{location}"] if location else []
    return message(msh(f"SIU^{event}", at=at), sch, pid(), "RGS|1", f"AIS|1|A|{service}|20260311090000", *ail)


def test_an_appointment_without_an_order_number_is_of_the_only_exam_of_that_kind_that_waits():
    take(order("NW", at="20260310120000"))
    assert take(bare_siu("S12", "20260310130000")).state == "applied"
    assert ScheduledStep.objects.get().start.isoformat() == "2026-03-11T14:00:00+00:00"


def test_an_appointment_that_may_be_of_two_orders_is_kept_and_moves_neither():
    for number in ("P1", "P2"):
        take(order("NW", number, at="20260310120000"))
    row = take(bare_siu("S12", "20260310140000"))
    assert (row.state, row.answer_code) == ("applied", "AA"), row.reason
    assert {step.start.day for step in ScheduledStep.objects.all()} == {10}
    assert Appointment.objects.get().order is None


def test_an_appointment_in_the_room_of_another_scanner_moves_the_exam_to_it():
    take(order("NW", at="20260310120000"))
    site = Order.objects.get().site
    Device.objects.create(site=site, ae_title="ZZCT2", name="ZZ CT 2", modality="CT", room="CT2ROOM")
    assert take(bare_siu("S13", "20260310130000", location="CT2ROOM")).state == "applied"
    step = ScheduledStep.objects.get()
    assert (step.device.ae_title, step.station_aes, step.location) == ("ZZCT2", ["ZZCT2"], "CT2ROOM")


def test_a_room_that_no_scanner_has_is_kept_and_the_analyst_is_told():
    take(order("NW", at="20260310120000"))
    before = ScheduledStep.objects.get().device
    row = take(bare_siu("S13", "20260310130000", location="CT9ROOM"))
    step = ScheduledStep.objects.get()
    assert (row.state, step.location, step.device) == ("applied", "CT9ROOM", before)
    assert any("CT9ROOM" in warning and "no device" in warning for warning in row.warnings), row.warnings
