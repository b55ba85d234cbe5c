from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction

from interfaces.hl7.models import EarlyResult, Peer
from reporting.models import Report
from ris.catalog.models import Device
from ris.kernel.relay import deliver_owed
from ris.orders.models import Order, ScheduledStep, Study
from ris.patients.models import Identifier, Patient, Visit
from tests.factories import make_order, perform
from tests.interfaces.hl7.hl7 import NOON, answer, message, msh, obr, orc, order, pid, seg, take
from tests.worklist.reading import make_item, make_reader
from worklist.models import AiFlag, ReadingItem

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


def test_an_appointment_that_may_be_of_two_orders_or_of_none_is_accepted_and_left_to_a_person():
    row = take(bare_siu("S12", "20260310130000"))
    assert (row.state, row.answer_code) == ("to mend", "AA"), row.reason
    for number in ("P1", "P2"):
        take(order("NW", number, at="20260310120000"))
    assert take(bare_siu("S13", "20260310140000")).state == row.state
    assert {step.start.day for step in ScheduledStep.objects.all()} == {10}


def test_an_appointment_in_the_room_of_another_scanner_moves_the_exam_to_it():
    take(order("NW", at="20260310120000"))
    site = Order.objects.get().site
    Device.objects.create(site=site, ae_title="ZZCT2", name="ZZ CT 2", modality="CT", room="CT2ROOM")
    assert take(bare_siu("S13", "20260310130000", location="CT2ROOM")).state == "applied"
    step = ScheduledStep.objects.get()
    assert (step.device.ae_title, step.station_aes, step.location) == ("ZZCT2", ["ZZCT2"], "CT2ROOM")


def oru(*obx: str, patient: Patient | None = None, obr_fields: dict[int, str] | None = None) -> bytes:
    said = pid_of(patient) if patient else pid()
    return message(msh("ORU^R01", version="2.5.1"), said, obr(fields=obr_fields or {}), *obx)


def pid_of(patient: Patient) -> str:
    """PID as the patient is known here."""
    number = patient.identifiers.get().value
    name, born = f"{patient.family_name}^{patient.given_name}", f"{patient.birth_date:%Y%m%d}"
    return pid(number, name=name, born=born, sex=patient.sex)


def patient_of(item: ReadingItem) -> Patient:
    """Whose case it is."""
    return item.procedure.order.patient


def test_images_available_are_noted_and_found_by_the_study_uid():
    placed = make_order()
    procedure = placed.procedures.get()
    row = take(
        oru(
            f"OBX|1|HD|113014^DICOM Study^DCM||{procedure.study_uid}||||||O",
            patient=placed.patient,
            obr_fields={25: "R"},
        )
    )
    assert row.state == "applied"
    assert Study.objects.get().procedure == procedure
    assert row.accession == placed.accession


@pytest.mark.parametrize(
    ("obx_11", "obr_25", "complete"),
    [("", "R", False), ("R", "", False), ("", "F", True), ("O", "R", True), ("F", "", True), ("", "", True)],
)
def test_images_are_whole_as_obx_11_or_else_obr_25_says(obx_11, obr_25, complete):
    take(order())
    uid = Order.objects.get().procedures.get().study_uid
    observation = seg("OBX", {1: "1", 2: "HD", 3: "113014^DICOM Study^DCM", 5: uid, 11: obx_11})
    take(message(msh("ORU^R01"), pid(), obr(fields={25: obr_25}), observation))
    assert (Study.objects.get().complete_at is not None) is complete


def test_images_of_an_unknown_study_are_kept_and_said_to_be():
    row = take(oru("OBX|1|HD|113014^DICOM Study^DCM||1.2.3||||||O", obr_fields={25: "R"}))
    assert row.answer_code == "AA"
    assert any("kept" in w for w in row.warnings)


AI = "OBX|1|CWE|RDE1^Intracranial haemorrhage^AI|a|Y|||A|||F|||20260310114000+0000", "OBX|2|NM|RDE1S^Score^AI|a|0.93"


def test_an_ai_result_is_attached_to_the_case_with_code_and_score():
    item = make_item()
    row = take(oru(*AI, patient=patient_of(item), obr_fields={18: item.accession}))
    flag = AiFlag.objects.get()
    assert row.state == "applied"
    assert (flag.item, flag.code, flag.positive, flag.score) == (item, "RDE1", True, 0.93)


@pytest.mark.parametrize(("place", "more"), [("OBX-19", ""), ("ZAI-1", "ZAI|202603101300+0000")])
def test_an_ai_result_counts_as_long_as_its_sender_says_where_that_is_read(place, more):
    Peer.objects.create(application="EMR", facility="NORTH", name="AI box", attributes={place: "result.expires_at"})
    item = make_item()
    flagged = seg("OBX", {1: "1", 2: "CWE", 3: "RDE1^ICH^AI", 4: "a", 5: "Y", 8: "A", 19: "202603101300+0000"})
    row = take(oru(flagged, *filter(None, [more]), patient=patient_of(item), obr_fields={18: item.accession}))
    assert row.state == "applied", row.reason
    assert AiFlag.objects.get().expires_at == NOON + timedelta(hours=1)


@pytest.mark.django_db(transaction=True)
def test_the_same_ai_result_twice_at_once_is_accepted_twice_and_kept_once():
    item = make_item()
    finding = "OBX|1|CE|ICH^Haemorrhage||Y||||||F|||20260310115800"
    raws = [
        message(
            msh("ORU^R01", control_id=f"AI{n}", at="20260310115900"),
            pid_of(patient_of(item)),
            obr(fields={18: item.accession}),
            finding,
        )
        for n in (1, 2)
    ]
    take(message(msh("ADT^A08"), pid()))
    flagged, states = threading.Event(), {}

    def first() -> None:
        """Its flag is written and not committed while the second one looks for a flag."""
        try:
            with transaction.atomic():
                states[1] = take(raws[0]).state
                flagged.set()
                time.sleep(0.5)
        finally:
            connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    assert flagged.wait(20)
    states[2] = take(raws[1]).state
    thread.join()
    assert states[1] == "applied"
    assert states[2] in ("applied", "ignored")
    assert AiFlag.objects.count() == 1


def test_an_ai_result_that_comes_before_the_exam_ends_is_attached_when_the_case_opens():
    placed = make_order()
    row = take(oru(*AI, patient=placed.patient, obr_fields={18: placed.accession}))
    assert any("kept" in w for w in row.warnings)
    assert not AiFlag.objects.exists()
    perform(placed.procedures.get(), at=NOON - timedelta(minutes=20))
    for _ in range(3):
        deliver_owed(at=NOON + timedelta(minutes=1))
    assert AiFlag.objects.get().code == "RDE1"
    assert EarlyResult.objects.get().attached_at is not None


def dictated(item: ReadingItem, author: str = "NPI9") -> bytes:
    return oru(
        "OBX|1|TX|59776-5^Findings^LN||No bleed.", "OBX|2|TX|59776-5^Findings^LN||No shift.",
        "OBX|3|TX|19005-8^Impression^LN||Normal.", patient=patient_of(item),
        obr_fields={18: item.accession, 32: f"{author}&ZZDOC&RITA"},
    )  # fmt: skip


def test_a_dictated_report_becomes_a_draft_and_never_overwrites_one():
    item, reader = make_item(), make_reader()
    reader.npi = "NPI9"
    reader.save()
    assert take(dictated(item)).state == "applied"
    draft = Report.objects.get()
    assert (draft.state, draft.author, draft.findings, draft.impression) == (
        "draft", reader, "No bleed.\nNo shift.", "Normal.",
    )  # fmt: skip
    Report.objects.update(findings="Changed by hand.")
    row = take(dictated(item))
    assert row.answer_code == "AE"
    assert Report.objects.get().findings == "Changed by hand."


def test_a_dictation_by_somebody_unknown_is_refused_at_obr_32():
    row = take(dictated(make_item(), author="NOBODY"))
    assert (row.answer_code, row.faults[0][:2]) == ("AE", ["204", "OBR-32"])


def test_a_peer_may_be_set_to_send_results_of_one_kind_only():
    Peer.objects.create(application="EMR", facility="NORTH", name="AI box", results="ai")
    item = make_item()
    take(oru("OBX|1|TX|ICH^Haemorrhage^AI||POSITIVE", patient=patient_of(item), obr_fields={18: item.accession}))
    assert AiFlag.objects.get().positive
    assert not Report.objects.exists()
