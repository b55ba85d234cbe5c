"""A retracted report is rejected in each archive that has it: DCMTK receives the note and reads what it names."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread

from interfaces.dicom import states
from interfaces.dicom.models import ReportObject, ReportSend
from interfaces.dicom.reports.sender import send_due
from interfaces.dicom.reports.services import RETRACTED, withdraw_report
from reporting.models import ReportVersion
from reporting.services import add_addendum, retract
from ris.audit.services import Actor
from ris.kernel.models import Alarm
from ris.kernel.relay import deliver_owed
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import make_user
from tests.interfaces.dicom.reports.conftest import SIGNED, archive_at, route_to
from tests.interfaces.dicom.test_echo import scp_running

pytestmark = pytest.mark.django_db
Sign = Callable[..., ReportVersion]


def take_back(version: ReportVersion) -> ReportVersion:
    lead = make_user("lead", Role.LEAD, sites=(version.report.item.site,), last_name="Lead", first_name="Lea")
    by = {"reader": lead, "actor": Actor.of_user(lead), "at": SIGNED}
    gone = retract(version.report_id, cause="wrong patient", reason="Größe of another", read_again=False, **by)
    deliver_owed(at=SIGNED)
    return gone


@pytest.mark.once
def test_the_archive_gets_a_note_that_names_what_it_has(signed: Sign, reader: User, tmp_path: Path) -> None:
    with scp_running(tmp_path) as port:
        route_to(archive_at(ae_title="CT1", port=port), sr=True, pdf=True, rejects=True)
        version = signed()
        assert send_due(at=SIGNED) == 2
        add_addendum(version.report_id, reader=reader, text="More.", actor=Actor.of_user(reader), at=SIGNED)
        deliver_owed(at=SIGNED)
        assert send_due(at=SIGNED) == 2
        stored = {dcmread(file).SOPInstanceUID for file in tmp_path.iterdir()}
        gone = take_back(version)
        assert withdraw_report(gone.pk, at=SIGNED) == 1, "twice owes it once"
        assert send_due(at=SIGNED) == 1
    (note,) = (file for file in tmp_path.iterdir() if dcmread(file).Modality == "KO")
    dataset = dcmread(note)
    title = dataset.ConceptNameCodeSequence[0]
    assert (title.CodeValue, title.CodingSchemeDesignator) == ("113037", "DCM")
    study = dataset.CurrentRequestedProcedureEvidenceSequence[0]
    named = {
        ref.ReferencedSOPInstanceUID for row in study.ReferencedSeriesSequence for ref in row.ReferencedSOPSequence
    }
    items = [item for item in dataset.ContentSequence if item.ValueType == "COMPOSITE"]
    assert named == stored == {item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in items}
    assert dataset.StudyInstanceUID == study.StudyInstanceUID == version.report.procedure.image_study_uid
    assert len(study.ReferencedSeriesSequence) == 2, "SR and PDF are series of their own"
    read_by = subprocess.run(["dsrdump", "-v", "+Pl", str(note)], capture_output=True, timeout=30)
    shown = (read_by.stdout + read_by.stderr).decode("utf-8", "replace")
    assert read_by.returncode == 0, shown
    # DCMTK checks the IOD's relationships and has no constraints of TID 2010, which it says.
    complaints = [line for line in shown.splitlines() if line.startswith(("W:", "E:", "F:"))]
    assert complaints in ([], ["W: Check for template constraints not yet supported"]), shown
    assert "Rejected for Patient Safety Reasons" in shown and "of another" in shown and "Lead^Lea" in shown
    assert not Alarm.objects.filter(kind=RETRACTED).exists()


def test_only_who_has_the_report_is_told_and_who_does_not_hide_it_has_an_alarm(signed: Sign) -> None:
    has, waits = archive_at(name="has"), archive_at(name="waits")
    route_to(has, sr=True)
    route_to(waits, sr=True, rejects=True)
    version = signed()
    ReportSend.objects.filter(archive=has).update(state=states.SENT, sent_at=SIGNED)
    take_back(version)
    notes = ReportSend.objects.filter(object__form=ReportObject.KOS)
    assert [(send.archive, send.state) for send in notes] == [(has, "queued")]
    assert ReportSend.objects.get(archive=waits).state == "skipped"
    assert [alarm.subject for alarm in Alarm.objects.filter(kind=RETRACTED)] == [f"has {version.report.item.accession}"]
