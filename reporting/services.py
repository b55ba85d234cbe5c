"""Reports: drafted, released, signed, added to. What was released is never changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from django.db import IntegrityError, transaction
from django.db.models import F

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.events import emit
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require
from worklist import services as worklist
from worklist.models import ReadingItem
from worklist.states import CLAIMED

from . import states
from .checks import SECTIONS, Text, refuse_unless_overridden
from .events import AddendumAdded, PreliminaryReleased, ReportEvent, ReportSigned
from .models import Override, Report, ReportVersion

MOST_CHARACTERS = 200_000


@transaction.atomic
def save_draft(
    item_id: int, *, reader: User, revision: int, sections: Mapping[str, str], actor: Actor, at: datetime
) -> Report:
    """Keep what the reader has written so far; the claim's lease lives on.

    ``revision`` is the one that was read (0: none yet). Of two who save upon the same revision one wins
    and the other gets Conflict (``stale-draft``) with nothing overwritten. Sections not named stay as they
    are. Raises Conflict (``not-held``) unless the reader holds the case.
    """
    _check_sections(sections)
    item = _held(item_id, reader)
    if not worklist.extend_lease(item_id, reader=reader, at=at):
        raise _not_held()
    if revision == 0 and not Report.objects.filter(item=item).exists():
        try:
            with transaction.atomic():
                report = Report.objects.create(
                    item=item,
                    procedure=item.procedure,
                    author=reader,
                    state=states.DRAFT,
                    revision=1,
                    saved_at=at,
                    **sections,
                )
        except IntegrityError:
            raise _stale() from None
        record(actor, "report.draft", report, patient_id=item.procedure.order.patient_id, at=at)
        return report
    mine = Report.objects.filter(item=item, revision=revision, item__reader=reader, item__state=CLAIMED)
    open_ = mine.filter(state__in=[states.DRAFT, states.PRELIMINARY])
    if not open_.update(author=reader, revision=F("revision") + 1, saved_at=at, **sections):
        raise _stale()
    return Report.objects.get(item=item)


def _check_sections(sections: Mapping[str, str]) -> None:
    for name, text in sections.items():
        if name not in SECTIONS:
            raise Invalid(f"A report has no section “{name}”.", at=name)
        if len(text) > MOST_CHARACTERS:
            raise Invalid(f"More than {MOST_CHARACTERS} characters.", at=name)
        if "\x00" in text:
            raise Invalid("The text holds a NUL character.", at=name)


def _held(item_id: int, reader: User) -> ReadingItem:
    item = ReadingItem.objects.select_related("procedure__order").filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    require(reader, Can.READ_CASES, item.site_id)
    if item.state != CLAIMED or item.reader_id != reader.pk:
        raise _not_held()
    return item


def _not_held() -> Conflict:
    return Conflict("You do not hold this case (any more). What you wrote last was kept.", code="not-held")


def _stale() -> Conflict:
    return Conflict("This draft was changed elsewhere; read it again before you go on.", code="stale-draft")


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
    item = _held(item_id, reader)
    report = _at_revision(item, revision)
    report = Report.objects.filter(revision=revision).take(states.RELEASE, report.pk, author=reader)
    version = _keep(report, ReportVersion.PRELIMINARY, reader, at, overrides or {})
    worklist.to_signer(item_id, reader=reader, actor=actor, at=at)
    return _told(PreliminaryReleased, version, item, actor, "report.preliminary")


@transaction.atomic
def sign(
    item_id: int,
    *,
    reader: User,
    revision: int,
    overrides: Mapping[str, str] | None = None,
    actor: Actor,
    at: datetime,
) -> ReportVersion:
    """Sign the draft as the final report and finish the case, both or neither.

    Of two who race one signs and the other gets Conflict. Raises Forbidden without the permission to sign,
    Conflict when the draft is not at ``revision`` or not held, Invalid for a check without override.
    """
    item = _held(item_id, reader)
    require(reader, Can.SIGN_REPORTS, item.site_id)
    if item.second_reader and item.preliminary_by_id in (None, reader.pk):
        raise Conflict("This case wants two different readers: release it as preliminary.", code="second-reader")
    report = _at_revision(item, revision)
    report = Report.objects.filter(revision=revision).take(states.SIGN, report.pk, author=reader)
    version = _keep(report, ReportVersion.FINAL, reader, at, overrides or {}, first_author_id=item.preliminary_by_id)
    worklist.finish(item_id, reader=reader, actor=actor, at=at)
    return _told(ReportSigned, version, item, actor, "report.sign")


def _at_revision(item: ReadingItem, revision: int) -> Report:
    report = Report.objects.filter(item=item).first()
    if report is None:
        raise Conflict("There is nothing to sign yet: the report has no text.", code="no-draft")
    if report.revision != revision:
        raise _stale()
    return report


@transaction.atomic
def add_addendum(report_id: int, *, reader: User, text: str, actor: Actor, at: datetime) -> ReportVersion:
    """Add to a final report; its text stays as it was signed. Raises Invalid for an empty text."""
    if not text.strip():
        raise Invalid("An addendum needs a text.", at="text")
    _check_sections({"findings": text})
    report = Report.objects.select_related("item__procedure__order").filter(pk=report_id).first()
    if report is None:
        raise NotFound("There is no such report.")
    require(reader, Can.SIGN_REPORTS, report.item.site_id)
    report = Report.objects.take(states.ADD, report_id)
    version = _keep(report, ReportVersion.ADDENDUM, reader, at, {}, addendum=text.strip())
    return _told(AddendumAdded, version, report.item, actor, "report.addendum")


def _keep(
    report: Report,
    kind: str,
    author: User,
    at: datetime,
    overrides: Mapping[str, str],
    *,
    addendum: str = "",
    first_author_id: int | None = None,
) -> ReportVersion:
    """Append a version. The caller's guarded UPDATE of the report holds its row, so numbers do not collide."""
    sections = {} if addendum else {name: getattr(report, name) for name in SECTIONS}
    needed = {} if addendum else refuse_unless_overridden(Text(**sections), overrides)
    before = report.versions.order_by("-number").first()
    number = before.number + 1 if before else 1
    version = ReportVersion.objects.create(
        report=report,
        number=number,
        kind=kind,
        author=author,
        first_author_id=first_author_id if first_author_id != author.pk else None,
        signed_at=at,
        addendum=addendum,
        sha256=digest(before.sha256 if before else "", number, kind, author.pk, at, {**sections, "addendum": addendum}),
        **sections,
    )
    Override.objects.bulk_create(
        Override(version=version, check_name=name, reason=reason[:250]) for name, reason in needed.items()
    )
    return version


def digest(before: str, number: int, kind: str, author_id: int, at: datetime, text: Mapping[str, str]) -> str:
    """SHA-256 of a version's canonical JSON, chained to the version before it."""
    body = {
        "before": before,
        "number": number,
        "kind": kind,
        "author": author_id,
        "at": at.astimezone(UTC).isoformat(),
        **text,
    }
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _told(
    event: type[ReportEvent], version: ReportVersion, item: ReadingItem, actor: Actor, action: str
) -> ReportVersion:
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
    patient_id = procedure.order.patient_id
    overridden = sorted(version.overrides.values_list("check_name", flat=True))
    record(
        actor,
        action,
        version.report,
        patient_id=patient_id,
        at=version.signed_at,
        version=version.number,
        overridden=overridden,
    )
    return version
