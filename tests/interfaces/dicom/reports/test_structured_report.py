"""The SR document itself: what it says, of whom, after what."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from interfaces.dicom.models import Mpps, ReportObject
from interfaces.dicom.mpps.dataset import encode_dataset
from interfaces.dicom.reports.instances import get_or_create_object, load_file, parse_file
from reporting.models import ReportVersion
from reporting.services import add_addendum
from ris.audit.services import Actor
from ris.orders.models import PerformedStep
from ris.patients.models import Patient
from ris.people.models import User
from tests.interfaces.dicom.reports.conftest import SIGNED

pytestmark = [pytest.mark.django_db, pytest.mark.once]
Sign = Callable[..., ReportVersion]


def sr_of(version: ReportVersion) -> Dataset:
    return parse_file(load_file(get_or_create_object(version, ReportObject.SR, "en").pk))


def sections(said: Dataset) -> dict[str, str]:
    return {
        item.ConceptNameCodeSequence[0].CodeMeaning: item.ContentSequence[0].TextValue
        for item in said.ContentSequence
        if item.ValueType == "CONTAINER"
    }


def test_it_says_what_was_signed_and_who_signed_it(signed: Sign) -> None:
    version = signed(technique="Axial.", findings="Line one.\nLine two.", impression="Normal.")
    said = sr_of(version)
    assert said.SOPClassUID.name == "Basic Text SR Storage"
    assert sections(said) == {
        "Current Procedure Descriptions": "Axial.",
        "Findings": "Line one.\r\nLine two.",
        "Impressions": "Normal.",
    }
    assert (said.CompletionFlag, said.VerificationFlag, said.PreliminaryFlag) == ("COMPLETE", "VERIFIED", "FINAL")
    (signer,) = said.VerifyingObserverSequence
    assert signer.VerifyingObserverName == "Test^Rada^^^MD"
    assert signer.VerificationDateTime == "20260310080000-0500"  # by the clock of the site
    assert said.ContentTemplateSequence[0].TemplateIdentifier == "2000"


def test_it_is_of_the_study_the_request_and_the_patient(signed: Sign) -> None:
    version = signed(order={"placer_number": "P1", "placer_authority": "EMR"})
    said, procedure = sr_of(version), version.report.procedure
    order = procedure.order
    assert (said.StudyInstanceUID, said.AccessionNumber) == (procedure.study_uid, order.accession)
    assert said.PatientID == order.patient.identifiers.get().value
    assert (said.StudyDate, said.StudyTime) == ("20260310", "070000")
    (request,) = said.ReferencedRequestSequence
    assert (request.RequestedProcedureID, request.PlacerOrderNumberImagingServiceRequest) == (procedure.number, "P1")
    assert request.RequestedProcedureCodeSequence[0].CodeValue == "CTHEADWO"


def test_the_images_that_the_device_said_it_made_are_its_evidence(signed: Sign) -> None:
    version = signed()
    image, series, told = Dataset(), Dataset(), Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", generate_uid()
    series.SeriesInstanceUID, series.ReferencedImageSequence = generate_uid(), [image]
    told.PerformedSeriesSequence = [series]
    performed = PerformedStep.objects.get()
    Mpps.objects.create(performed=performed, uid=performed.mpps_uid, dataset=encode_dataset(told), updated_at=SIGNED)
    (study,) = sr_of(version).CurrentRequestedProcedureEvidenceSequence
    assert study.StudyInstanceUID == version.report.procedure.study_uid
    assert study.ReferencedSeriesSequence[0].SeriesInstanceUID == series.SeriesInstanceUID
    named = study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert named.ReferencedSOPInstanceUID == image.ReferencedSOPInstanceUID


def test_an_addendum_is_a_new_document_that_holds_all_and_names_the_one_before(signed: Sign, reader: User) -> None:
    final = signed(findings="As signed.")
    first = sr_of(final)
    later = SIGNED + timedelta(hours=1)
    addendum = add_addendum(
        final.report_id, reader=reader, text="One word more.", actor=Actor.of_user(reader), at=later
    )
    second = sr_of(addendum)
    assert second.SOPInstanceUID != first.SOPInstanceUID and second.SeriesInstanceUID == first.SeriesInstanceUID
    assert sections(second) == sections(first) | {"Addendum": "One word more."}
    (study,) = second.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert "PredecessorDocumentsSequence" not in first
    moments = [one.VerificationDateTime for one in second.VerifyingObserverSequence]
    assert moments == ["20260310080000-0500", "20260310090000-0500"]


@pytest.mark.parametrize(
    ("family", "text", "charset"),
    [
        ("ZZTEST", "Plain.", None),
        ("ZZMÜLLER", "Größe unverändert.", "ISO_IR 100"),
        ("ZZТЕСТ", "Без патологии.", "ISO_IR 144"),
        ("ZZاختبار", "لا شيء يذكر", "ISO_IR 127"),
        ("ZZ測試", "未見異常。", "ISO_IR 192"),
        ("ZZاختبار", "未見 Größe", "ISO_IR 192"),
    ],
)
def test_it_is_written_in_the_smallest_character_set_that_holds_it(
    signed: Sign, family: str, text: str, charset: str | None
) -> None:
    said = sr_of(signed({"family_name": family}, findings=text))
    assert said.get("SpecificCharacterSet") == charset
    assert sections(said)["Findings"] == text
    assert said.PatientName.family_name == family


def test_hostile_text_stays_text(signed: Sign) -> None:
    said = sr_of(signed({"family_name": "ZZ^TEST=X\\Y\x1b$B"}, findings="a\\b\x1b$B^c=d"))
    assert sections(said)["Findings"] == "a\\b$B^c=d"
    assert str(said.PatientName).startswith("ZZ TEST X/Y$B^")


def test_the_same_version_is_the_same_instance_byte_for_byte(signed: Sign) -> None:
    version = signed()
    made = get_or_create_object(version, ReportObject.SR, "en")
    before = load_file(made.pk)
    Patient.objects.update(family_name="ZZOTHER")
    assert load_file(get_or_create_object(version, ReportObject.SR, "en").pk) == before
    assert ReportObject.objects.count() == 1


def test_dcmtk_reads_it_without_a_complaint(signed: Sign, tmp_path: Path) -> None:
    """DCMTK checks the IOD's relationships and each content item as it reads."""
    version = signed({"family_name": "ZZMÜLLER"}, findings="Größe.")
    file = tmp_path / "report.dcm"
    file.write_bytes(load_file(get_or_create_object(version, ReportObject.SR, "de").pk))
    read_by = subprocess.run(["dsrdump", "-v", str(file)], capture_output=True, timeout=30)
    shown = (read_by.stdout + read_by.stderr).decode("utf-8", "replace")
    assert read_by.returncode == 0, shown
    assert not [line for line in shown.splitlines() if line.startswith(("W:", "E:", "F:"))], shown
    assert "Verification Flag   : VERIFIED" in shown and 'TEXT:(,,"Finding")="Gr' in shown
