"""Dose of an exam as an MPPS reports it (PS3.3 C.4.16, Radiation Dose Module; PS3.16 TID 10012 for coded values)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset

from .dataset import number, text

DLP_TOTAL, DLP = "113813", "113838"
"""DCM codes: "CT Dose Length Product Total" of an exam, "DLP" of one irradiation event, both in mGy·cm."""
FROM_CODE, FROM_COMMENT = "code", "comment"
"""Where a dose-length product was read. A comment is free text: the pages say so beside the number."""

_ELEMENTS = {
    "dap": "ImageAndFluoroscopyAreaDoseProduct",
    "fluoroscopy_s": "TotalTimeOfFluoroscopy",
    "exposures": "TotalNumberOfExposures",
    "entrance_mgy": "EntranceDoseInmGy",
}

_NUMBER = r"(\d[\d.,]*)"
# A number with another unit is no dose-length product: "Total 812 mAs".
_NOT_OTHER_UNIT = r"(?![\d.,]*\s*(?:mAs|mA|kV|s\b|sec|mGy(?!\s*\W?\s*cm)))"
_TOTAL = re.compile(
    rf"\b(?:total\s*(?:DLP)?|DLP\s*\(?(?:total|tot\.?|sum|gesamt)\)?)(?:\s*[(\[]?\s*mGy\W{{0,3}}cm\s*[)\]]?)?"
    rf"[\s:=]*{_NOT_OTHER_UNIT}{_NUMBER}{_NOT_OTHER_UNIT}",
    re.IGNORECASE,
)
_ANY = re.compile(rf"\bDLP\b[^\d\w]{{0,4}}(?:\(?mGy\W{{0,3}}cm\)?)?[\s:=]*{_NUMBER}", re.IGNORECASE)


def read_dose(dataset: Dataset) -> dict[str, Any]:
    """Dose as reported: ``dap`` in dGy·cm², ``ctdivol`` of each exposure in mGy, ``dlp`` in mGy·cm, ``fluoroscopy_s``.

    ``dlp_from`` says where the dose-length product was read: a coded value wins; else the comment, where that says
    one total or one value. Several values without a total are not added up or chosen from: there is no ``dlp`` then.
    """
    dose: dict[str, Any] = {name: number(dataset, keyword) for name, keyword in _ELEMENTS.items()}
    exposures = dataset.get("ExposureDoseSequence") or []
    dose["ctdivol"] = [v for item in exposures if (v := number(item, "CTDIvol")) is not None] or None
    comment = text(dataset, "CommentsOnRadiationDose")
    dose["dlp"], dose["dlp_from"] = _read_coded_dlp(dataset), FROM_CODE
    if dose["dlp"] is None:
        dose["dlp"], dose["dlp_from"] = read_dlp_comment(comment), FROM_COMMENT
    if dose["dlp"] is None:
        dose["dlp_from"] = None
    dose["comment"] = comment or None
    return {name: value for name, value in dose.items() if value is not None}


def find_dose_doubts(dose: dict[str, Any]) -> list[str]:
    """What a person should know of how the dose was read; empty when it was coded or not reported."""
    if dose.get("dlp_from") == FROM_COMMENT:
        return ["DLP read from the comment"]
    if "dlp" not in dose and re.search(r"\bDLP\b", dose.get("comment", ""), re.IGNORECASE):
        return ["DLP in the comment is not clear"]
    return []


def _read_coded_dlp(dataset: Dataset) -> float | None:
    values: dict[str, list[float]] = {DLP_TOTAL: [], DLP: []}
    for item in _items(dataset):
        codes = item.get("ConceptNameCodeSequence") or []
        code = text(codes[0], "CodeValue") if codes else ""
        if code in values:
            measured = [item, *(item.get("MeasuredValueSequence") or [])]
            values[code] += [v for part in measured if (v := number(part, "NumericValue")) is not None]
    if values[DLP_TOTAL]:
        return values[DLP_TOTAL][-1]
    return sum(values[DLP]) if values[DLP] else None


def _items(dataset: Dataset) -> Iterator[Dataset]:
    """Every item of every sequence, at any depth: no place is defined for coded dose in an MPPS."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value or []:
                yield item
                yield from _items(item)


def read_dlp_comment(comment: str) -> float | None:
    """The dose-length product that a comment says; None when it says none, or several without a total."""
    if not re.search(r"\bDLP\b", comment, re.IGNORECASE):
        return None
    totals = {match.group(1) for match in _TOTAL.finditer(comment)}
    values = totals or {match.group(1) for match in _ANY.finditer(comment)}
    numbers = {_parse_number(value) for value in values}
    return numbers.pop() if len(numbers) == 1 else None


def _parse_number(written: str) -> float | None:
    """A number with either decimal sign; None where it cannot be told from a thousands separator (``1,234``)."""
    digits = written.rstrip(".,")
    if re.fullmatch(r"\d+([.,]\d+)?", digits):
        return None if re.fullmatch(r"\d{1,3},\d{3}", digits) else float(digits.replace(",", "."))
    if re.fullmatch(r"\d{1,3}(\.\d{3})+(,\d+)?", digits):
        return float(digits.replace(".", "").replace(",", "."))
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", digits):
        return float(digits.replace(",", ""))
    return None
