"""ORU^R01: what was released of a report (IHE RAD-28 / RAD-128)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime

from interfaces.hl7.models import Destination
from reporting.models import ReportVersion
from reporting.rendering.content import critical_of, parts_of
from reporting.rendering.pdf import render_pdf
from ris.orders.models import RequestedProcedure, ScheduledStep
from ris.patients.selectors import survivor

from .segments import (
    Encoded,
    compose,
    write_msh,
    write_obr,
    write_orc,
    write_pid,
    write_pv1,
    write_segment,
    write_timestamp,
)

SECTIONS = {
    "technique": ("55111-9", "Current imaging procedure descriptions"),
    "comparison": ("18834-2", "Radiology comparison study"),
    "findings": ("59776-5", "Procedure findings"),
    "impression": ("19005-8", "Radiology imaging study impression"),
    "addendum": ("55107-7", "Addendum"),
}
"""Section of a report → LOINC code and name in OBX-3."""

STUDY = compose("113014", "DICOM Study", "DCM")
DOCUMENT = compose("18748-4", "Diagnostic imaging study", "LN")
OURS = "99WETREAD"
ACTIONABLE = compose("ACTIONABLE", "Critical finding", OURS)
AGREEMENT = compose("AGREEMENT", "Agreement with the preliminary report", OURS)

STATUS = {
    ReportVersion.PRELIMINARY: "P",
    ReportVersion.FINAL: "F",
    ReportVersion.ADDENDUM: "A",
    ReportVersion.CORRECTED: "C",
}
"""OBR-25 by kind of version. An addendum comes with the final text that it adds to."""
LINE_STATUS = {ReportVersion.PRELIMINARY: "P", ReportVersion.CORRECTED: "C"}
"""OBX-11 by kind of version; else F."""

CRITICAL = {
    "red": ("RID49480", "Cat 1 Emergent Actionable Finding"),
    "orange": ("RID49481", "Cat 2 Urgent Actionable Finding"),
    "yellow": ("RID49482", "Cat 3 Non-critical Actionable Finding"),
}
"""Level of a critical finding → RadLex code of its category (ACR; IHE RAD Results Distribution)."""
CRITICALLY_ABNORMAL = "AA"
"""OBX-8 of the impression and of the critical finding (table 0078)."""
AGREEMENTS = {
    "agree": ("1", "Agrees with the preliminary report"),
    "minor": ("2", "Minor discrepancy"),
    "major": ("3", "Major discrepancy"),
}
"""What the signer says of the preliminary → RADPEER's score."""

Fields = dict[int, str | Encoded]


def build_result(destination: Destination, version: ReportVersion, control_id: str, at: datetime) -> list[str]:
    """The segments of the message that tells ``destination`` of ``version``."""
    procedure = version.report.procedure
    order = procedure.order
    status = STATUS[version.kind]
    if version.kind == ReportVersion.ADDENDUM:
        status = str(destination.options.get("addendum_status", status))
    extra: Fields = {
        7: write_timestamp(_performed_at(procedure)),
        20: _first_step_number(procedure),
        22: write_timestamp(version.signed_at),
        25: status,
        32: compose(_interpreter(version)),
    }
    return [
        write_msh(destination, "ORU^R01^ORU_R01", control_id, at),
        write_pid(survivor(order.patient)),
        write_pv1(order.visit),
        write_orc(order, "RE", status="IP" if status == "P" else "CM"),
        write_obr(order, procedure, extra),
        *_numbered(_observations(destination, version), LINE_STATUS.get(version.kind, "F")),
    ]


def _numbered(groups: Iterator[list[Fields]], status: str) -> Iterator[str]:
    """OBX-1 counts the lines; those of one group share OBX-4."""
    number = 0
    for group, lines in enumerate(groups, start=1):
        for fields in lines:
            number += 1
            yield write_segment("OBX", {1: str(number), 4: str(group), 11: status} | fields)


def _observations(destination: Destination, version: ReportVersion) -> Iterator[list[Fields]]:
    """The Study UID, each section line by line, and what the destination wants beside them."""
    options = destination.options
    critical = critical_of(version) if options.get("critical", True) else None
    yield [{2: "HD", 3: STUDY, 5: version.report.procedure.study_uid}]
    for part in parts_of(version):
        flag = CRITICALLY_ABNORMAL if critical and part.section == "impression" else ""
        code = compose(*SECTIONS[part.section], "LN")
        yield _lines(part.text, {3: code, 8: flag, 14: write_timestamp(part.version.signed_at)})
    if critical:
        coded: Fields = {3: ACTIONABLE, 8: CRITICALLY_ABNORMAL, 14: write_timestamp(critical.critical_at)}
        value = compose(*CRITICAL[critical.critical_level], "RADLEX", critical.critical_level.upper(), "", OURS)
        yield [{2: "CE", 5: value} | coded, *_lines(critical.critical_finding, coded)]
    if version.agreement and options.get("discrepancy"):
        yield _agreement(version)
    if options.get("pdf"):
        yield [{2: "ED", 3: DOCUMENT, 5: _encapsulated(render_pdf(version)), 14: write_timestamp(version.signed_at)}]


def _lines(text: str, fields: Mapping[int, str | Encoded]) -> list[Fields]:
    return [{2: "TX", 5: line or " "} | dict(fields) for line in text.splitlines() or [""]]


def _agreement(version: ReportVersion) -> list[Fields]:
    said: Fields = {3: AGREEMENT, 14: write_timestamp(version.signed_at)}
    coded: Fields = {2: "CE", 5: compose(*AGREEMENTS[version.agreement], OURS)}
    return [coded | said, *(_lines(version.agreement_note, said) if version.agreement_note else [])]


def _encapsulated(pdf: bytes) -> Encoded:
    """ED: type of data, subtype, encoding, data."""
    return compose("", "application", "pdf", "Base64", b64encode(pdf).decode("ascii"))


def _interpreter(version: ReportVersion) -> Encoded:
    """OBR-32.1: the radiologist as identifier, family, given name in sub-components."""
    author = version.author
    return compose(author.npi or str(author.pk), author.last_name or author.username, author.first_name, by="&")


def _performed_at(procedure: RequestedProcedure) -> datetime | None:
    """When the exam began, else when it was planned."""
    steps = ScheduledStep.objects.filter(procedure=procedure).order_by("start")
    begun = [p.started_at for step in steps for p in step.performed.all()]
    return min(begun, default=None) or next((step.start for step in steps), None)


def _first_step_number(procedure: RequestedProcedure) -> str:
    return procedure.steps.order_by("pk").values_list("number", flat=True).first() or ""
