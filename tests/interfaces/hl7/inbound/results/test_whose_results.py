"""Results come to the patient and the exam that they are of, as what they are; anything else is refused by name."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from interfaces.hl7.models import EarlyResult, Peer
from reporting.models import OutsideDocument, Report
from reporting.outside.documents import documents_of
from ris.kernel.models import Alarm
from ris.kernel.relay import deliver_owed
from ris.patients.models import Patient
from tests.factories import PatientFactory, make_order, perform
from tests.interfaces.hl7.hl7 import NOON, message, msh, obr, pid, seg, take
from tests.interfaces.hl7.inbound.results.test_results_in import AI, dictated, patient_of, pid_of
from tests.worklist.reading import make_item, make_reader
from worklist.models import AiFlag, ReadingItem

pytestmark = pytest.mark.django_db

PDF = b"%PDF-1.4\n%%EOF\n"
STRANGER = pid("T999", name="ZZELSE^SOMEBODY", born="19800101", sex="M")


def result(item: ReadingItem, *obx: str, said: str = "", **fields: str) -> bytes:
    """An ORU for the case; ``fields`` are of OBR, such as ``f25="C"``."""
    values = {18: item.accession} | {int(name[1:]): value for name, value in fields.items()}
    return message(msh("ORU^R01", version="2.5.1"), said or pid_of(patient_of(item)), obr(fields=values), *obx)


def line(text: str, *, code: str = "59776-5^Findings^LN", status: str = "F") -> str:
    return seg("OBX", {1: "1", 2: "TX", 3: code, 5: text, 11: status})


def document(content: bytes = PDF, kind: str = "pdf", status: str = "F") -> str:
    data = base64.b64encode(content).decode()
    return seg("OBX", {1: "1", 2: "ED", 3: "18748-4^Report^LN", 5: f"^application^{kind}^Base64^{data}", 11: status})


@pytest.mark.parametrize("obx", [(line("Large pneumothorax."),), AI, (document(),)], ids=["dictation", "ai", "pdf"])
def test_a_result_with_another_patients_pid_is_refused_and_attached_to_nobody(obx: tuple[str, ...]) -> None:
    item = make_item()
    make_reader("zzdictator")
    row = take(result(item, *obx, said=STRANGER, f32="zzdictator"))
    assert (row.answer_code, row.faults[0][1]) == ("AE", "PID-3")
    assert not AiFlag.objects.exists() and not Report.objects.exists() and not OutsideDocument.objects.exists()


def test_a_result_with_the_number_of_another_patient_is_refused_though_name_and_birth_date_fit() -> None:
    item = make_item()
    patient = patient_of(item)
    other = PatientFactory(family_name=patient.family_name)
    assert take(result(item, *AI, said=pid_of(other))).answer_code == "AE"
    assert not AiFlag.objects.exists()


def test_a_result_with_a_number_that_nobody_has_is_attached_where_name_and_birth_date_are_the_same() -> None:
    item = make_item()
    patient = patient_of(item)
    said = pid("OTHERS77", name=f"{patient.family_name}^{patient.given_name}")
    assert take(result(item, *AI, said=said)).state == "applied"
    assert AiFlag.objects.get().item == item


def test_a_result_that_came_before_the_exam_and_is_another_patients_stays_kept_with_an_alarm() -> None:
    placed = make_order()
    raw = message(msh("ORU^R01", version="2.5.1"), STRANGER, obr("P77", fields={18: "ZZLATER1"}), *AI)
    assert take(raw).state == "applied"
    EarlyResult.objects.update(accession=placed.accession)
    perform(placed.procedures.get(), at=NOON - timedelta(minutes=20))
    for _ in range(3):
        deliver_owed(at=NOON + timedelta(minutes=1))
    assert not AiFlag.objects.exists()
    assert EarlyResult.objects.get().attached_at is None
    assert Alarm.objects.filter(subject=placed.accession, detail__contains="another patient").exists()


@pytest.mark.parametrize(
    "obx",
    [
        "OBX|1|NM|718-7^Hemoglobin^LN||13.1|g/dL|12-16|L|||F",
        "OBX|1|CE|94500-6^SARS-CoV-2 RNA^LN||10828004^POS^SCT||||||F",
        "OBX|1|NM|2552^HEART RATE||115||||||F",
    ],
)
def test_a_laboratory_value_is_no_finding_and_is_ignored_by_name(obx: str) -> None:
    row = take(result(make_item(), obx))
    assert (row.state, row.answer_code) == ("ignored", "AA")
    assert "No result of imaging" in row.reason
    assert not AiFlag.objects.exists()


def test_a_sender_may_be_set_to_hear_that_its_laboratory_values_are_not_taken() -> None:
    Peer.objects.create(application="EMR", facility="NORTH", name="Lab", other_orders="refuse")
    row = take(result(make_item(), "OBX|1|NM|718-7^Hemoglobin^LN||13.1"))
    assert (row.answer_code, row.faults[0][1]) == ("AE", "OBX-3")


def test_a_pdf_of_a_case_is_kept_as_it_came_and_shown_beside_the_priors() -> None:
    item, reader = make_item(), make_reader()
    row = take(result(item, document(), f3="TR-1", f4="CTHEAD^Overread of head CT^L"))
    assert row.state == "applied", row.reason
    kept = OutsideDocument.objects.get()
    assert (bytes(kept.content), kept.media_type) == (PDF, "application/pdf")
    assert (kept.patient, kept.procedure) == (patient_of(item), item.procedure)
    web = Client()
    web.force_login(reader)
    address = reverse("reporting:document", args=[kept.pk])
    assert address in web.get(reverse("reporting:room", args=[item.pk])).content.decode()
    served = web.get(address)
    assert (served.content, served["Content-Type"], served["X-Content-Type-Options"]) == (
        PDF, "application/pdf", "nosniff",
    )  # fmt: skip
    assert served["Content-Security-Policy"].startswith("default-src 'none'; frame-ancestors 'none'")
    assert address in web.get(reverse("reporting:documents", args=[kept.patient_id])).content.decode()


def test_a_file_is_served_as_what_it_is_and_never_as_a_page() -> None:
    item, reader = make_item(), make_reader()
    take(result(item, document(b"<html><script>alert(1)</script>", "pdf"), f3="TR-1"))
    web = Client()
    web.force_login(reader)
    served = web.get(reverse("reporting:document", args=[OutsideDocument.objects.get().pk]))
    assert served["Content-Type"] == "application/octet-stream"
    assert served["Content-Disposition"].startswith("attachment")
    assert "sandbox" in served["Content-Security-Policy"]


def test_a_report_of_an_exam_that_is_not_ours_is_kept_with_its_patient() -> None:
    patient = make_order().patient
    row = take(
        message(
            msh("ORU^R01"), pid_of(patient), obr("X1", "71020^Chest X-ray^C4", fields={3: "FAR-1", 24: "RAD"}),
            line("Lungs are clear.", code="GDT^REPORT^L"), line("Normal chest.", code="71020&IMP^Chest X-ray^C4"),
        )
    )  # fmt: skip
    assert row.state == "applied", row.reason
    kept = OutsideDocument.objects.get()
    assert (kept.patient, kept.procedure, kept.title) == (patient, None, "Chest X-ray")
    assert bytes(kept.content).decode() == "Findings\nLungs are clear.\n\nImpression\nNormal chest."


def test_a_corrected_document_takes_the_place_of_the_first_and_a_withdrawn_one_says_so() -> None:
    item, reader = make_item(), make_reader()
    take(result(item, line("Fracture."), f3="TR-1", f22="20260310110000"))
    take(result(item, line("No fracture.", status="C"), f3="TR-1", f22="20260310113000"))
    take(result(item, line("Fracture, late copy."), f3="TR-1", f22="20260310112000"))
    standing = OutsideDocument.objects.get(replaced_at=None)
    assert (bytes(standing.content), standing.status) == (b"Findings\nNo fracture.", "C")
    assert take(result(item, line("", status="W"), f3="TR-1", f25="X")).state == "applied"
    web = Client()
    web.force_login(reader)
    shown = web.get(reverse("reporting:document", args=[standing.pk])).content.decode()
    assert "withdrawn" in shown


def test_the_same_document_twice_is_kept_once() -> None:
    item = make_item()
    for _ in range(2):
        take(result(item, document(), f3="TR-1"))
    assert OutsideDocument.objects.count() == 1


def test_a_document_is_found_with_the_patient_whom_its_own_was_merged_into() -> None:
    item, reader = make_item(), make_reader()
    take(result(item, document(), f3="TR-1"))
    old = patient_of(item)
    living = PatientFactory()
    Patient.objects.filter(pk=old.pk).update(merged_into=living)
    assert list(documents_of(reader, living)) == [OutsideDocument.objects.get()]


def test_a_later_dictation_takes_the_place_of_an_earlier_one_until_a_person_writes() -> None:
    item, reader = make_item(), make_reader()
    reader.npi = "NPI9"
    reader.save()
    take(dictated(item))
    assert take(result(item, line("Small bleed.", status="C"), f32="NPI9")).state == "applied"
    assert Report.objects.get().findings == "Small bleed."
    assert take(result(item, line("", status="D"), line("x", status="W"), f32="NPI9")).state == "applied"
    assert Report.objects.get().findings == ""


def test_a_finding_that_its_sender_withdraws_counts_no_longer() -> None:
    item = make_item()
    take(result(item, *AI))
    flagged = AiFlag.objects.get()
    assert take(result(item, AI[0].replace("|F|", "|W|"))).state == "applied"
    flagged.refresh_from_db()
    assert flagged.over


def test_a_dictation_without_pid_is_refused() -> None:
    item = make_item()
    make_reader("zzdictator")
    raw = message(msh("ORU^R01"), obr(fields={18: item.accession, 32: "zzdictator"}), line("No bleed."))
    assert (take(raw).answer_code, Report.objects.count()) == ("AE", 0)
