"""The three questions of the worklist bench, a hundred different ones of each."""

from __future__ import annotations

from datetime import timedelta

from pydicom.dataset import Dataset
from pynetdicom.dsutils import encode

from mwl.fill import ROWS_A_DAY, Plan, accession, first_day

QUERIES = {"own AE and day": ROWS_A_DAY, "accession": 1, "name*": 10}
"""And how many rows answer each."""

_ROOT = (  # noqa: SIM905
    "PatientName PatientID PatientBirthDate PatientSex AccessionNumber StudyInstanceUID ReferringPhysicianName "
    "RequestingPhysician AdmissionID RequestedProcedureID RequestedProcedureDescription RequestedProcedurePriority "
    "ReasonForTheRequestedProcedure PlacerOrderNumberImagingServiceRequest FillerOrderNumberImagingServiceRequest"
).split()
_STEP = (  # noqa: SIM905
    "Modality ScheduledStationAETitle ScheduledProcedureStepStartDate ScheduledProcedureStepStartTime "
    "ScheduledPerformingPhysicianName ScheduledProcedureStepDescription ScheduledProcedureStepID "
    "ScheduledStationName ScheduledProcedureStepLocation"
).split()


def identifiers(query: str, plan: Plan) -> list[str]:
    """Encoded, as hexadecimal."""
    return [_identifier(query, plan, n * 7919 % plan.entries) for n in range(100)]


def _identifier(query: str, plan: Plan, i: int) -> str:
    asked, step = Dataset(), Dataset()
    for name in _ROOT:
        setattr(asked, name, "")
    asked.RequestedProcedureCodeSequence = []
    for name in _STEP:
        setattr(step, name, "")
    if query == "accession":
        asked.AccessionNumber = accession(i)
    elif query == "name*":
        asked.PatientName = plan.name(i) + "*"
    else:
        step.ScheduledStationAETitle = plan.station(i)
        step.ScheduledProcedureStepStartDate = f"{first_day() + timedelta(days=plan.day(i)):%Y%m%d}"
    asked.ScheduledProcedureStepSequence = [step]
    encoded = encode(asked, True, True)
    assert encoded
    return encoded.hex()
