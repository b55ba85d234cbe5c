"""Releasing the draft: as a preliminary, or signed as final."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from ris.audit.services import Actor
from ris.kernel.errors import Conflict, Invalid
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require
from worklist import services as worklist
from worklist.models import ReadingItem

from .. import states
from ..events import PreliminaryReleased, ReportSigned
from ..models import AGREEMENTS, Report, ReportVersion
from .drafting import held, stale
from .keeping import keep_text, told


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
    report = Report.objects.filter(revision=revision).take(states.RELEASE, report.pk, author=reader)
    version = keep_text(report, ReportVersion.PRELIMINARY, reader, at, overrides or {})
    worklist.pass_to_signer(item_id, reader=reader, actor=actor, at=at)
    return told(PreliminaryReleased, version, actor, "report.preliminary")


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
    report = Report.objects.filter(revision=revision).take(states.SIGN, report.pk, author=reader)
    version = keep_text(
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
    return told(ReportSigned, version, actor, "report.sign")


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
    if report is None:
        raise Conflict("There is nothing to sign yet: the report has no text.", code="no-draft")
    if report.revision != revision:
        raise stale()
    return report
