"""What came goes back as it came, and nothing is invented; judged by python-hl7."""

from __future__ import annotations

from datetime import timedelta

import hl7
import pytest

from interfaces.hl7.models import Destination, OutboundMessage
from interfaces.hl7.outbound.triggers import KINDS
from reporting import services as reporting
from ris.audit.services import Actor
from ris.orders.models import Order, RequestedProcedure, ScheduledStep
from ris.patients.models import AssigningAuthority, Identifier, Merge, Patient, Visit
from ris.patients.services import merge_patients, unmerge_patients
from ris.people.models import User
from tests.factories import NOON, TESTER, PatientFactory, SiteFactory, make_order, perform
from tests.interfaces.hl7.outbound.test_results_out import deliver_and_prepare
from tests.worklist.reading import make_reader
from worklist import services as worklist
from worklist.models import ReadingItem

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(hours=1)


@pytest.fixture(params=["2.5.1", "2.3.1"])
def everything(request, db):
    return Destination.objects.create(name="ALL", kinds=list(KINDS), hl7_version=request.param)


def read(kind: str, control: str = "") -> hl7.Message:
    """The newest message of a kind, valid and read by python-hl7."""
    deliver_and_prepare(LATER)
    rows = OutboundMessage.objects.order_by("-pk")
    assert not [(row.kind, row.error) for row in rows if row.error]
    messages = [hl7.parse(bytes(row.raw).decode()) for row in rows.filter(kind=kind)]
    return next(m for m in messages if not control or str(m.segment("ORC")[1]) == control)


def field(message: hl7.Message, segment: str, number: int) -> str:
    fields = message.segment(segment)
    return str(fields[number]) if number < len(fields) else ""


def sign(placed: Order) -> None:
    perform(placed.procedures.get())
    reader = make_reader()
    reader.last_name, reader.first_name, reader.npi = "ZZREADER", "RITA", "1234567893"
    reader.save()
    deliver_and_prepare(NOON)
    by = {"reader": reader, "actor": Actor.of_user(reader), "at": LATER}
    item = worklist.claim(ReadingItem.objects.get().pk, **by)
    report = reporting.save_draft(item.pk, revision=0, sections={"impression": "Normal."}, **by)
    reporting.sign(item.pk, revision=report.revision, **by)


OID = "1.2.276.0.76.3.1.999.4.2.17.2026.1"


@pytest.mark.parametrize("kind", ["report.final", "order.status", "order.scheduled"])
def test_numbers_go_back_with_their_namespace_oid_and_type(everything, kind):
    placed = make_order(placer_number="P-77", placer_authority="EMR")
    Order.objects.filter(pk=placed.pk).update(
        placer_entity=["P-77", "EMR", OID, "ISO"], filler_entity=["F-9", "EIS", "1.2.3", "ISO"],
        sender_filler_number="F-9", group_entity=["G-1", "EMR", OID, "ISO"],
    )  # fmt: skip
    sign(placed)
    message = read(kind)
    assert field(message, "ORC", 2) == field(message, "OBR", 2) == f"P-77^EMR^{OID}^ISO"
    assert field(message, "ORC", 3) == field(message, "OBR", 3) == "F-9^EIS^1.2.3^ISO"
    assert field(message, "ORC", 4) == f"G-1^EMR^{OID}^ISO"


def test_the_name_of_a_sender_that_stood_in_for_a_namespace_is_not_sent(everything):
    long = "A SENDING APPLICATION WITH A NAME LONGER THAN TWENTY CHARACTERS"
    placed = make_order(placer_number="P-77", placer_authority=long[:64], source=long[:64])
    sign(placed)
    assert field(read("report.final"), "ORC", 2) == "P-77"


def test_every_number_of_the_referrer_goes_back_as_it_came(everything):
    placed = make_order(placer_number="P1", placer_authority="EMR")
    numbers = [["DR9", "NORTH", OID, "ISO", ""], ["1234567893", "CMS", "", "", "NPI"]]
    Order.objects.filter(pk=placed.pk).update(
        referrer_entity=["ZZDOC^RITA", numbers], ordering_provider="ZZDOC^RITA", ordering_provider_id="DR9"
    )
    sign(placed)
    message = read("report.final")
    local, npi = f"DR9^ZZDOC^RITA^^^^^^NORTH&{OID}&ISO", "1234567893^ZZDOC^RITA^^^^^^CMS^^^^NPI"
    assert field(message, "ORC", 12) == field(message, "OBR", 16) == f"{local}~{npi}"


def test_a_long_namespace_makes_no_result_invalid(everything):
    placed = make_order(placer_number="P-77", placer_authority="X" * 64)
    Order.objects.filter(pk=placed.pk).update(placer_entity=["P-77", "X" * 120, OID * 3, "ISO"])
    sign(placed)
    assert field(read("report.final"), "ORC", 2) == f"P-77^{'X' * 120}^{OID * 3}^ISO"


def test_the_reader_signs_with_number_and_name_and_the_visit_keeps_its_authority(everything):
    placed = make_order(placer_number="P1", placer_authority="EMR")
    visit = Visit.objects.create(
        patient=placed.patient, site=placed.site, number="V9", authority="ADT", patient_class="I"
    )
    Order.objects.filter(pk=placed.pk).update(visit=visit)
    sign(placed)
    message = read("report.final")
    assert field(message, "OBR", 32) == "1234567893&ZZREADER&RITA"
    assert (field(message, "PV1", 2), field(message, "PV1", 19)) == ("I", "V9^^^ADT^VN")


def test_a_reader_without_an_npi_signs_by_name_alone(everything):
    placed = make_order(placer_number="P1", placer_authority="EMR")
    sign(placed)
    User.objects.filter(npi="1234567893").update(npi="")
    OutboundMessage.objects.all().delete()
    reporting.add_addendum(
        placed.procedures.get().report.pk, text="Seen.", reader=User.objects.get(last_name="ZZREADER"),
        actor=TESTER, at=LATER,
    )  # fmt: skip
    assert field(read("report.addendum"), "OBR", 32) == "&ZZREADER&RITA"


def test_what_the_order_said_of_the_visit_is_sent_when_there_is_no_visit(everything):
    placed = make_order(placer_number="P1", placer_authority="EMR")
    Order.objects.filter(pk=placed.pk).update(
        patient_class="E", patient_location="ER-3-2", referring_provider="ZZREF^DORA", pregnant=True
    )
    sign(placed)
    message = read("report.final")
    sent = [field(message, "PV1", number) for number in (2, 3, 8, 15)]
    assert sent == ["E", "ER^3^2", "^ZZREF^DORA", "B6"]


def test_only_living_numbers_leave_as_the_patients(everything):
    patient = PatientFactory(number="LIVES")
    Identifier.objects.create(patient=patient, value="GIVENUP", authority="NORTH", retired=True)
    make_order(patient=patient)
    assert field(read("order.scheduled"), "PID", 3) == "LIVES^^^NORTH^MR"


def test_an_identifier_goes_back_with_the_universal_id_of_its_authority(everything):
    patient = PatientFactory(number="T1")
    AssigningAuthority.objects.create(name="NORTH", universal_id="1.2.3.4", universal_id_type="ISO")
    AssigningAuthority.objects.create(name=OID, universal_id=OID, universal_id_type="ISO")
    Identifier.objects.create(patient=patient, value="Q7", authority=OID, kind="PI", series="PI")
    placed = make_order(patient=patient)
    visit = Visit.objects.create(patient=patient, site=placed.site, number="V9", authority="NORTH")
    Order.objects.filter(pk=placed.pk).update(visit=visit)
    message = read("order.scheduled")
    assert field(message, "PID", 3) == f"T1^^^NORTH&1.2.3.4&ISO^MR~Q7^^^&{OID}&ISO^PI"
    assert field(message, "PV1", 19) == "V9^^^NORTH&1.2.3.4&ISO^VN"


def test_our_merge_names_what_it_retired_and_keeps_it_out_of_pid(everything):
    keep, first, second = (PatientFactory(number=number) for number in ("KEEP", "OLD1", "OLD2"))
    who = {"actor": TESTER}
    merge_patients(keep.pk, first.pk, **who, at=NOON)
    merge_patients(keep.pk, second.pk, **who, at=NOON + timedelta(minutes=1))
    message = read("patient")
    assert field(message, "PID", 3) == "KEEP^^^NORTH^MR"
    assert field(message, "MRG", 1) == "OLD2^^^NORTH^MR"


def test_a_merge_that_is_undone_is_told_with_the_numbers_of_each(everything):
    keep, old = PatientFactory(number="KEEP"), PatientFactory(number="OLD1")
    merge_patients(keep.pk, old.pk, actor=TESTER, at=NOON)
    unmerge_patients(Merge.objects.get().pk, reason="two people", actor=TESTER, at=NOON + timedelta(minutes=2))
    message = read("patient")
    assert field(message, "MSH", 9).startswith("ADT^A37")
    assert [str(pid[3]) for pid in message.segments("PID")] == ["KEEP^^^NORTH^MR", "OLD1^^^NORTH^MR"]


def test_names_of_every_writing_go_back(everything):
    patient = PatientFactory(number="T1")
    Patient.objects.filter(pk=patient.pk).update(
        family_name="ZZYAMADA", given_name="TARO", ideographic_name="山田^太郎", phonetic_name="やまだ^たろう"
    )
    make_order(patient=patient)
    names = field(read("order.scheduled"), "PID", 5).split("~")
    assert names == ["ZZYAMADA^TARO^^^^^L^A", "山田^太郎^^^^^L^I", "やまだ^たろう^^^^^L^P"]


def test_a_writing_that_a_destination_cannot_write_is_left_out(everything):
    Destination.objects.update(charset="8859/1")
    patient = PatientFactory(number="T1", family_name="ZZYAMADA", given_name="TARO", ideographic_name="山田^太郎")
    make_order(patient=patient)
    assert field(read("order.scheduled"), "PID", 5) == "ZZYAMADA^TARO"
    assert not OutboundMessage.objects.exclude(warnings=[]).exists()


def test_a_patient_without_a_name_does_not_hold_a_result(everything):
    patient = PatientFactory(number="T1", family_name="", given_name="")
    sign(make_order(patient=patient, placer_number="P1", placer_authority="EMR"))
    assert field(read("report.final"), "PID", 5) == "^^^^^^U"


def full() -> Order:
    """An order of which everything is known."""
    placed = make_order(placer_number="P1", placer_authority="EMR", site=SiteFactory())
    Order.objects.filter(pk=placed.pk).update(
        ordering_provider="ZZDOC^RITA", ordering_provider_id="D9", ordering_provider_authority="NPI",
        reason="Fall | stairs", clinical_info="Metal & pacemaker\nasthma", comments="One\nTwo",
        diagnoses=[["S82.6", "Fracture", "I10", "W"], ["R51", "Headache", "I10", "A"]],
        observations=[["29463-7", "Body weight", "LN", "80", "kg"]], call_back_phone="555-0100",
        copies_to=[["D7", "ZZCOPY^CARL", "NPI"]], transport="WALK", patient_state="MRSA",
    )  # fmt: skip
    RequestedProcedure.objects.filter(order=placed).update(laterality="L")
    ScheduledStep.objects.filter(procedure__order=placed).update(performing_physician="ZZPHYS^PIA")
    Patient.objects.filter(pk=placed.patient_id).update(allergies=["Iodine"], phone="555-0199", address="1 Test Way")
    return placed


def test_a_scheduled_procedure_carries_all_that_is_known(everything):
    full()
    message = read("order.scheduled")
    assert [str(f) for f in (message.segment("PID")[11], message.segment("PID")[13])] == ["1 Test Way", "555-0199"]
    assert field(message, "ORC", 12) == field(message, "OBR", 16) == "D9^ZZDOC^RITA^^^^^^NPI"
    assert field(message, "ORC", 14) == field(message, "OBR", 17) == "555-0100"
    assert message.unescape(field(message, "OBR", 31)) == "^Fall | stairs"
    assert field(message, "OBR", 13) == "Metal \\T\\ pacemaker\\.br\\asthma"
    assert field(message, "OBR", 15) == "^^^^LEFT"
    assert field(message, "OBR", 28) == "D7^ZZCOPY^CARL^^^^^^NPI"
    assert (field(message, "OBR", 30), field(message, "OBR", 12)) == ("WALK", "MRSA")
    assert [str(note[3]) for note in message.segments("NTE")] == ["One", "Two"]
    assert [str(dg1[3]) for dg1 in message.segments("DG1")] == ["S82.6^Fracture^I10", "R51^Headache^I10"]
    assert (field(message, "OBX", 3), field(message, "OBX", 5), field(message, "OBX", 6)) == (
        "29463-7^Body weight^LN", "80", "kg",
    )  # fmt: skip
    assert field(message, "AL1", 3) == "^Iodine"


def test_an_imaging_order_carries_it_too(db):
    Destination.objects.create(name="PACS", kinds=["order.scheduled"], options={"imaging_orders": "OMI"})
    full()
    message = read("order.scheduled")
    names = [str(segment[0]) for segment in message]
    assert names == ["MSH", "PID", "PV1", "AL1", "ORC", "TQ1", "OBR", "NTE", "NTE", "DG1", "DG1", "OBX", "IPC"]


def test_an_appointment_names_scanner_room_physician_and_reason(everything):
    full()
    message = read("appointment")
    assert field(message, "SCH", 7) == "S82.6^Fracture^I10"
    assert field(message, "AIG", 3).split("^")[0] == "CT1"
    assert field(message, "AIP", 3) == "^ZZPHYS^PIA"
    assert [str(note[3]) for note in message.segments("NTE")] == ["One", "Two"]


def test_a_charge_names_day_of_service_reader_diagnosis_modifier_and_orderer(everything):
    sign(full())
    message = read("charge")
    ft1 = [field(message, "FT1", number) for number in (4, 5, 19, 20, 21, 26)]
    assert ft1 == [
        "20260310120000+0000", "20260310130000+0000", "S82.6^Fracture^I10~R51^Headache^I10",
        "1234567893^ZZREADER^RITA", "D9^ZZDOC^RITA^^^^^^NPI", "LT",
    ]  # fmt: skip
    assert field(message, "PR1", 5) == "20260310120000+0000"


def test_what_leaves_is_valid_by_the_strict_check_of_its_version_too(everything):
    Destination.objects.update(options={"validation": "strict"})
    sign(full())
    deliver_and_prepare(LATER)
    kinds = set(OutboundMessage.objects.values_list("kind", flat=True))
    assert {"order.scheduled", "order.status", "appointment", "charge", "report.final"} <= kinds
    assert not [(row.kind, row.error) for row in OutboundMessage.objects.exclude(error="")]


def test_sections_may_come_with_suffixes_and_an_addendum_alone(db):
    options = {"sections": "suffix", "addendum_text": "only"}
    Destination.objects.create(name="OLD", kinds=["report.final", "report.addendum"], options=options)
    placed = make_order(placer_number="P1", placer_authority="EMR")
    sign(placed)
    assert field(read("report.final"), "OBX", 3).startswith("113014")
    assert str(read("report.final").segments("OBX")[1][3]).startswith("CTHEADWO&IMP^")
    reader = User.objects.get(username="reader")
    report = placed.procedures.get().report
    reporting.add_addendum(report.pk, text="Also a cyst.", reader=reader, actor=Actor.of_user(reader), at=LATER)
    observations = read("report.addendum").segments("OBX")
    assert [str(obx[5]) for obx in observations][1:] == ["Also a cyst."]
    assert str(observations[1][3]).startswith("CTHEADWO&ADT^")
