"""Releasing the draft, as a preliminary or signed as final, and the versions that this leaves: kept, sealed, told.

A version is never changed afterwards. Its seal is a hash over its content and the seal of the version before it, so a
change of either shows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict, Invalid
from ris.kernel.events import emit
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require
from worklist import services as worklist
from worklist.models import ReadingItem

from .. import states
from ..checks import SECTIONS, Remark, Text, refuse_unless_overridden, remarks
from ..events import PreliminaryReleased, ReportEvent, ReportSigned
from ..models import AGREEMENTS, Override, Report, ReportVersion
from ..selectors import facts_of, priors_of
from .drafting import held, stale
from .handovers import contributors_of, refuse_undecided

_SINCE_CORRECTIONS = (
    "reason", "critical_level", "critical_finding", "agreement", "agreement_note", "contributors", "shown",
    "retraction",
)  # fmt: skip
"""Columns that are younger than the first versions; sealed only where they are not empty."""


MOST_PRIORS_LISTED = 40
"""Of a patient: as many as the reading room lists."""


@transaction.atomic
def sign_preliminary(
    item_id: int,
    *,
    reader: User,
    revision: int,
    overrides: Mapping[str, str] | None = None,
    actor: Actor,
    at: datetime,
) -> ReportVersion:
    """Release the draft as a preliminary report, and offer the case to those who may sign it.

    Raises Conflict when the draft is not at ``revision`` or not held, Invalid for a check without override.
    """
    item = held(item_id, reader)
    report = _at_revision(item, revision)
    refuse_undecided(report, reader)
    report = Report.objects.filter(revision=revision).take(states.RELEASE, report.pk, author=reader)
    version = append_text(report, ReportVersion.PRELIMINARY, reader, at, overrides or {})
    worklist.pass_to_signer(item_id, reader=reader, actor=actor, at=at)
    return announce(PreliminaryReleased, version, actor, "report.preliminary")


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
    if item.second_reader and item.preliminary_by_id in (None, reader.pk):
        raise Conflict("This case wants two different readers: release it as preliminary.", code="second-reader")
    first_author_id = item.preliminary_by_id if item.preliminary_by_id != reader.pk else None
    _check_agreement(agreement, agreement_note, first_author_id)
    report = _at_revision(item, revision)
    refuse_undecided(report, reader)
    # The guarded UPDATE comes first: it locks the report's row, so of two who sign one waits and then gets Conflict.
    report = Report.objects.filter(revision=revision).take(states.SIGN, report.pk, author=reader)
    version = append_text(
        report,
        ReportVersion.FINAL,
        reader,
        at,
        overrides or {},
        first_author_id=first_author_id,
        agreement=agreement,
        agreement_note=agreement_note.strip(),
    )
    worklist.finish(item_id, reader=reader, actor=actor, at=at)
    return announce(ReportSigned, version, actor, "report.sign")


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
    needed = refuse_unless_overridden(listed, overrides)
    critical = critical_finding(report.critical_level, report.critical_finding, report.critical_at or at)
    more |= {"contributors": contributors_of(report, author), "shown": _shown(report, author, listed)}
    version = append_version(report, kind, author, at, **sections, **critical, **more)
    Override.objects.bulk_create(
        # The column holds 250 characters.
        Override(version=version, check_name=name, reason=reason[:250])
        for name, reason in needed.items()
    )
    return version


def _shown(report: Report, viewer: User, listed: list[Remark]) -> dict[str, Any]:
    """What stood beside the text when it was signed: what the checks said, and which priors were listed."""
    priors = priors_of(viewer, report.item).values_list("order__accession", flat=True)[:MOST_PRIORS_LISTED]
    return {
        "checks": [{"check": row.check, "level": row.level, "section": row.section} for row in listed],
        "priors": list(priors),
        "revision": report.revision,
    }


def critical_finding(level: str, finding: str, found_at: datetime) -> dict[str, Any]:
    """A version's columns of a critical finding; none where there is none. Raises Invalid for half of one."""
    finding = finding.strip()
    if level and not finding:
        raise Invalid("Say what is critical, or take the mark off.", at="critical_finding")
    if finding and not level:
        raise Invalid("Say how critical the finding is: red, orange or yellow.", at="critical_level")
    return {"critical_level": level, "critical_finding": finding, "critical_at": found_at} if level else {}


def append_version(report: Report, kind: str, author: User, at: datetime, **columns: Any) -> ReportVersion:
    """Append a version. The caller's guarded UPDATE of the report holds its row, so numbers do not collide."""
    # Number and seal follow those of the newest version, whatever its kind: one chain a report.
    before = report.versions.order_by("-number").first()
    version = ReportVersion(
        report=report,
        number=before.number + 1 if before else 1,
        edition=report.edition,
        kind=kind,
        author=author,
        signed_at=at,
        **columns,
    )
    version.sha256 = seal(version, before.sha256 if before else "")
    version.save(force_insert=True)
    return version


def announce(event: type[ReportEvent], version: ReportVersion, actor: Actor, action: str) -> ReportVersion:
    """Emit the event of a new version and write its audit row; return the version."""
    item = version.report.item
    procedure = item.procedure
    emit(
        event(
            stream=item.accession,
            at=version.signed_at,
            report_id=version.report_id,
            version_id=version.pk,
            procedure_id=procedure.pk,
            order_id=procedure.order_id,
        )
    )
    record(
        actor,
        action,
        version.report,
        patient_id=procedure.order.patient_id,
        reason=version.reason,
        at=version.signed_at,
        version=version.number,
        overridden=sorted(version.overrides.values_list("check_name", flat=True)),
        **{name: getattr(version, name) for name in ("critical_level", "agreement") if getattr(version, name)},
    )
    return version


def seal(version: ReportVersion, before: str) -> str:
    """SHA-256 of a version's canonical JSON, chained to the version before it."""
    body: dict[str, Any] = {
        "before": before,
        "number": version.number,
        "kind": version.kind,
        "author": version.author_id,
        "at": version.signed_at.astimezone(UTC).isoformat(),
        "addendum": version.addendum,
    }
    if version.kind not in (ReportVersion.ADDENDUM, ReportVersion.RETRACTED):
        body |= {name: getattr(version, name) for name in SECTIONS}
    # Empty ones are left out, because versions that were sealed before these columns existed have none.
    body |= {name: getattr(version, name) for name in _SINCE_CORRECTIONS if getattr(version, name)}
    if version.edition > 1:
        body["edition"] = version.edition
    if version.critical_at:
        body["critical_at"] = version.critical_at.astimezone(UTC).isoformat()
    # The form of this JSON must never change: old seals are compared with what it gives today.
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def broken_version(report: Report) -> ReportVersion | None:
    """The first version whose seal does not fit its content and predecessor; None when all do."""
    before = ""
    for version in report.versions.order_by("number"):
        if version.sha256 != seal(version, before):
            return version
        before = version.sha256
    return None
