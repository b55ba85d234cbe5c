"""A scanner for the demo and the tests: queries its worklist, reports its exams by MPPS (IHE RAD-5, 6, 7)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ModalityPerformedProcedureStep,
    ModalityWorklistInformationFind,
)

# PS3.4 K.4.1.1.4: more answers follow; FF01: the provider does not support one of the optional keys.
PENDING = (0xFF00, 0xFF01)


class DimseFailure(Exception):
    """The peer did not associate, or answered a request with a failure status."""


class Scanner:
    """A device with one AE title, talking to the worklist and MPPS provider at ``address``."""

    def __init__(self, ae_title: str, address: tuple[str, int], called: str = "RIS") -> None:
        self.ae_title, self.address, self.called = ae_title, address, called

    def worklist(self, **step_keys: str) -> list[Dataset]:
        """Today's entries for this AE title (C-FIND). ``step_keys`` add or override keys of the step item."""
        keys = {
            "ScheduledStationAETitle": self.ae_title,
            "ScheduledProcedureStepStartDate": "",
            "Modality": "",
            "ScheduledProcedureStepID": "",
            "ScheduledProcedureStepDescription": "",
        }
        step = Dataset()
        for name, value in (keys | step_keys).items():
            setattr(step, name, value)
        query = Dataset()
        query.ScheduledProcedureStepSequence = [step]
        for name in (
            "PatientName",
            "PatientID",
            "PatientBirthDate",
            "PatientSex",
            "AccessionNumber",
            "StudyInstanceUID",
            "RequestedProcedureID",
            "RequestedProcedureDescription",
            "PlacerOrderNumberImagingServiceRequest",
        ):
            setattr(query, name, "")
        association = self._associate(ModalityWorklistInformationFind)
        try:
            answers = list(association.send_c_find(query, ModalityWorklistInformationFind))
        finally:
            association.release()
        _check(answers[-1][0])
        return [entry for status, entry in answers if status.Status in PENDING and entry is not None]

    def entry(self, placer_number: str) -> Dataset | None:
        """The worklist entry of that placer order number, if this scanner's list has it."""
        entries = (e for e in self.worklist() if e.get("PlacerOrderNumberImagingServiceRequest") == placer_number)
        return next(entries, None)

    def begin(self, entry: Dataset, **changes: Any) -> str:
        """Start the exam of a worklist entry (MPPS N-CREATE, IN PROGRESS); returns the MPPS SOP Instance UID."""
        performed = _filled(Dataset(), _begun(entry, self.ae_title, datetime.now(UTC).astimezone()) | changes)
        uid = generate_uid()
        association = self._associate(ModalityPerformedProcedureStep)
        try:
            status, _ = association.send_n_create(performed, ModalityPerformedProcedureStep, uid)
        finally:
            association.release()
        _check(status)
        return uid

    def complete(self, uid: str, **changes: Any) -> None:
        """End the exam (MPPS N-SET, COMPLETED unless ``changes`` say otherwise), with one series."""
        ending = _filled(Dataset(), _ended(datetime.now(UTC).astimezone()) | changes)
        association = self._associate(ModalityPerformedProcedureStep)
        try:
            status, _ = association.send_n_set(ending, ModalityPerformedProcedureStep, uid)
        finally:
            association.release()
        _check(status)

    def _associate(self, sop_class: Any) -> Association:
        ae = AE(ae_title=self.ae_title)
        ae.add_requested_context(sop_class)
        association = ae.associate(*self.address, ae_title=self.called)
        if not association.is_established:
            raise DimseFailure(f"{self.called} at {self.address[0]}:{self.address[1]} did not associate")
        return association


def _check(status: Dataset) -> None:
    code = status.get("Status")
    # Warnings of PS3.7 annex C, with which the request was done: optional attributes (0001), attribute list (0107),
    # value out of range (0116).
    if code is None or (code != 0 and code not in (0x0001, 0x0107, 0x0116)):
        comment = status.get("ErrorComment", "")
        raise DimseFailure(f"status {'none' if code is None else f'{code:04X}'} {comment}".strip())


def _filled(dataset: Dataset, values: dict[str, Any]) -> Dataset:
    for name, value in values.items():
        setattr(dataset, name, value)
    return dataset


def _begun(entry: Dataset, ae_title: str, at: datetime) -> dict[str, Any]:
    """The N-CREATE attributes of PS3.4 Table F.7.2-1, those of type 2 empty."""
    step = entry.ScheduledProcedureStepSequence[0]
    scheduled = {
        "StudyInstanceUID": entry.StudyInstanceUID,
        "AccessionNumber": entry.AccessionNumber,
        "RequestedProcedureID": entry.RequestedProcedureID,
        "RequestedProcedureDescription": entry.get("RequestedProcedureDescription", ""),
        "ScheduledProcedureStepID": step.ScheduledProcedureStepID,
        "ScheduledProcedureStepDescription": step.get("ScheduledProcedureStepDescription", ""),
        "ReferencedStudySequence": [],
        "ScheduledProtocolCodeSequence": [],
    }
    patient = {name: entry.get(name, "") for name in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")}
    return patient | {
        "ScheduledStepAttributesSequence": [_filled(Dataset(), scheduled)],
        "ReferencedPatientSequence": [],
        "PerformedProcedureStepID": f"PPS{at:%H%M%S%f}"[:16],
        "PerformedStationAETitle": ae_title,
        "PerformedStationName": ae_title,
        "PerformedLocation": "",
        "PerformedProcedureStepStartDate": f"{at:%Y%m%d}",
        "PerformedProcedureStepStartTime": f"{at:%H%M%S}",
        "PerformedProcedureStepEndDate": "",
        "PerformedProcedureStepEndTime": "",
        "PerformedProcedureStepStatus": "IN PROGRESS",
        "PerformedProcedureStepDescription": "",
        "PerformedProcedureTypeDescription": "",
        "ProcedureCodeSequence": [],
        "Modality": step.Modality,
        "TimezoneOffsetFromUTC": f"{at:%z}",
        "StudyID": entry.RequestedProcedureID,
        "PerformedProtocolCodeSequence": [],
        "PerformedSeriesSequence": [],
    }


def _ended(at: datetime) -> dict[str, Any]:
    """The N-SET attributes of a final state, with one series (PS3.4 F.7.2.2.2)."""
    series = {
        "SeriesInstanceUID": generate_uid(),
        "SeriesDescription": "",
        "ProtocolName": "DEMO",
        "PerformingPhysicianName": "",
        "OperatorsName": "",
        "RetrieveAETitle": "",
        "ReferencedImageSequence": [],
        "ReferencedNonImageCompositeSOPInstanceSequence": [],
    }
    return {
        "PerformedProcedureStepStatus": "COMPLETED",
        "PerformedProcedureStepEndDate": f"{at:%Y%m%d}",
        "PerformedProcedureStepEndTime": f"{at:%H%M%S}",
        "PerformedSeriesSequence": [_filled(Dataset(), series)],
    }
