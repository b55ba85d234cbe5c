"""ORU: images that are available, results of AI, dictated reports."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction

from interfaces.hl7.inbound.results.early_results import attach_early
from interfaces.hl7.models import EarlyResult, Peer
from reporting.models import Report
from ris.kernel.relay import deliver_owed
from ris.orders.models import Order, Study
from ris.patients.models import Patient
from tests.factories import make_order, perform
from tests.interfaces.hl7.hl7 import NOON, message, msh, obr, order, pid, seg, take
from tests.worklist.reading import make_item, make_reader
from worklist.models import AiFlag, ReadingItem

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_hospital(hospital):
    return hospital


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


LONG = "ZZ-2026-0000000042"


def test_a_number_too_long_for_an_accession_number_is_not_cut_to_another_exams() -> None:
    """Two exams of one patient whose numbers begin alike."""
    item = make_item()
    order = item.procedure.order
    for model in (Order, ReadingItem):
        model.objects.update(accession=LONG[:16])
    for field in (18, 3):
        take(oru(*AI, patient=order.patient, obr_fields={field: LONG}))
    attach_early(ReadingItem.objects.get(), at=NOON)
    assert not AiFlag.objects.exists()
    assert set(EarlyResult.objects.values_list("accession", "attached_at")) == {(LONG, None)}


def test_a_result_that_names_a_long_filler_number_before_its_order_comes_to_that_case() -> None:
    item = make_item()
    order = item.procedure.order
    take(oru(*AI, patient=order.patient, obr_fields={3: LONG}))
    Order.objects.update(sender_filler_number=LONG)
    attach_early(ReadingItem.objects.get(), at=NOON)
    assert AiFlag.objects.get().item == item
