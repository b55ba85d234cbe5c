from __future__ import annotations

from datetime import timedelta

import pytest

from interfaces.hl7.models import Destination, OutboundMessage
from interfaces.hl7.outbound.sender import DestinationSender
from interfaces.hl7.outbound.triggers import KINDS
from interfaces.hl7.v2.parser import Message, parse_message
from reporting import services
from ris.orders.intents import OrderIntent
from ris.orders.services import cancel_order, discontinue_exam, reschedule_step, revise_order
from ris.patients.intents import PatientIntent
from ris.patients.services import IdentityPolicy, merge_patients, resolve_patient
from ris.scheduling.services import call_off
from tests.factories import NOON, TESTER, PatientFactory, make_order, perform
from tests.interfaces.hl7.emr import destination, emr, msa
from tests.interfaces.hl7.outbound.test_results_out import deliver_and_prepare, signed

pytestmark = pytest.mark.django_db
WHO = {"actor": TESTER, "at": NOON}


@pytest.fixture(params=["2.5.1", "2.3.1"])
def everything(request, db):
    return Destination.objects.create(name="ALL", kinds=list(KINDS), hl7_version=request.param)


def told() -> list[tuple[str, Message]]:
    deliver_and_prepare(NOON + timedelta(hours=1))
    rows = OutboundMessage.objects.order_by("pk")
    assert not [(row.kind, row.error) for row in rows if row.error]
    return [(row.kind, parse_message(bytes(row.raw))) for row in rows]


def first(kind: str, control: str = "") -> Message:
    return next(m for k, m in told() if k == kind and (not control or m.get("ORC", 1) == control))


def test_a_scheduled_procedure_is_told_with_its_numbers_and_study_uid(everything):
    placed = make_order(placer_number="P1", placer_authority="EMR")
    message = first("order.scheduled")
    step = placed.procedures.get().steps.get()
    assert message.get("ORC", 1) == "NW"
    assert message.get("ZDS", 1) == placed.procedures.get().study_uid
    obr = message.first("OBR")
    assert (obr.text(18), obr.text(20), obr.text(21)) == (placed.accession, step.number, "CT1")


def test_an_image_manager_may_want_omi_with_ipc(db):
    Destination.objects.create(name="PACS", kinds=["order.scheduled"], options={"imaging_orders": "OMI"})
    placed = make_order()
    ipc = first("order.scheduled").first("IPC")
    assert (ipc.text(1), ipc.text(3), ipc.text(9)) == (placed.accession, placed.procedures.get().study_uid, "CT1")


def test_an_order_that_began_here_asks_for_a_number_and_one_with_a_number_does_not(everything):
    make_order()
    assert first("order.number").get("ORC", 1) == "SN"
    OutboundMessage.objects.all().delete()
    make_order(placer_number="P1", placer_authority="EMR", patient=PatientFactory())
    assert "order.number" not in [kind for kind, _ in told()]


def test_how_far_the_exam_is_is_told_in_order(everything):
    perform(make_order().procedures.get())
    statuses = [m.get("ORC", 5) for kind, m in told() if kind == "order.status"]
    assert statuses == ["IP", "CM"]


def test_moving_and_cancelling_are_told_to_placer_image_manager_and_scheduler(everything):
    placed = make_order()
    step = placed.procedures.get().steps.get()
    reschedule_step(step.pk, start=NOON + timedelta(hours=3), device_id=step.device_id, **WHO)
    cancel_order(placed.pk, reason="no longer needed", **WHO)
    messages = told()
    assert [m.header.text(9, 2) for kind, m in messages if kind == "appointment"] == ["S12", "S13", "S15"]
    assert [m.get("ORC", 1) for kind, m in messages if kind == "order.updated"] == ["XO", "CA"]
    assert [m.get("ORC", 1) for kind, m in messages if kind == "order.status"] == ["OC"]


@pytest.mark.parametrize(("missed", "event", "status"), [(False, "S15", "CANCELLED"), (True, "S26", "NOSHOW")])
def test_an_appointment_that_is_called_off_or_missed_is_told(everything, missed, event, status):
    placed = make_order()
    step = placed.procedures.get().steps.get()
    call_off(step.pk, reason="ZZTEST", missed=missed, actor=TESTER, at=step.start + timedelta(minutes=40))
    last = [m for kind, m in told() if kind == "appointment"][-1]
    assert (last.header.text(9, 2), last.get("SCH", 25)) == (event, status)


def test_a_changed_order_is_told_with_its_changed_appointment(everything):
    placed = make_order(placer_number="P1", placer_authority="EMR")
    said = OrderIntent(
        site_id=placed.site_id, patient_id=placed.patient_id, priority="STAT", source="test", procedures=()
    )
    revise_order(placed.pk, said, actor=TESTER, at=NOON + timedelta(minutes=5))
    messages = told()
    assert [m.header.text(9, 2) for kind, m in messages if kind == "appointment"] == ["S12", "S14"]
    updated = next(m for kind, m in messages if kind == "order.updated")
    assert (updated.get("ORC", 1), updated.get("ORC", 7, 6)) == ("XO", "S")


def test_an_exam_that_is_broken_off_is_told(everything):
    performed = perform(make_order().procedures.get(), complete=False)
    discontinue_exam(performed.mpps_uid, ended_at=NOON, **WHO)
    statuses = [m.get("ORC", 5) for kind, m in told() if kind == "order.status"]
    assert statuses == ["IP", "DC"]


def test_what_becomes_known_of_a_patient_is_forwarded(everything):
    patient = PatientFactory(number="T1")
    intent = PatientIntent(identifiers=(("T1", "NORTH", "MR"),), family_name="ZZNEW", given_name="NAME")
    resolve_patient(
        intent, authoritative=True, actor=TESTER, at=NOON + timedelta(minutes=5), policy=IdentityPolicy(another="apply")
    )
    message = first("patient")
    assert (message.header.text(9, 2), message.get("PID", 5)) == ("A08", "ZZNEW")
    assert message.get("PID", 3) == patient.identifiers.get().value


def test_a_final_report_is_charged_once_with_cpt_and_rvu(everything):
    version, by = signed()
    services.add_addendum(version.report_id, text="Also a cyst.", **by)
    services.correct(version.report_id, revision=1, sections={"impression": "No mass."}, reason="Late", **by)
    charges = [m for kind, m in told() if kind == "charge"]
    assert [(m.get("FT1", 7), m.get("FT1", 9)) for m in charges] == [("70450", "RVU 0.85")]


def test_a_merge_is_forwarded(everything):
    old, keep = PatientFactory(number="OLD1"), PatientFactory(number="NEW1")
    merge_patients(keep.pk, old.pk, **WHO)
    message = first("patient")
    assert message.header.text(9, 2) == "A40"
    assert message.get("MRG", 1) == "OLD1"


def test_filters_by_site_and_modality_hold(db):
    Destination.objects.create(name="A", kinds=["order.scheduled"], filters={"site": ["south"]})
    Destination.objects.create(name="B", kinds=["order.scheduled"], filters={"modality": ["MR"]})
    Destination.objects.create(name="C", kinds=["order.scheduled"], filters={"site": ["north"], "modality": ["CT"]})
    make_order()
    told()
    assert [row.destination.name for row in OutboundMessage.objects.all()] == ["C"]


@pytest.mark.django_db(transaction=True)
def test_the_number_that_the_placer_answers_with_is_kept():
    def script(raw: bytes, before: int) -> bytes:
        asked = parse_message(raw)
        return msa(asked.header.text(10)) + f"ORC|NA|P99^EMRSYS|{asked.get('ORC', 3)}^WETREAD\r".encode()

    with emr(script) as (_, port):
        to = destination(port, kinds=["order.number"])
        placed = make_order()
        deliver_and_prepare(NOON + timedelta(hours=1))
        assert DestinationSender(to.pk).drain() == 1
    placed.refresh_from_db()
    assert (placed.placer_number, placed.placer_authority) == ("P99", "EMRSYS")
