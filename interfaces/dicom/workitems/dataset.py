"""Datasets of workitems as DICOM JSON (PS3.18 annex F): reading, checking, matching against a query."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

from ris.kernel.errors import Invalid
from ris.kernel.values import is_storable

Json = dict[str, Any]

PUSH = "1.2.840.10008.5.1.4.34.6.1"
"""UPS Push SOP Class: that of every instance, whatever was negotiated (PS3.4 CC.3.1)."""
SOP_CLASS, UID, STUDY_UID, TRANSACTION_UID = "00080016", "00080018", "0020000D", "00081195"
STATE, PRIORITY, WORKLIST_LABEL, STEP_LABEL = "00741000", "00741200", "00741202", "00741204"
START, READINESS, WORKITEM_CODE = "00404005", "00404041", "00404018"
PROGRESS, PERFORMED = "00741002", "00741216"
REQUESTS, INPUT, ACCESSION = "0040A370", "00404021", "00080050"
PERFORMED_START, PERFORMED_END = "00404050", "00404051"
REASON, CANCELED_AT = "00741238", "00404052"
_VR = {UID: "UI", SOP_CLASS: "UI", STATE: "CS", TRANSACTION_UID: "UI"}
_TAG = re.compile(r"[0-9A-F]{8}")
REQUIRED = {
    STEP_LABEL: "Procedure Step Label (0074,1204)",
    PRIORITY: "Scheduled Procedure Step Priority (0074,1200)",
    START: "Scheduled Procedure Step Start DateTime (0040,4005)",
    READINESS: "Input Readiness State (0040,4041)",
}
"""Type 1 attributes of N-CREATE (PS3.4 table CC.2.5-3) that only the requester can know."""
ENUMERATED = {PRIORITY: ("HIGH", "MEDIUM", "LOW"), READINESS: ("INCOMPLETE", "UNAVAILABLE", "READY")}


def read_dataset(raw: bytes) -> Json:
    """The one dataset of a body: an array of one, or the object itself. Raises Invalid."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise Invalid("The body is no JSON that can be read.", at="body") from None
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if not isinstance(body, dict) or not all(_TAG.fullmatch(tag.upper()) for tag in body):
        raise Invalid("One dataset in the DICOM JSON model is wanted: an array of one object.", at="body")
    if not is_storable(body):
        raise Invalid("NUL characters and halves of surrogate pairs are not allowed. Take them out.", at="body")
    try:
        Dataset.from_json(body)
    except Exception:  # whatever pydicom makes of it
        raise Invalid("This is no dataset in the DICOM JSON model (PS3.18 annex F).", at="body") from None
    return {tag.upper(): value for tag, value in body.items()}


def text_at(dataset: Mapping[str, Any], tag: str) -> str:
    """The first value of an attribute as text; empty where there is none."""
    values = (dataset.get(tag) or {}).get("Value") or [""]
    return str(values[0] if values[0] is not None else "").strip()


def items_at(dataset: Mapping[str, Any], tag: str) -> list[Json]:
    """The items of a sequence."""
    return [one for one in (dataset.get(tag) or {}).get("Value") or [] if isinstance(one, dict)]


def attribute(vr: str, *values: Any) -> Json:
    """An attribute; without ``Value`` where there is none."""
    kept = [value for value in values if value not in (None, "")]
    return {"vr": vr, "Value": kept} if kept else {"vr": vr}


def moment(at: datetime) -> str:
    """A DT value with its offset (PS3.5 6.2)."""
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S.%f+0000")


def check_new(dataset: Json) -> None:
    """Raise Invalid unless a workitem may be made of it."""
    missing = [name for tag, name in REQUIRED.items() if not text_at(dataset, tag)]
    if missing:
        raise Invalid(f"Add {', '.join(missing)}.", at="body")
    if text_at(dataset, STATE) not in ("", "SCHEDULED"):
        raise Invalid("A new workitem is SCHEDULED (0074,1000).", at=STATE)
    if text_at(dataset, TRANSACTION_UID):
        raise Invalid("A new workitem has no Transaction UID (0008,1195).", at=TRANSACTION_UID)
    check_values(dataset)


def check_values(dataset: Json) -> None:
    """Raise Invalid for a value that is none of those enumerated."""
    for tag, values in ENUMERATED.items():
        if text_at(dataset, tag) not in ("", *values):
            raise Invalid(f"One of {', '.join(values)} is wanted.", at=tag)


def study_uids(dataset: Json) -> Iterator[str]:
    """Study Instance UIDs of the requests and of the input."""
    for tag in (REQUESTS, INPUT):
        for item in items_at(dataset, tag):
            if uid := text_at(item, STUDY_UID):
                yield uid
    if uid := text_at(dataset, STUDY_UID):
        yield uid


def path_of(key: str) -> tuple[str, ...]:
    """Tags of a query key: ``ProcedureStepState``, ``00741000``, ``ScheduledWorkitemCodeSequence.CodeValue``.

    Raises Invalid for a name that the dictionary does not have.
    """
    tags = []
    for part in key.split("."):
        tag = part.upper() if _TAG.fullmatch(part.upper()) else ""
        number = None if tag else tag_for_keyword(part)
        if not tag and number is None:
            raise Invalid("No attribute has this name. Use a keyword or eight hexadecimal digits.", at=key)
        tags.append(tag or f"{number:08X}")
    return tuple(tags)


def matches(dataset: Json, path: tuple[str, ...], wanted: str) -> bool:
    """Whether an attribute fits: a value, a list of UIDs, wildcards, a range of times. Empty fits everything."""
    if not wanted or wanted == "*":
        return True
    if len(path) > 1:
        return any(matches(item, path[1:], wanted) for item in items_at(dataset, path[0]))
    values = [_plain(value) for value in (dataset.get(path[0]) or {}).get("Value") or []]
    vr = _vr_of(path[0])
    if vr in ("DA", "DT", "TM"):
        first, dash, last = wanted.partition("-")
        if not dash:
            return any(value.startswith(first) for value in values)
        return any(value >= first and (not last or value[: len(last)] <= last) for value in values)
    options = re.split(r"[,\\]", wanted) if vr == "UI" else [wanted]
    return any(fnmatchcase(value, option) for value in values for option in options)


def _plain(value: Any) -> str:
    return str(value.get("Alphabetic", "")) if isinstance(value, dict) else str(value)


def _vr_of(tag: str) -> str:
    try:
        return _VR.get(tag) or dictionary_VR(int(tag, 16))
    except KeyError:
        return "LO"
