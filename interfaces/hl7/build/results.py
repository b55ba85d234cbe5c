"""ORU^R01: what was released of a report (IHE RAD-28 / RAD-128)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from reporting.models import ReportVersion
from ris.orders.models import RequestedProcedure, ScheduledStep
from ris.patients.selectors import survivor

from ..models import Destination
from .writing import Written, moment, msh, obr, orc, parts, pid, pv1, segment

SECTIONS = {
    "technique": ("55111-9", "Current imaging procedure descriptions"),
    "comparison": ("18834-2", "Radiology comparison study"),
    "findings": ("59776-5", "Procedure findings"),
    "impression": ("19005-8", "Radiology imaging study impression"),
    "addendum": ("55107-7", "Addendum"),
}
"""Section of a report → LOINC code and name in OBX-3."""

STUDY = parts("113014", "DICOM Study", "DCM")
STATUS = {ReportVersion.PRELIMINARY: "P", ReportVersion.FINAL: "F", ReportVersion.ADDENDUM: "A"}
"""OBR-25 by kind of version. An addendum comes with the final text that it adds to."""


def result(destination: Destination, version: ReportVersion, control_id: str, at: datetime) -> list[str]:
    """The segments of the message that tells ``destination`` of ``version``."""
    procedure = version.report.procedure
    order = procedure.order
    status = STATUS[version.kind]
    if version.kind == ReportVersion.ADDENDUM:
        status = str(destination.options.get("addendum_status", status))
    extra: dict[int, str | Written] = {
        7: moment(_performed_at(procedure)),
        20: _first_step_number(procedure),
        22: moment(version.signed_at),
        25: status,
        32: parts(_interpreter(version)),
    }
    line_status = "P" if version.kind == ReportVersion.PRELIMINARY else "F"
    return [
        msh(destination, "ORU^R01^ORU_R01", control_id, at),
        pid(survivor(order.patient)),
        pv1(order.visit),
        orc(order, "RE", status="IP" if line_status == "P" else "CM"),
        obr(order, procedure, extra),
        *_observations(version, procedure.study_uid, line_status),
    ]


def _observations(version: ReportVersion, study_uid: str, status: str) -> Iterator[str]:
    """The Study UID, then each section line by line; the lines of a section share OBX-4."""
    number = 1
    yield segment("OBX", {1: "1", 2: "HD", 3: STUDY, 4: "1", 5: study_uid, 11: status})
    for group, (name, text) in enumerate(_sections(version), start=2):
        code = parts(*SECTIONS[name], "LN")
        for line in text.splitlines() or [""]:
            number += 1
            fields = {1: str(number), 2: "TX", 3: code, 4: str(group), 5: line or " ", 11: status}
            yield segment("OBX", fields | {14: moment(version.signed_at)})


def _sections(version: ReportVersion) -> Iterator[tuple[str, str]]:
    """(section, text) of all that holds with this version: an addendum follows the final text and earlier addenda."""
    versions = [version]
    if version.kind == ReportVersion.ADDENDUM:
        before = version.report.versions.filter(number__lte=version.number)
        versions = list(before.exclude(kind=ReportVersion.PRELIMINARY).order_by("number"))
    for one in versions:
        for name in SECTIONS:
            text = getattr(one, name).strip()
            if text:
                yield name, text


def _interpreter(version: ReportVersion) -> Written:
    """OBR-32.1: the radiologist as identifier, family, given name in sub-components."""
    author = version.author
    return parts(author.npi or str(author.pk), author.last_name or author.username, author.first_name, by="&")


def _performed_at(procedure: RequestedProcedure) -> datetime | None:
    """When the exam began, else when it was planned."""
    steps = ScheduledStep.objects.filter(procedure=procedure).order_by("start")
    begun = [p.started_at for step in steps for p in step.performed.all()]
    return min(begun, default=None) or next((step.start for step in steps), None)


def _first_step_number(procedure: RequestedProcedure) -> str:
    return procedure.steps.order_by("pk").values_list("number", flat=True).first() or ""
