"""What becomes of a final report: addenda, which leave its text alone, and corrections, which take its place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import F

from ris.audit.services import Actor
from ris.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require

from .. import states
from ..critical.services import begin_loop, follow_correction
from ..events import AddendumAdded, ReportCorrected
from ..models import Report, ReportVersion, TextDraft
from ..selectors import may_correct
from .common_reports import leading_report, release_covered
from .drafting import check_texts, found_at, stale
from .firings import keeps_firings
from .signing import append_text, critical_finding
from .unsent_texts import close_texts
from .versions import announce, append_version


@transaction.atomic
def add_addendum(
    report_id: int,
    *,
    reader: User,
    text: str,
    critical_level: str = "",
    critical_finding_text: str = "",
    only: bool = False,
    actor: Actor,
    at: datetime,
) -> ReportVersion:
    """Add to a final report; its text stays as it was signed. An addendum can bring a critical finding.

    Of a common report each exam gets it; with ``only`` this exam alone. Raises NotFound, Forbidden; Invalid for an
    empty text; Conflict unless the report is final.
    """
    if not text.strip():
        raise Invalid("An addendum needs a text.", at="text")
    check_texts({"findings": text, "critical_level": critical_level, "critical_finding": critical_finding_text})
    typed_at = _amendable(report_id, reader).item_id
    leading = report_id if only else leading_report(report_id)
    # The guarded UPDATE locks the report's row before the version gets its number.
    report = Report.objects.take(states.ADD, leading)
    critical = critical_finding(critical_level, critical_finding_text, at)
    version = append_version(report, ReportVersion.ADDENDUM, reader, at, addendum=text.strip(), **critical)
    if version.critical_level:
        begin_loop(report, critical_level, version.critical_finding, by=reader, at=at, addendum=version)
    close_texts(typed_at, author=reader, kind=TextDraft.ADDENDUM, at=at)
    if not only:
        release_covered(version, AddendumAdded, "report.addendum", actor=actor)
    return announce(AddendumAdded, version, actor, "report.addendum")


@keeps_firings
@transaction.atomic
def correct(
    report_id: int,
    *,
    reader: User,
    revision: int,
    sections: Mapping[str, str],
    reason: str,
    overrides: Mapping[str, str] | None = None,
    actor: Actor,
    at: datetime,
) -> ReportVersion:
    """Put a corrected text in the place of a final one, for a reason; what was signed stays as an earlier version.

    For who signed the report, or leads reading at its site. ``sections`` as in ``save_draft``; those not named
    stay as they are. A common report is corrected of each exam. Of two who correct the same ``revision`` one
    wins and the other gets Conflict (``stale-draft``). Raises NotFound, Forbidden; Invalid without a reason, without
    a difference, for a check without override; Conflict unless the report is final.
    """
    reason = _read_reason(reason)
    check_texts(sections)
    typed_at = _amendable(report_id, reader).item_id
    report_id = leading_report(report_id)
    report = _amendable(report_id, reader)
    if not may_correct(reader, report):
        raise Forbidden("Who signed a report corrects it, or who leads reading at its site.", code="not-author")
    if report.revision != revision:
        raise stale()
    # White space at the ends is no correction: receivers would be told of a report that reads the same.
    if all(getattr(report, name).strip() == text.strip() for name, text in sections.items()):
        raise Invalid("Nothing is different from what was signed. To add something, write an addendum.", at="sections")
    try:
        report = Report.objects.filter(revision=revision).take(
            states.CORRECT, report_id, revision=F("revision") + 1, saved_at=at, **sections, **found_at(sections, at)
        )
    except Conflict:
        if report.state != states.FINAL:
            raise
        raise stale() from None  # another corrected it meanwhile
    version = append_text(report, ReportVersion.CORRECTED, reader, at, overrides or {}, reason=reason)
    follow_correction(version, by=reader, at=at)
    close_texts(typed_at, author=reader, kind=TextDraft.CORRECTION, at=at)
    release_covered(version, ReportCorrected, "report.correct", actor=actor)
    return announce(ReportCorrected, version, actor, "report.correct")


def _read_reason(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise Invalid("Say why the report is corrected.", at="reason")
    if len(reason) > 250:
        raise Invalid("More than 250 characters.", at="reason")
    return reason


def _amendable(report_id: int, reader: User) -> Report:
    report = Report.objects.select_related("item__procedure__order").filter(pk=report_id).first()
    if report is None:
        raise NotFound("There is no such report.")
    require(reader, Can.SIGN_REPORTS, report.item.site_id)
    return report
