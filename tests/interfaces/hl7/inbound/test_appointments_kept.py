"""Appointments whose order is not known here: kept, followed through their events, given to the order that comes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from interfaces.hl7.models import InboundMessage
from interfaces.hl7.selectors import needing_attention
from ris.catalog.models import Device, Site
from ris.kernel.relay import deliver_owed
from ris.orders.models import Appointment, Order, ScheduledStep
from ris.patients.models import IdentityQuestion, Visit
from ris.patients.services import decide_identity
from ris.people.roles import Role
from tests.factories import NOON, TESTER, make_user, perform
from tests.interfaces.hl7.hl7 import message, msh, obr, orc, order, pid, seg, take

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_hospital(hospital: Site) -> Site:
    return hospital


SCH = {1: "APT1^SCHED", 2: "F1^SCHED", 9: "30", 10: "MIN"}


def siu(
    event: str,
    hour: int,
    *,
    service: str = "CTHEADWO^CT head^L",
    start: str = "20260311090000",
    sch: dict[int, str] | None = None,
    more: tuple[str, ...] = (),
    patient: str = "T100",
) -> InboundMessage:
    header = msh(f"SIU^{event}", at=f"20260310{hour}0000", version="2.5.1")
    ais = f"AIS|1|A|{service}|{start}"
    return take(message(header, seg("SCH", SCH | (sch or {})), pid(patient), "RGS|1", ais, *more))


def test_an_appointment_without_an_order_is_kept_with_all_that_was_said():
    row = siu("S12", 13, more=("AIG|1|A|X1^Magnet", "AIL|1|A|ROOM 7^Hall", "AIP|1|A|7^ZZTECH^TOM"))
    kept = Appointment.objects.get()
    assert (row.answer_code, row.state) == ("AA", "applied"), row.reason
    assert (kept.state, kept.minutes, kept.service, kept.order) == ("booked", 30, "CT head", None)
    assert kept.start == datetime(2026, 3, 11, 14, tzinfo=UTC)
    assert kept.resources == ["ROOM 7 Hall", "X1 Magnet", "ZZTECH, TOM"]
    assert (kept.placer_number, kept.filler_number) == ("APT1", "F1")


def test_the_patients_page_shows_it():
    siu("S12", 13)
    patient = Appointment.objects.get().patient
    web = Client()
    web.force_login(make_user("sched", Role.SCHEDULER, sites=(Site.objects.get(),)))
    page = web.get(reverse("orders:patient", args=[patient.pk])).content.decode()
    assert "Appointments" in page and "CT head" in page and "not known yet" in page


@pytest.mark.parametrize(
    ("event", "state"),
    [("S13", "moved"), ("S15", "cancelled"), ("S16", "cancelled"), ("S17", "cancelled"), ("S26", "no-show")],
)
def test_its_later_events_apply_to_it(event, state):
    siu("S12", 13)
    assert siu(event, 14).state == "applied"
    assert Appointment.objects.get().state == state
    siu("S14", 12, start="20260312090000")  # said before, and comes late
    assert (Appointment.objects.get().state, Appointment.objects.get().start.day) == (state, 11)


@pytest.mark.parametrize(
    ("status", "state"), [("Noshow", "no-show"), ("Blocked", "blocked"), ("Dc", "cancelled"), ("Booked", "booked")]
)
def test_the_filler_status_of_sch_25_counts(status, state):
    siu("S12", 13)
    siu("S14", 14, sch={25: status})
    assert Appointment.objects.get().state == state


def test_the_order_that_comes_later_is_booked_and_the_scanner_sees_it_there():
    site = Site.objects.get()
    Device.objects.create(site=site, ae_title="ZZCT2", name="ZZ CT 2", modality="CT", room="CT2ROOM")
    siu("S12", 13, more=("AIL|1|A|CT2ROOM",))
    take(order("NW", at="20260310140000"))
    step = ScheduledStep.objects.get()
    assert Appointment.objects.get().order == Order.objects.get()
    assert (step.start.isoformat(), step.minutes, step.device.ae_title) == ("2026-03-11T14:00:00+00:00", 30, "ZZCT2")
    assert step.station_aes == ["ZZCT2"]
    assert siu("S13", 15, start="20260312090000").state == "applied"
    assert ScheduledStep.objects.get().start.day == 12


def test_an_order_of_another_exam_or_patient_is_not_booked_there():
    siu("S12", 13, service="MRKNEE^MR knee^L")
    siu("S12", 13, sch={1: "APT2", 2: "F2"}, patient="T200")
    take(order("NW", at="20260310140000"))
    assert ScheduledStep.objects.get().start.day == 10
    assert not Appointment.objects.filter(order__isnull=False).exists()


@pytest.mark.parametrize("event", ["S15", "S16", "S17", "S26"])
def test_a_called_off_one_takes_the_step_off_the_scanners_list(event):
    siu("S12", 13)
    take(order("NW", at="20260310140000"))
    assert siu(event, 15).state == "applied"
    assert Order.objects.get().state == "held"
    siu("S12", 16, start="20260312090000")
    assert (Order.objects.get().state, ScheduledStep.objects.get().start.day) == ("active", 12)


def test_orc_and_obr_of_the_message_name_the_order():
    take(order("NW", at="20260310120000"))
    siu("S12", 13, service="OTHER^Other name^L", more=(orc("NW"), obr()))
    assert Appointment.objects.get().order == Order.objects.get()
    assert ScheduledStep.objects.get().start.day == 11


def test_what_a_known_order_cannot_do_is_left_to_a_person():
    take(order("NW", at="20260310120000"))
    siu("S12", 13)
    perform(Order.objects.get().procedures.get())
    row = siu("S15", 14)
    assert (row.answer_code, row.state) == ("AA", "to mend"), row.reason
    assert "has begun" in row.reason
    assert (ScheduledStep.objects.get().state, Appointment.objects.get().state) == ("completed", "cancelled")
    assert Order.objects.get().state == "active", "nothing of a finished exam can be held"


def test_an_order_of_another_patient_is_left_to_a_person():
    take(order("NW", at="20260310120000"))
    row = siu("S12", 13, sch={26: "P1^EMR"}, patient="T900")
    assert (row.answer_code, row.state) == ("AA", "to mend"), row.reason
    assert Appointment.objects.get().order is None


def test_one_that_names_an_order_waits_for_that_order_alone():
    siu("S12", 13, sch={26: "P9^EMR"})
    take(order("NW", "P1", at="20260310120000"))
    assert ScheduledStep.objects.get().start.day == 10
    take(order("NW", "P9", at="20260310120000"))
    kept = Appointment.objects.get()
    assert kept.order == Order.objects.get(placer_number="P9")
    assert ScheduledStep.objects.get(procedure__order=kept.order).start.day == 11


def test_a_booking_for_a_patient_who_is_merged_later_is_taken_again():
    take(order("NW", at="20260310120000"))
    row = siu("S12", 13, sch={26: "P1^EMR"}, patient="T900")
    take(message(msh("ADT^A40", at="20260310140000"), pid("T900"), "MRG|T100^^^NORTH^MR"))
    deliver_owed(at=NOON)
    assert ScheduledStep.objects.get().start.day == 11
    assert not needing_attention(InboundMessage.objects.filter(pk=row.pk)).exists()


def test_a_booking_on_a_device_that_is_taken_is_flagged_and_stands():
    take(order("NW", at="20260310120000"))
    siu("S12", 13)
    take(message(msh("ORM^O01", at="20260310120000"), pid("T200"), orc(placer="P2"), obr("P2")))
    row = siu("S12", 14, sch={1: "APT2", 2: "F2"}, patient="T200")
    assert row.state == "applied"
    flagged = Order.objects.get(placer_number="P2")
    assert flagged.flags == ["booked while the device is taken"]
    siu("S13", 15, sch={1: "APT2", 2: "F2"}, patient="T200", start="20260311110000")
    assert Order.objects.get(placer_number="P2").flags == []


def test_an_appointment_follows_a_merge_and_its_sender_still_means_it():
    siu("S12", 13)
    take(message(msh("ADT^A40", at="20260310140000"), pid("T200"), "MRG|T100^^^NORTH^MR"))
    assert Appointment.objects.get().patient.identifiers.filter(value="T200").exists()
    siu("S15", 15)
    assert Appointment.objects.get().state == "cancelled"


@pytest.mark.parametrize(
    "more",
    [{"sch": {10: "^^30^20260311090000", 9: "MIN", 8: "30"}, "start": ""}, {"start": "|20260311090000"}],
    ids=["SCH-10", "AIS-5"],
)
def test_a_start_one_field_off_is_taken_and_told(more):
    row = siu("S12", 13, **more)
    assert Appointment.objects.get().start == datetime(2026, 3, 11, 14, tzinfo=UTC)
    assert any("one off" in warning for warning in row.warnings)
    take(order())
    assert ScheduledStep.objects.get().start == datetime(2026, 3, 11, 14, tzinfo=UTC)


def test_a_visit_number_of_another_patient_does_not_stop_an_appointment():
    visit = f"PV1||O{'|' * 17}V7"
    take(message(msh("ORM^O01"), pid("T200", name="ZZOTHER^CARL", born="19900102", sex="M"), visit, orc(), obr()))
    row = siu("S12", 13, more=(visit,))
    assert (row.answer_code, row.state) == ("AA", "applied"), row.reason
    assert Appointment.objects.get().patient.given_name == "ALPHA"
    assert Visit.objects.get().patient.given_name == "CARL"
    assert any("another patient" in warning for warning in row.warnings)


def test_an_appointment_of_somebody_else_under_a_known_number_waits_for_who_decides():
    take(message(msh("ADT^A04"), pid(name="ZZOTHER^CARL", born="19900102", sex="M")))
    row = siu("S12", 13)
    assert (row.answer_code, row.state, Appointment.objects.count()) == ("AA", "to mend", 0)
    assert list(needing_attention(InboundMessage.objects.all())) == [row]
    question = IdentityQuestion.objects.get(held=True)
    decide_identity(question.pk, same=True, reason="Called the ward.", actor=TESTER, at=NOON)
    deliver_owed(at=NOON)
    assert Appointment.objects.get().patient.given_name == "CARL"
