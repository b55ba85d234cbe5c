"""ORU^R01: what was released of a report (IHE RAD-28 / RAD-128)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from interfaces.hl7.models import Destination
from reporting.followup.models import FollowUp
from reporting.followup.states import REJECTED, WITHDRAWN
from reporting.models import ReportVersion
from reporting.rendering.content import critical_of, parts_of
from ris.orders.models import RequestedProcedure, ScheduledStep
from ris.patients.selectors import survivor

from .order_segments import write_obr, write_orc
from .sections import section_code, write_text
from .segments import (
    Encoded,
    Fields,
    compose,
    write_msh,
    write_pid,
    write_pv1,
    write_segment,
    write_timestamp,
)

STUDY = compose("113014", "DICOM Study", "DCM")
DOCUMENT = compose("18748-4", "Diagnostic imaging study", "LN")
OURS = "99WETREAD"
ACTIONABLE = compose("ACTIONABLE", "Critical finding", OURS)
PDF_PLACE = compose("", "application", "pdf", "Base64")
"""ED: type of data, subtype, encoding; the data follow when the message is prepared (``preparation``)."""
AGREEMENT = compose("AGREEMENT", "Agreement with the preliminary report", OURS)

STATUS = {
    ReportVersion.PRELIMINARY: "P",
    ReportVersion.FINAL: "F",
    ReportVersion.ADDENDUM: "A",
    ReportVersion.CORRECTED: "C",
    ReportVersion.RETRACTED: "X",
}
"""OBR-25 by kind of version. An addendum comes with the final text that it adds to."""
LINE_STATUS = {ReportVersion.PRELIMINARY: "P", ReportVersion.CORRECTED: "C"}
"""OBX-11 by kind of version; else F."""

WRONG_PATIENT, DELETED = "W", "D"
"""OBX-11 of a retracted report (table 0085): the original was sent for the wrong patient; it is deleted."""

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


def build_result(destination: Destination, version: ReportVersion, control_id: str, at: datetime) -> list[str]:
    """The segments of the message that tells ``destination`` of ``version``."""
    procedure = version.report.procedure
    order = procedure.order
    status = STATUS[version.kind]
    if version.kind == ReportVersion.ADDENDUM:
        status = str(destination.options.get("addendum_status", status))
    extra: Fields = {
        7: write_timestamp(performed_at(procedure)),
        20: _first_step_number(procedure),
        22: write_timestamp(version.signed_at),
        25: status,
        32: compose(compose(*interpreter_parts(version), by="&")),
        33: _assistants(version),
    }
    # A destination may want addenda as corrections (OBR-25 C); then its lines say so too.
    line_status = "C" if status == "C" else LINE_STATUS.get(version.kind, "F")
    if version.kind == ReportVersion.RETRACTED:
        line_status = WRONG_PATIENT if version.retraction == "wrong patient" else DELETED
    return [
        write_msh(destination, "ORU^R01^ORU_R01", control_id, at),
        write_pid(survivor(order.patient), destination),
        write_pv1(order.visit, order),
        write_orc(order, "RE", status="IP" if status == "P" or version.shown.get("read_again") else "CM"),
        write_obr(order, procedure, extra),
        *_numbered(_observations(destination, version), line_status),
    ]


def _numbered(groups: Iterator[list[Fields]], status: str) -> Iterator[str]:
    """OBX-1 counts the lines; those of one group share OBX-4."""
    number = 0
    for group, lines in enumerate(groups, start=1):
        for fields in lines:
            number += 1
            yield write_segment("OBX", {1: str(number), 4: str(group), 11: status} | fields)


def _observations(destination: Destination, version: ReportVersion) -> Iterator[list[Fields]]:
    """The Study UID, each section, and what the destination wants beside them."""
    options = destination.options
    critical = critical_of(version) if options.get("critical", True) else None
    yield [{2: "HD", 3: STUDY, 5: version.report.procedure.image_study_uid}]
    if version.kind == ReportVersion.RETRACTED:
        yield from _retracted(destination, version)
    reason = version.report.procedure.order.reason
    if options.get("reason") and reason and version.kind != ReportVersion.RETRACTED:
        yield _section(destination, version, "reason", reason)
    for part in parts_of(version):
        if part.section != "addendum" and _is_addendum_only(destination, version):
            continue
        flag = CRITICALLY_ABNORMAL if critical and part.section == "impression" else ""
        yield _section(destination, part.version, part.section, part.text, flag)
    if options.get("recommendations") and (recommended := _recommendations(version)):
        yield _section(destination, version, "recommendation", recommended)
    if critical:
        coded: Fields = {3: ACTIONABLE, 8: CRITICALLY_ABNORMAL, 14: write_timestamp(critical.critical_at)}
        value = compose(*CRITICAL[critical.critical_level], "RADLEX", critical.critical_level.upper(), "", OURS)
        yield [{2: "CE", 5: value} | coded, *write_text(critical.critical_finding, coded)]
    if version.agreement and options.get("discrepancy"):
        yield _agreement(version)
    if options.get("pdf"):
        yield [{2: "ED", 3: DOCUMENT, 5: PDF_PLACE, 14: write_timestamp(version.signed_at)}]


def _retracted(destination: Destination, version: ReportVersion) -> Iterator[list[Fields]]:
    """The sections that were sent before, each with the words that take their place: who shows text shows these."""
    before = version.report.versions.filter(number__lt=version.number).order_by("-number").first()
    words = f"Retracted, do not rely on what was sent before. {version.get_retraction_display()}: {version.reason}"
    sections = dict.fromkeys(part.section for part in parts_of(before)) if before else {"impression": None}
    for section in sections:
        yield _section(destination, version, section, words)


def _section(destination: Destination, version: ReportVersion, section: str, text: str, flag: str = "") -> list[Fields]:
    code = section_code(destination, version.report.procedure, section)
    fields: Fields = {3: code, 8: flag, 14: write_timestamp(version.signed_at)}
    return write_text(text, fields, by=str(destination.options.get("lines", "line")))


def _is_addendum_only(destination: Destination, version: ReportVersion) -> bool:
    return version.kind == ReportVersion.ADDENDUM and destination.options.get("addendum_text") == "only"


def _recommendations(version: ReportVersion) -> str:
    """What the report recommends, a line each; of a common report it stands with the leading one."""
    leads = version.report.common_with_id or version.report_id
    rows = FollowUp.objects.filter(report=leads, edition=version.edition)
    return "\n".join(_sentence(row) for row in rows.exclude(state__in=(WITHDRAWN, REJECTED)).order_by("pk"))


def _sentence(row: FollowUp) -> str:
    days = f"{row.earliest} to {row.latest}" if row.earliest and row.latest else str(row.latest or "")
    return ", ".join(filter(None, [row.what, days, row.condition, row.reason]))


def _agreement(version: ReportVersion) -> list[Fields]:
    common: Fields = {3: AGREEMENT, 14: write_timestamp(version.signed_at)}
    coded: Fields = {2: "CE", 5: compose(*AGREEMENTS[version.agreement], OURS)}
    return [coded | common, *(write_text(version.agreement_note, common) if version.agreement_note else [])]


def interpreter_parts(version: ReportVersion) -> tuple[str, str, str]:
    """(NPI, family, given name) of the radiologist. Without an NPI no number: ours means nothing to a receiver."""
    author = version.author
    return author.npi, author.last_name or author.username, author.first_name


def _assistants(version: ReportVersion) -> Encoded:
    """OBR-33: who wrote the report before its signer; the author of the preliminary, else of an unsigned draft."""
    first = version.first_author
    if first is not None:
        return compose(compose(first.npi or str(first.pk), first.last_name or first.username, first.first_name, by="&"))
    draft = next((row for row in version.contributors if row["role"] == "draft"), None)
    return compose(compose(str(draft["user"]), draft["name"], by="&")) if draft else Encoded("")


def performed_at(procedure: RequestedProcedure) -> datetime | None:
    """When the exam began, else when it was planned."""
    steps = ScheduledStep.objects.filter(procedure=procedure).order_by("start")
    begun = [p.started_at for step in steps for p in step.performed.all()]
    return min(begun, default=None) or next((step.start for step in steps), None)


def _first_step_number(procedure: RequestedProcedure) -> str:
    return procedure.steps.order_by("pk").values_list("number", flat=True).first() or ""
