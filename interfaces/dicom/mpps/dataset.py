"""A Modality Performed Procedure Step dataset (PS3.3 B.17.2): as plain values, what is missing in it, and as stored.

Stored are datasets in Explicit VR Little Endian (PS3.5 A.2) and UTF-8.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from io import BytesIO
from math import isfinite
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode, encode

from ris.orders.intents import Code
from ris.orders.selectors_performed import StepReference
from ris.orders.services.placement import accession_within
from ris.patients.matching import Traits

from ..mwl import date_matching
from ..reconciliation.patient_check import DescribedPatient

IN_PROGRESS, COMPLETED, DISCONTINUED = "IN PROGRESS", "COMPLETED", "DISCONTINUED"

REQUIRED = {
    0x00400252: "Performed Procedure Step Status",
    0x00400270: "Scheduled Step Attributes Sequence",
    0x00400253: "Performed Procedure Step ID",
    0x00400241: "Performed Station AE Title",
    0x00400244: "Performed Procedure Step Start Date",
    0x00400245: "Performed Procedure Step Start Time",
    0x00080060: "Modality",
}
"""Type 1 in N-CREATE (PS3.4 table F.7.2-1)."""

NOT_IN_SET = frozenset(
    [
        0x00080005,  # Specific Character Set
        0x00080060,  # Modality
        0x00100010,  # Patient's Name
        0x00100020,  # Patient ID
        0x00100030,  # Patient's Birth Date
        0x00100040,  # Patient's Sex
        0x00081120,  # Referenced Patient Sequence
        0x00200010,  # Study ID
        0x00400241,  # Performed Station AE Title
        0x00400242,  # Performed Station Name
        0x00400243,  # Performed Location
        0x00400244,  # Performed Procedure Step Start Date
        0x00400245,  # Performed Procedure Step Start Time
        0x00400253,  # Performed Procedure Step ID
        0x00400270,  # Scheduled Step Attributes Sequence
    ]
)
"""Fixed by N-CREATE (same table): in an N-SET they are not taken over."""


def encode_dataset(dataset: Dataset) -> bytes:
    """Encode for storage, in UTF-8 whatever character set it came in. Raises ValueError when it cannot be encoded."""
    dataset.decode()  # with its own character set, before that is replaced
    dataset.SpecificCharacterSet = "ISO_IR 192"
    encoded = encode(dataset, False, True)
    if encoded is None:
        raise ValueError("the dataset cannot be encoded")
    return encoded


def decode_dataset(raw: bytes | memoryview) -> Dataset:
    """Decode a stored dataset. Raises what pydicom raises when the bytes are none."""
    return decode(BytesIO(bytes(raw)), False, True)


def text(dataset: Dataset, keyword: str) -> str:
    """The element's first value as text, empty when it is not there."""
    value = dataset.get(keyword)
    if value is None:
        return ""
    if not isinstance(value, str) and hasattr(value, "__iter__") and not hasattr(value, "family_name"):
        value = next(iter(value), "")
    # Some devices pad with NUL instead of a blank, also where PS3.5 6.2 asks for blanks.
    return str(value).strip(" \0\t\r\n")


def find_missing(dataset: Dataset) -> tuple[int, str, int] | None:
    """The first required attribute that is absent (0120) or empty (0121): tag, name, status."""
    for tag, name in REQUIRED.items():
        if tag not in dataset:
            return tag, name, 0x0120
        if not dataset[tag].value:
            return tag, name, 0x0121
    for item in dataset.ScheduledStepAttributesSequence:
        if not text(item, "StudyInstanceUID"):
            return 0x0020000D, "Study Instance UID", 0x0121 if "StudyInstanceUID" in item else 0x0120
    return None


def read_references(dataset: Dataset) -> list[StepReference]:
    """The scheduled steps that it refers to (0040,0270), one reference an item."""
    return [
        StepReference(
            # As long as a UI and an SH may be (PS3.5 6.2): longer ones match nothing, and must not fail the insert.
            # The first of an accession number's characters may be another order's.
            study_uid=text(item, "StudyInstanceUID")[:64],
            step_number=text(item, "ScheduledProcedureStepID"),
            procedure_number=text(item, "RequestedProcedureID"),
            accession=accession_within(text(item, "AccessionNumber")),
            modality=text(dataset, "Modality"),
        )
        for item in dataset.get("ScheduledStepAttributesSequence") or []
    ]


def read_moment(dataset: Dataset, which: str, zone: tzinfo) -> datetime | None:
    """``Start`` or ``End`` of the performed step by the clock of ``zone``; None when it cannot be read."""
    on = date_matching.parse_date(text(dataset, f"PerformedProcedureStep{which}Date"))
    at = date_matching.parse_time(text(dataset, f"PerformedProcedureStep{which}Time"))
    return None if on == date_matching.NEVER or at is None else datetime.combine(on, at[0], zone)


def read_series(dataset: Dataset) -> list[dict[str, Any]]:
    """The performed series (0040,0340) for the column ``PerformedStep.series``: UID, counts, protocol. No names."""
    return [
        {
            "uid": text(item, "SeriesInstanceUID"),
            "images": len(item.get("ReferencedImageSequence") or []),
            "others": len(item.get("ReferencedNonImageCompositeSOPInstanceSequence") or []),
            "protocol": text(item, "ProtocolName"),
            "description": text(item, "SeriesDescription"),
            "retrieve_ae": text(item, "RetrieveAETitle"),
        }
        for item in dataset.get("PerformedSeriesSequence") or []
    ]


def number(dataset: Dataset, keyword: str) -> float | None:
    """Value of a decimal string; None when it is absent or no number."""
    try:
        value = float(text(dataset, keyword))
    except ValueError:
        return None
    return value if isfinite(value) else None  # JSON has no NaN


def read_supplies(dataset: Dataset) -> list[dict[str, Any]]:
    """Contrast and other consumables for ``Mpps.supplies`` (Billing Supplies and Devices Sequence, PS3.3 C.4.17)."""
    supplies = []
    for item in dataset.get("BillingSuppliesAndDevicesSequence") or []:
        codes = item.get("BillingItemSequence") or []
        amounts = item.get("QuantitySequence") or []
        units = (amounts[0].get("MeasuringUnitsSequence") or []) if amounts else []
        supplies.append(
            {
                "code": text(codes[0], "CodeValue") if codes else "",
                "system": text(codes[0], "CodingSchemeDesignator") if codes else "",
                "name": text(codes[0], "CodeMeaning") if codes else "",
                "quantity": number(amounts[0], "Quantity") if amounts else None,
                "unit": text(units[0], "CodeValue") if units else "",
            }
        )
    return supplies


def read_reason_code(dataset: Dataset) -> str:
    """The code of the discontinuation reason (0040,0281), or empty."""
    items = dataset.get("PerformedProcedureStepDiscontinuationReasonCodeSequence") or []
    return text(items[0], "CodeValue") if items else ""


def read_protocols(dataset: Dataset) -> tuple[Code, ...]:
    """The performed protocols (0040,0260), all of them: scanners name one for each scan of the exam."""
    items = dataset.get("PerformedProtocolCodeSequence") or []
    codes = (
        Code(text(item, "CodeValue"), text(item, "CodeMeaning"), text(item, "CodingSchemeDesignator")) for item in items
    )
    return tuple(code for code in codes if code.value or code.text)


def read_patient(dataset: Dataset) -> DescribedPatient:
    """What it says of the patient: number, issuer, name, birth date, sex."""
    number, issuer = text(dataset, "PatientID"), text(dataset, "IssuerOfPatientID")
    return DescribedPatient(number=number, issuer=issuer, traits=_read_traits(dataset))


def _read_traits(dataset: Dataset) -> Traits:
    name = dataset.get("PatientName") or ""
    groups = str(name).split("=")
    family, given = ([*groups[0].split("^"), "", ""])[:2]
    born = date_matching.parse_date(text(dataset, "PatientBirthDate"))
    return Traits(
        family=family.strip(" \0"),
        given=given.strip(" \0"),
        ideographic=groups[1].strip(" \0") if len(groups) > 1 else "",
        birth_date=None if born == date_matching.NEVER else born,
        sex=text(dataset, "PatientSex").upper(),
    )
