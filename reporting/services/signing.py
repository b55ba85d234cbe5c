"""Releasing the draft: as a preliminary, or signed as final. What it leaves: ``versions``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from ris.audit.services import Actor
from ris.kernel.errors import Conflict, Invalid
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require
from worklist import services as worklist
from worklist.models import ReadingItem

from .. import states
from ..checks import SECTIONS, Remark, Text, refuse_unless_overridden, remarks
from ..events import PreliminaryReleased, ReportSigned
from ..models import AGREEMENTS, Override, Report, ReportVersion
from ..selectors import facts_of, priors_of
from .common_reports import covered_by, refuse_unless_whole, release_covered
from .drafting import held, stale
from .firings import keeps_firings, settle_signed
from .handovers import contributors_of, refuse_undecided
from .supervision import attestation_of, check_supervisor, tell_discrepancy
from .versions import announce, append_version

MOST_PRIORS_LISTED = 40
"""Of a patient: as many as the reading room lists."""


@keeps_firings
@transaction.atomic
def sign_preliminary(
    item_id: int,
    *,
    reader: User,
    revision: int,
    overrides: Mapping[str, str] | None = None,
    supervisor: User | None = None,
    actor: Actor,
    at: datetime,
) -> ReportVersion:
    """Release the draft as a preliminary report, and offer the case to those who may sign it.

    ``supervisor``: who is to sign it; the case is kept for them. Without one, who returned it before is.
    Raises Conflict when the draft is not at ``revision`` or not held, Invalid for a check without override.
    """
    item = held(item_id, reader)
    report = _at_revision(item, revision)
    refuse_unless_whole(report, reader)
    refuse_undecided(report, reader)
    supervisor = supervisor or report.supervisor
    if supervisor is not None:
        check_supervisor(supervisor, item)
    report = Report.objects.filter(revision=revision).take(
        states.RELEASE, report.pk, author=reader, supervisor=supervisor
    )
    version = append_text(report, ReportVersion.PRELIMINARY, reader, at, overrides or {})

    def hand_on(handed_id: int) -> None:
        worklist.pass_to_signer(handed_id, reader=reader, actor=actor, at=at)
        if supervisor is not None:
            worklist.reserve(handed_id, reader=supervisor, reason="supervisor", actor=actor, at=at)

    hand_on(item_id)
    release_covered(version, PreliminaryReleased, "report.preliminary", actor=actor, hand_on=hand_on)
    return announce(PreliminaryReleased, version, actor, "report.preliminary")


@keeps_firings
@transaction.atomic
def sign(
    item_id: int,
    *,
    reader: User,
    revision: int,
    overrides: Mapping[str, str] | None = None,
    agreement: str = "",
    agreement_note: str = "",
    actor: Actor,
    at: datetime,
) -> ReportVersion:
    """Sign the draft as the final report and finish the case, both or neither.

    Who signs over another's preliminary may say how far they agree with it. Of two who race one signs and the
    other gets Conflict. Raises Forbidden without the permission to sign, Conflict when the draft is not at
    ``revision`` or not held, Invalid for a check without override or an agreement with nobody.
    """
    item = held(item_id, reader)
    require(reader, Can.SIGN_REPORTS, item.site_id)
    _refuse_only_reader(item, reader)
    first_author_id = item.preliminary_by_id if item.preliminary_by_id != reader.pk else None
    _check_agreement(agreement, agreement_note, first_author_id)
    report = _at_revision(item, revision)
    refuse_unless_whole(report, reader)
    refuse_undecided(report, reader)
    # The guarded UPDATE comes first: it locks the report's row, so of two who sign one waits and then gets Conflict.
    report = Report.objects.filter(revision=revision).take(states.SIGN, report.pk, author=reader)
    trainee = item.preliminary_by if first_author_id else None
    version = append_text(
        report,
        ReportVersion.FINAL,
        reader,
        at,
        overrides or {},
        first_author_id=first_author_id,
        agreement=agreement,
        agreement_note=agreement_note.strip(),
        attestation=attestation_of(item, reader, trainee, agreement, at) if trainee else "",
    )
    tell_discrepancy(version, at=at)
    finish = partial(worklist.finish, reader=reader, actor=actor, at=at)
    finish(item_id)
    release_covered(version, ReportSigned, "report.sign", actor=actor, hand_on=finish)
    return announce(ReportSigned, version, actor, "report.sign")


def _refuse_only_reader(item: ReadingItem, reader: User) -> None:
    covered = Report.objects.filter(common_with__item=item).select_related("item")
    exams = [item, *(row.item for row in covered)]
    if any(exam.second_reader and exam.preliminary_by_id in (None, reader.pk) for exam in exams):
        raise Conflict("This case wants two different readers: release it as preliminary.", code="second-reader")


def _check_agreement(agreement: str, note: str, first_author_id: int | None) -> None:
    if agreement not in ("", *(how for how, _ in AGREEMENTS)):
        raise Invalid("With a preliminary one agrees, or there is a minor or major discrepancy.", at="agreement")
    if agreement and first_author_id is None:
        raise Invalid("There is no preliminary report of another's to agree with.", at="agreement")
    if note.strip() and not agreement:
        raise Invalid("Say how far you agree, too.", at="agreement")
    if len(note) > 500:
        raise Invalid("More than 500 characters.", at="agreement_note")


def _at_revision(item: ReadingItem, revision: int) -> Report:
    report = Report.objects.filter(item=item).first()
    if report is None or report.revision == 0:
        raise Conflict("There is nothing to sign yet: the report has no text.", code="no-draft")
    if report.revision != revision:
        raise stale()
    return report


def append_text(
    report: Report, kind: str, author: User, at: datetime, overrides: Mapping[str, str], **more: Any
) -> ReportVersion:
    """Append the report's text as a version. Raises Invalid for a check without override, or for a critical
    finding without level or text."""
    sections = {name: getattr(report, name) for name in SECTIONS}
    listed = remarks(Text(**sections), facts_of(report))
    needed = refuse_unless_overridden(listed, overrides, report_id=report.pk)
    critical = critical_finding(report.critical_level, report.critical_finding, report.critical_at or at)
    more |= {"contributors": contributors_of(report, author), "shown": _shown(report, author, listed)}
    version = append_version(report, kind, author, at, **sections, **critical, **more)
    overridden = Override.objects.bulk_create(
        # The column holds 250 characters.
        Override(version=version, check_name=name, reason=reason[:250])
        for name, reason in needed.items()
    )
    settle_signed(report, listed, overridden, at=at)
    return version


def _shown(report: Report, viewer: User, listed: list[Remark]) -> dict[str, Any]:
    """What stood beside the text when it was signed: what the checks said, and which priors were listed."""
    priors = priors_of(viewer, report.item).values_list("order__accession", flat=True)[:MOST_PRIORS_LISTED]
    return {
        "checks": [{"check": row.check, "level": row.level, "section": row.section} for row in listed],
        "priors": list(priors),
        "revision": report.revision,
        **_common(report),
    }


def _common(report: Report) -> dict[str, Any]:
    """The exams of a common report: id, accession number and name of each; nothing where it is of one exam."""
    rows = [report, *covered_by(report)]
    exams = [{"procedure": r.procedure_id, "accession": r.item.accession, "exam": str(r.procedure)} for r in rows]
    return {"common": exams} if len(rows) > 1 else {}


def critical_finding(level: str, finding: str, found_at: datetime) -> dict[str, Any]:
    """A version's columns of a critical finding; none where there is none. Raises Invalid for half of one."""
    finding = finding.strip()
    if level and not finding:
        raise Invalid("Say what is critical, or take the mark off.", at="critical_finding")
    if finding and not level:
        raise Invalid("Say how critical the finding is: red, orange or yellow.", at="critical_level")
    return {"critical_level": level, "critical_finding": finding, "critical_at": found_at} if level else {}
