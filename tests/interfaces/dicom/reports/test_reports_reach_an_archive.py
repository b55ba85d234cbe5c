"""Against a real Orthanc, by C-STORE and by STOW-RS: what was signed is there, and reads as it was signed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interfaces.dicom.models import ReportObject, ReportSend
from interfaces.dicom.reports.sender import send_due
from reporting.models import ReportVersion
from reporting.services import add_addendum
from ris.audit.models import AuditEvent
from ris.audit.services import Actor
from ris.kernel.relay import deliver_owed
from ris.people.models import User
from tests.interfaces.dicom.orthanc import Orthanc, orthanc
from tests.interfaces.dicom.reports.conftest import SIGNED, archive_at, route_to, stored

pytestmark = [pytest.mark.django_db, pytest.mark.once]
Sign = Callable[..., ReportVersion]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with orthanc("ARCHIVE", tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.mark.parametrize("way", ["cstore", "stow"])
def test_a_signed_report_and_its_addendum_are_stored(
    server: Orthanc, signed: Sign, reader: User, way: str, tmp_path: Path
) -> None:
    route_to(archive_at(server), sr=True, pdf=True, way=way)
    version = signed({"family_name": "ZZMÜLLER"}, findings="Größe unverändert.")
    assert send_due(at=SIGNED) == 2
    add_addendum(version.report_id, reader=reader, text="Nachtrag.", actor=Actor.of_user(reader), at=SIGNED)
    deliver_owed(at=SIGNED)
    assert send_due(at=SIGNED) == 2

    pdf, later_pdf, sr, later = stored(server, version.report.procedure.study_uid)
    assert [one.Modality for one in (pdf, later_pdf, sr, later)] == ["DOC", "DOC", "SR", "SR"]
    assert later.ContentSequence[-1].ContentSequence[0].TextValue == "Nachtrag."
    assert str(later.PatientName) == "ZZMÜLLER^Alpha"
    study = later.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert study.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == sr.SOPInstanceUID
    assert pdf.EncapsulatedDocument.startswith(b"%PDF-")
    assert len(later_pdf.EncapsulatedDocument) > 1000
    kept = ReportObject.objects.get(form="PDF", version=version)
    file = tmp_path / "report.dcm"
    pdf.save_as(file)
    subprocess.run(["dcm2pdf", str(file), str(tmp_path / "report.pdf")], check=True, timeout=30)
    assert (tmp_path / "report.pdf").read_bytes()[:5] == b"%PDF-"
    assert kept.uid == pdf.SOPInstanceUID
    assert AuditEvent.objects.filter(action="report.store").count() == 4


@pytest.mark.parametrize("way", ["cstore", "stow"])
def test_sent_again_it_is_the_same_instance(server: Orthanc, signed: Sign, way: str) -> None:
    route_to(archive_at(server), way=way)
    version = signed(findings=f"Sent twice by {way}.")
    send_due(at=SIGNED)
    ReportSend.objects.update(state="queued", due_at=SIGNED)
    assert send_due(at=SIGNED) == 1
    assert len(stored(server, version.report.procedure.study_uid)) == 1


def test_chinese_and_arabic_come_back_as_they_were_written(server: Orthanc, signed: Sign) -> None:
    route_to(archive_at(server))
    for family, text in (("ZZ測試", "未見異常。"), ("ZZاختبار", "لا شيء يذكر")):
        version = signed({"family_name": family}, findings=text)
        send_due(at=SIGNED)
        (said,) = stored(server, version.report.procedure.study_uid)
        assert said.PatientName.family_name == family
        assert said.ContentSequence[5].ContentSequence[0].TextValue == text


def test_stow_says_what_the_archive_did_not_take(server: Orthanc, signed: Sign) -> None:
    route_to(archive_at(server, dicomweb=f"{server.url}/nowhere"), way="stow")
    signed()
    assert send_due(at=SIGNED) == 0
    assert ReportSend.objects.get().error == "STOW-RS answered with HTTP 404"
