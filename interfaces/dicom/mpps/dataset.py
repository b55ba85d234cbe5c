"""A Modality Performed Procedure Step dataset (PS3.3 B.17) as plain values, and what is wrong with it."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import Any

from pydicom.dataset import Dataset

from ris.orders.selectors_performed import StepReference

from ..mwl import date_matching

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
        0x00080005,
        0x00080060,
        0x00100010,
        0x00100020,
        0x00100030,
        0x00100040,
        0x00081120,
        0x00200010,
        0x00400241,
        0x00400242,
        0x00400243,
        0x00400244,
        0x00400245,
        0x00400253,
        0x00400270,
    ]
)
"""Fixed by N-CREATE (same table): in an N-SET they are not taken over."""


def text(dataset: Dataset, keyword: str) -> str:
    """The element's first value as text, empty when it is not there."""
    value = dataset.get(keyword)
    if value is None:
        return ""
    if not isinstance(value, str) and hasattr(value, "__iter__") and not hasattr(value, "family_name"):
        value = next(iter(value), "")
    return str(value).strip()


def first_missing(dataset: Dataset) -> tuple[int, str, int] | None:
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


def references(dataset: Dataset) -> list[StepReference]:
    """What it refers to, one for each scheduled step."""
    return [
        StepReference(
            study_uid=text(item, "StudyInstanceUID"),
            step_number=text(item, "ScheduledProcedureStepID"),
            procedure_number=text(item, "RequestedProcedureID"),
            accession=text(item, "AccessionNumber"),
            modality=text(dataset, "Modality"),
        )
        for item in dataset.get("ScheduledStepAttributesSequence") or []
    ]


def moment(dataset: Dataset, which: str, zone: tzinfo) -> datetime | None:
    """``Start`` or ``End`` of the performed step by the clock of ``zone``; None when it cannot be read."""
    on = date_matching.parse_date(text(dataset, f"PerformedProcedureStep{which}Date"))
    at = date_matching.parse_time(text(dataset, f"PerformedProcedureStep{which}Time"))
    return None if on == date_matching.NEVER or at is None else datetime.combine(on, at[0], zone)


def series(dataset: Dataset) -> list[dict[str, Any]]:
    """The performed series: UID, counts, protocol. No names."""
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


_DLP = re.compile(r"\bDLP\D{0,12}?(\d+(?:\.\d+)?)", re.IGNORECASE)
"""MPPS has no attribute for the dose-length product; scanners say it in the comment."""

_DOSE = {
    "dap": "ImageAndFluoroscopyAreaDoseProduct",
    "fluoroscopy_s": "TotalTimeOfFluoroscopy",
    "exposures": "TotalNumberOfExposures",
    "entrance_mgy": "EntranceDoseInmGy",
}


def dose(dataset: Dataset) -> dict[str, Any]:
    """Dose as reported: ``dap`` in dGy·cm², ``ctdivol`` for each exposure in mGy, ``dlp`` in mGy·cm."""
    found: dict[str, Any] = {name: number(dataset, keyword) for name, keyword in _DOSE.items()}
    exposures = dataset.get("ExposureDoseSequence") or []
    found["ctdivol"] = [v for item in exposures if (v := number(item, "CTDIvol")) is not None] or None
    comment = text(dataset, "CommentsOnRadiationDose")
    said = _DLP.search(comment)
    found["dlp"] = float(said.group(1)) if said else None
    return {name: value for name, value in found.items() if value is not None} | (
        {"comment": comment} if comment else {}
    )


def number(dataset: Dataset, keyword: str) -> float | None:
    """Value of a decimal string; None when it is absent or no number."""
    try:
        return float(text(dataset, keyword))
    except ValueError:
        return None


def supplies(dataset: Dataset) -> list[dict[str, Any]]:
    """Contrast and other consumables (Billing Supplies and Devices Sequence, PS3.3 C.4.17)."""
    found = []
    for item in dataset.get("BillingSuppliesAndDevicesSequence") or []:
        codes = item.get("BillingItemSequence") or []
        amounts = item.get("QuantitySequence") or []
        units = (amounts[0].get("MeasuringUnitsSequence") or []) if amounts else []
        found.append(
            {
                "code": text(codes[0], "CodeValue") if codes else "",
                "system": text(codes[0], "CodingSchemeDesignator") if codes else "",
                "name": text(codes[0], "CodeMeaning") if codes else "",
                "quantity": number(amounts[0], "Quantity") if amounts else None,
                "unit": text(units[0], "CodeValue") if units else "",
            }
        )
    return found


def reason_code(dataset: Dataset) -> str:
    """The discontinuation reason's code (0040,0281), or empty."""
    items = dataset.get("PerformedProcedureStepDiscontinuationReasonCodeSequence") or []
    return text(items[0], "CodeValue") if items else ""
