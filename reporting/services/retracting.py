"""A whole report is taken back: it was of the wrong patient or exam. What was released stays as versions."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from ris.audit.services import Actor
from ris.kernel.errors import Invalid, NotFound
from ris.kernel.values import read_reason
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require
from worklist import services as worklist

from .. import states
from ..checks import SECTIONS
from ..critical.services import withdraw_all
from ..events import ReportRetracted
from ..models import RETRACTIONS, DraftHandover, Report, ReportVersion
from .common_reports import covered_by, leading_report, leave_common, release_covered
from .versions import announce, append_version


@transaction.atomic
def retract(
    report_id: int, *, reader: User, cause: str, reason: str, read_again: bool = True, only: bool = False,
    actor: Actor, at: datetime,
) -> ReportVersion:  # fmt: skip
    """Take a released report back, for a cause of RETRACTIONS and a reason that is kept; receivers are told.

    With ``read_again`` the exam is on the reading list again at once, with an empty draft (the report's next edition);
    a preliminary report is always read again. A common report is taken back of each exam; with ``only`` of this exam
    alone, which then leaves it. Raises NotFound, Forbidden without the permission, Invalid for the cause
    or without a reason, Conflict when nothing stands that could be retracted.
    """
    report = Report.objects.select_related("item__procedure__order").filter(pk=report_id).first()
    if report is None:
        raise NotFound("There is no such report.")
    require(reader, Can.RETRACT_REPORTS, report.item.site_id)
    if cause not in dict(RETRACTIONS):
        raise Invalid(f"A report is retracted for one of: {', '.join(dict(RETRACTIONS))}.", at="cause")
    read_reason(reason, "Say why the report is retracted.")
    again = read_again or report.state != states.FINAL
    if only:
        leave_common(report, at=at)
    report = Report.objects.take(states.RETRACT, report_id if only else leading_report(report_id))
    version = append_version(
        report, ReportVersion.RETRACTED, reader, at, reason=reason.strip(), retraction=cause,
        shown={"read_again": again},
    )  # fmt: skip
    release_covered(version, ReportRetracted, "report.retract", actor=actor)
    announce(ReportRetracted, version, actor, "report.retract")
    for row in (report, *covered_by(report)):
        withdraw_all(row, why="The report was retracted.", at=at)
        if again:
            _write_anew(row, actor, at)
    return version


def _write_anew(report: Report, actor: Actor, at: datetime) -> None:
    """The words were of another patient or exam: none of them may stand in the new draft."""
    empty = dict.fromkeys((*SECTIONS, "critical_level", "critical_finding", "dictated_sha256"), "")
    Report.objects.take(
        states.WRITE_ANEW, report.pk, edition=F("edition") + 1, revision=F("revision") + 1, saved_at=at,
        critical_at=None, **empty,
    )  # fmt: skip
    report.handovers.update(decision=DraftHandover.SET_ASIDE, decided_at=at)
    worklist.read_again(report.item_id, actor=actor, at=at)
