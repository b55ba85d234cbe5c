"""The attributes of a worklist entry (PS3.4 table K.6-1) as data: the value of each, and which are matching keys.

The conformance statement in ``docs/interfaces/dicom.md`` is printed from these tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from textwrap import wrap

from ris.orders import states
from ris.orders.mwl.rows import Entry

Plain = str | int | list[str] | None
Item = list[tuple[int, str, Plain]]
Value = Plain | list[Item]

SPS = 0x00400100
"""Scheduled Procedure Step Sequence."""
CHARACTER_SET = 0x00080005
TIMEZONE = 0x00080201
LEVEL = 0x00080052
"""Query/Retrieve Level: no worklist key, but some devices send it."""

MAX_LO = 64
"""Characters of an LO (PS3.5 table 6.2-1)."""

STATUS_WORDS = {
    states.SCHEDULED: "SCHEDULED",
    states.ARRIVED: "ARRIVED",
    states.STARTED: "STARTED",
    states.COMPLETED: "COMPLETED",
    states.DISCONTINUED: "DISCONTINUED",
    states.CANCELLED: "CANCELLED",
}
"""Scheduled Procedure Step Status (0040,0020)."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """``of`` says the value; ``asks`` names the field of MwlQuestion that a value in the query fills."""

    tag: int
    vr: str
    name: str
    of: Callable[[Entry], Value]
    asks: str = ""


def _empty(_: Entry) -> None:
    """No value: the attribute is returned empty."""
    return


def _empty_sequence(_: Entry) -> list[Item]:
    return []


def code_item(value: str, scheme: str, meaning: str) -> list[Item]:
    """A code sequence. Without a code there is no item: one with an empty Code Value gets the line refused."""
    if not value:
        return []
    code: tuple[int, str, Plain] = (0x00080100, "SH", value)
    if len(value) > 16:
        # Code Value is an SH of 16 characters; a longer code goes into Long Code Value (PS3.3 8.1).
        code = (0x00080119, "UC", value)
    return [sorted([code, (0x00080102, "SH", scheme or "L"), (0x00080104, "LO", meaning or value)])]


def code_items(codes: list[list[str]]) -> list[Item]:
    """A code sequence of several items, each given as [code, text, system, …]."""
    return [item for value, text, system, *_ in codes for item in code_item(value, system, text)]


def _alerts(e: Entry) -> list[str]:
    """The patient's alerts, then the relevant clinical information (OBR-13), in values that an LO can hold.

    Weight and height have attributes of their own: an alert that says nothing new hides those that do.
    """
    lines = [line for line in e.clinical_info.splitlines() if not _BODY_MEASURE.fullmatch(line)]
    return [*e.alerts, *(part for line in lines for part in wrap(line, MAX_LO))]


# A line of the clinical information that an OBX made, such as "Body weight: 80,5 kg".
_BODY_MEASURE = re.compile(r"(?:(?:body|patient) )?(?:weight|height): [\d.,]+ ?\[?[a-z_]*\]?", re.IGNORECASE)


def _decimal(number: float | str) -> str:
    """A DS of at most three places after the point; empty when it is not known."""
    # A DS has 16 characters; three places are grams and millimetres.
    return "" if number == "" else f"{round(float(number), 3):.10g}"


def _others(e: Entry) -> list[list[str]]:
    return [item for item in e.identifiers if (item[0], item[1]) != (e.identifier, e.issuer)]


def _other_ids(e: Entry) -> list[Item]:
    return [
        [(0x00100020, "LO", value), (0x00100021, "LO", authority), (0x00100022, "CS", "TEXT")]
        for value, authority, _ in _others(e)
    ]


def _offset(e: Entry) -> str:
    return e.local_start.strftime("%z")


ROOT: tuple[Attribute, ...] = (
    Attribute(0x00080050, "SH", "Accession Number", lambda e: e.accession, "accessions"),
    Attribute(0x00080080, "LO", "Institution Name", lambda e: e.institution),
    Attribute(0x00080090, "PN", "Referring Physician's Name", lambda e: e.referring, "referring_physicians"),
    Attribute(TIMEZONE, "SH", "Timezone Offset From UTC", _offset),
    Attribute(0x00081080, "LO", "Admitting Diagnoses Description", lambda e: [d[1] for d in e.diagnoses if d[1]]),
    Attribute(0x00081084, "SQ", "Admitting Diagnoses Code Sequence", lambda e: code_items(e.diagnoses)),
    # Type 2 (PS3.4 table K.6-1), returned empty: its items would be instances of retired study management classes.
    Attribute(0x00081110, "SQ", "Referenced Study Sequence", _empty_sequence),
    Attribute(0x00081120, "SQ", "Referenced Patient Sequence", _empty_sequence),
    Attribute(0x00100010, "PN", "Patient's Name", lambda e: e.patient_name, "patient_names"),
    Attribute(0x00100020, "LO", "Patient ID", lambda e: e.identifier, "patient_ids"),
    Attribute(0x00100021, "LO", "Issuer of Patient ID", lambda e: e.issuer, "issuers"),
    Attribute(
        0x00100030,
        "DA",
        "Patient's Birth Date",
        lambda e: e.birth_date.strftime("%Y%m%d") if e.birth_date else "",
        "birth_dates",
    ),
    Attribute(0x00100040, "CS", "Patient's Sex", lambda e: e.sex, "sexes"),
    Attribute(0x00101000, "LO", "Other Patient IDs", lambda e: [item[0] for item in _others(e)]),
    Attribute(0x00101002, "SQ", "Other Patient IDs Sequence", _other_ids),
    Attribute(0x00101020, "DS", "Patient's Size", lambda e: _decimal(e.height_m)),
    Attribute(0x00101030, "DS", "Patient's Weight", lambda e: _decimal(e.weight_kg)),
    Attribute(0x00101040, "LO", "Patient's Address", lambda e: e.address),
    Attribute(0x00102000, "LO", "Medical Alerts", _alerts),
    Attribute(0x00102110, "LO", "Allergies", lambda e: e.allergies),
    Attribute(0x00102154, "SH", "Patient's Telephone Numbers", lambda e: e.phone),
    Attribute(0x00102160, "SH", "Ethnic Group", _empty),
    Attribute(0x001021B0, "LT", "Additional Patient History", lambda e: e.clinical_info),
    # 3 is "definitely pregnant" (PS3.3 C.2.4); nothing is said of all others, since not known is not "no".
    Attribute(0x001021C0, "US", "Pregnancy Status", lambda e: 3 if e.pregnant else None),
    Attribute(0x00104000, "LT", "Patient Comments", _empty),
    Attribute(0x0020000D, "UI", "Study Instance UID", lambda e: e.study_uid, "study_uids"),
    Attribute(0x00321032, "PN", "Requesting Physician", lambda e: e.ordering_provider, "requesting_physicians"),
    Attribute(0x00321033, "LO", "Requesting Service", _empty),
    Attribute(0x00321060, "LO", "Requested Procedure Description", lambda e: e.code_text or e.code),
    Attribute(
        0x00321064,
        "SQ",
        "Requested Procedure Code Sequence",
        lambda e: code_item(e.code, e.coding_system, e.code_text),
        "procedure_codes",
    ),
    Attribute(0x00380010, "LO", "Admission ID", lambda e: e.visit_number, "admission_ids"),
    Attribute(0x00380016, "LO", "Route of Admissions", lambda e: e.patient_class),
    Attribute(0x00380050, "LO", "Special Needs", _empty),
    Attribute(0x00380300, "LO", "Current Patient Location", lambda e: e.visit_location),
    Attribute(0x00380500, "LO", "Patient State", lambda e: e.patient_state),
    Attribute(SPS, "SQ", "Scheduled Procedure Step Sequence", _empty_sequence),
    Attribute(0x00401001, "SH", "Requested Procedure ID", lambda e: e.procedure_number, "procedure_numbers"),
    Attribute(0x00401002, "LO", "Reason for the Requested Procedure", lambda e: e.reason),
    Attribute(0x00401003, "SH", "Requested Procedure Priority", lambda e: e.priority, "priorities"),
    Attribute(0x00401004, "LO", "Patient Transport Arrangements", lambda e: e.transport),
    Attribute(0x00401005, "LO", "Requested Procedure Location", lambda e: e.location),
    Attribute(0x0040100A, "SQ", "Reason for Requested Procedure Code Sequence", lambda e: code_items(e.reason_codes)),
    Attribute(
        0x00401010, "PN", "Names of Intended Recipients of Results", lambda e: [c[1] for c in e.copies_to if c[1]]
    ),
    Attribute(0x00401400, "LT", "Requested Procedure Comments", lambda e: e.comments),
    Attribute(0x00402010, "SH", "Order Callback Phone Number", lambda e: e.call_back_phone),
    Attribute(
        0x00402016, "LO", "Placer Order Number / Imaging Service Request", lambda e: e.placer_number, "placer_numbers"
    ),
    Attribute(
        0x00402017, "LO", "Filler Order Number / Imaging Service Request", lambda e: e.filler_number, "filler_numbers"
    ),
    Attribute(0x00402400, "LT", "Imaging Service Request Comments", lambda e: e.comments),
    Attribute(0x00403001, "LO", "Confidentiality Constraint on Patient Data Description", _empty),
)

ITEM: tuple[Attribute, ...] = (
    Attribute(0x00080060, "CS", "Modality", lambda e: e.modality, "modalities"),
    Attribute(0x00321070, "LO", "Requested Contrast Agent", _empty),
    Attribute(0x00400001, "AE", "Scheduled Station AE Title", lambda e: e.station_aes, "stations"),
    Attribute(
        0x00400002,
        "DA",
        "Scheduled Procedure Step Start Date",
        lambda e: e.local_start.strftime("%Y%m%d"),
        "start_from",
    ),
    Attribute(
        0x00400003,
        "TM",
        "Scheduled Procedure Step Start Time",
        lambda e: e.local_start.strftime("%H%M%S"),
        "start_from",
    ),
    Attribute(0x00400004, "DA", "Scheduled Procedure Step End Date", lambda e: local_end(e, "%Y%m%d")),
    Attribute(0x00400005, "TM", "Scheduled Procedure Step End Time", lambda e: local_end(e, "%H%M%S")),
    Attribute(
        0x00400006,
        "PN",
        "Scheduled Performing Physician's Name",
        lambda e: e.performing_physician,
        "performing_physicians",
    ),
    Attribute(0x00400007, "LO", "Scheduled Procedure Step Description", lambda e: e.step_text, "descriptions"),
    Attribute(
        0x00400008,
        "SQ",
        "Scheduled Protocol Code Sequence",
        lambda e: code_items(e.protocols),
        "protocol_codes",
    ),
    Attribute(0x00400009, "SH", "Scheduled Procedure Step ID", lambda e: e.step_number, "step_numbers"),
    Attribute(0x00400010, "SH", "Scheduled Station Name", lambda e: e.station_names, "station_names"),
    Attribute(0x00400011, "SH", "Scheduled Procedure Step Location", lambda e: e.location, "locations"),
    Attribute(0x00400012, "LO", "Pre-Medication", _empty),
    Attribute(0x00400020, "CS", "Scheduled Procedure Step Status", lambda e: STATUS_WORDS.get(e.state, ""), "states"),
    Attribute(0x00400400, "LT", "Comments on the Scheduled Procedure Step", _empty),
)


def local_end(e: Entry, form: str) -> str:
    """The planned end by the site's clock. Minutes are elapsed time, so they are added in UTC."""
    ended = e._replace(start=e.start + timedelta(minutes=e.minutes))
    return ended.local_start.strftime(form)


ROOT_BY_TAG = {a.tag: a for a in ROOT}
ITEM_BY_TAG = {a.tag: a for a in ITEM}
