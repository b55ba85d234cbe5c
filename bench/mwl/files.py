"""The plan's entries as worklist files, as wlmscpfs and Orthanc read them."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from pathlib import Path

from mwl.fill import Plan, accession, first_day

TOKENS = {
    "accession": "ZZACCESS",
    "name": "ZZZFAMILYNAME",
    "patient": "ZZPATNUM",
    "study": "2.25.999999991",
    "file": "2.25.999999992",
    "placer": "ZZPLACENO",
    "filler": "ZZFILLNO",
    "station": "ZZSTATN",
    "date": "20010203",
    "time": "040506",
}
"""As long as what stands for them, so that one encoded file is the pattern of all."""


def write_files(plan: Plan, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "lockfile").touch()
    pattern = _encoded(TOKENS)
    for i in range(plan.entries):
        raw = pattern
        for name, value in _values(plan, i).items():
            assert len(value) == len(TOKENS[name]), name
            raw = raw.replace(TOKENS[name].encode(), value.encode())
        (folder / f"{i:07d}.wl").write_bytes(raw)


def _values(plan: Plan, i: int) -> dict[str, str]:
    minute = plan.minute(i)
    return {
        "accession": accession(i),
        "name": plan.name(i),
        "patient": f"P{i:07d}",
        "study": f"2.25.{100000000 + i}",
        "file": f"2.25.{900000000 + i}",
        "placer": f"PL{i:07d}",
        "filler": f"F{i:07d}",
        "station": plan.station(i),
        "date": f"{first_day() + timedelta(days=plan.day(i)):%Y%m%d}",
        "time": f"{minute // 60:02d}{minute % 60:02d}00",
    }


def _encoded(values: dict[str, str]) -> bytes:
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    entry, step, code = Dataset(), Dataset(), Dataset()
    step.Modality = "CT"
    step.ScheduledStationAETitle = values["station"]
    step.ScheduledProcedureStepStartDate = values["date"]
    step.ScheduledProcedureStepStartTime = values["time"]
    step.ScheduledPerformingPhysicianName = ""
    step.ScheduledProcedureStepDescription = "CT head without contrast"
    step.ScheduledProcedureStepID = "1"
    step.ScheduledStationName = values["station"]
    step.ScheduledProcedureStepLocation = "Room 1"
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "CTHEADWO", "L", "CT head without contrast"
    entry.SpecificCharacterSet = "ISO_IR 100"
    entry.AccessionNumber = values["accession"]
    entry.ReferringPhysicianName = ""
    entry.PatientName = f"{values['name']}^Alpha"
    entry.PatientID, entry.PatientBirthDate, entry.PatientSex = values["patient"], "19500102", "F"
    entry.StudyInstanceUID = values["study"]
    entry.RequestingPhysician = "ZZDOCTOR^BETA"
    entry.RequestedProcedureDescription = "CT head without contrast"
    entry.RequestedProcedureCodeSequence = [code]
    entry.AdmissionID = ""
    entry.ScheduledProcedureStepSequence = [step]
    entry.RequestedProcedureID, entry.RequestedProcedurePriority = "1", "ROUTINE"
    entry.ReasonForTheRequestedProcedure = "Made up"
    entry.PlacerOrderNumberImagingServiceRequest = values["placer"]
    entry.FillerOrderNumberImagingServiceRequest = values["filler"]
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.276.0.7230010.3.1.0.1"
    meta.MediaStorageSOPInstanceUID = values["file"]
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = BytesIO()
    FileDataset("", entry, file_meta=meta, preamble=bytes(128)).save_as(file, enforce_file_format=True)
    return file.getvalue()
