"""A common report: one text over several exams of a patient (IHE RAD, *Group Case*), in the draft of one of them.

Each exam keeps a report of its own, with its number, versions and receivers: ``common_with`` of a covered exam names
the report that leads. What is released of it is released of each covered one, word for word, in the same transaction;
so each order gets its own result. No text ever covers exams of two patients.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict, Invalid
from ris.people.models import User
from worklist import services as worklist
from worklist.models import ReadingItem
from worklist.states import CLAIMED

from .. import states
from ..checks import SECTIONS
from ..critical.services import follow_mark
from ..events import ReportEvent
from ..models import Override, Report, ReportVersion
from .drafting import held, not_held
from .versions import announce, append_version

STEPS = {
    ReportVersion.PRELIMINARY: states.RELEASE,
    ReportVersion.FINAL: states.SIGN,
    ReportVersion.ADDENDUM: states.ADD,
    ReportVersion.CORRECTED: states.CORRECT,
    ReportVersion.RETRACTED: states.RETRACT,
}
_TEXTS = (ReportVersion.PRELIMINARY, ReportVersion.FINAL, ReportVersion.CORRECTED)
_OWN = {"id", "report_id", "number", "edition", "kind", "author_id", "signed_at", "sha256"}
"""Columns of a version that are its own report's, or given anew; all others are the same for each exam."""
_MARK = ("critical_level", "critical_finding", "critical_at")


@transaction.atomic
def cover(item_id: int, covered_item_id: int, *, reader: User, actor: Actor, at: datetime) -> Report:
    """Have the text of one held case cover another held one of the same patient and site; the leading report.

    Raises Conflict unless the reader holds both; for exams of two patients or sites; where the other exam has words of
    its own (nothing typed is lost), was released, or leads a common report; Invalid for the same exam twice.
    """
    item, other = held(item_id, reader), held(covered_item_id, reader)
    if item.pk == other.pk:
        raise Invalid("Choose another exam.", at="exam")
    rows = {
        row.item_id: row for row in Report.objects.select_for_update().filter(item__in=(item, other)).order_by("pk")
    }
    leading, covered = rows.get(item.pk), rows.get(other.pk)
    if leading is None or covered is None:
        raise not_held()
    _check_pair(item, other, leading, covered)
    Report.objects.filter(pk=covered.pk).update(common_with=leading)
    worklist.hold_together(item.pk, other.pk, reader=reader)
    _record(actor, "report.cover", leading, covered, at)
    return leading


def _check_pair(item: ReadingItem, other: ReadingItem, leading: Report, covered: Report) -> None:
    if item.procedure.order.patient_id != other.procedure.order.patient_id or item.site_id != other.site_id:
        raise Conflict("A common report is of one patient and one site.", at="exam", code="another-patient")
    if leading.common_with_id or leading.state not in states.WRITABLE:
        raise Conflict("This exam is covered by another's text, or was signed.", code="covered")
    if covered.common_with_id or covered.covered.exists():
        raise Conflict("The other exam belongs to a common report already: split it off first.", at="exam")
    words = any(getattr(covered, name).strip() for name in SECTIONS) or covered.critical_level
    if covered.state != states.DRAFT or words:
        raise Conflict(
            "The other exam has words of its own: take them over into this text, and empty it there.",
            at="exam",
            code="has-words",
        )


@transaction.atomic
def split_off(item_id: int, covered_item_id: int, *, reader: User, actor: Actor, at: datetime) -> Report:
    """Take an exam out of a common report that is not signed; its own draft begins where it was. The split-off report.

    Raises Conflict unless the reader holds the leading case and its text covers the other one.
    """
    leading = Report.objects.get(item=held(item_id, reader))
    rows = Report.objects.filter(item=covered_item_id, common_with=leading, state__in=states.WRITABLE)
    if not rows.update(common_with=None):
        raise Conflict("The text of this case does not cover that exam.", at="exam", code="not-covered")
    covered = Report.objects.get(item=covered_item_id)
    _record(actor, "report.split-off", leading, covered, at)
    return covered


def _record(actor: Actor, action: str, leading: Report, covered: Report, at: datetime) -> None:
    patient_id = leading.procedure.order.patient_id
    record(actor, action, leading, patient_id=patient_id, at=at, covered=covered.pk)


def refuse_unless_whole(report: Report, reader: User) -> None:
    """Raise Conflict unless the report leads itself, and its reader holds all that it covers, of the same patient."""
    if report.common_with_id:
        raise Conflict("The text of another exam covers this one: it is signed there.", code="covered")
    patient_id = report.procedure.order.patient_id
    for row in covered_by(report):
        if row.procedure.order.patient_id != patient_id:
            raise Conflict(f"{row.item.accession} is another patient's now: split it off.", code="another-patient")
        if row.item.state != CLAIMED or row.item.reader_id != reader.pk:
            cure = "take it too, or split it off."
            raise Conflict(f"You do not hold {row.item.accession}, which this text covers: {cure}", code="not-held")


def covered_by(report: Report) -> list[Report]:
    """The reports that are released with this one, in the order of their ids."""
    return list(report.covered.select_related("item", "procedure__order").order_by("pk"))


def leading_report(report_id: int) -> int:
    """The id of the report that leads: its own where no other text covers it. Locks the common report's rows.

    All of them in the order of their ids, so that two who amend it from two of its exams do not wait in a ring.
    """
    leads = Report.objects.filter(pk=report_id).values_list("common_with", flat=True).first() or report_id
    list(Report.objects.select_for_update().filter(Q(pk=leads) | Q(common_with=leads)).order_by("pk").values_list("pk"))
    return leads


def release_covered(
    version: ReportVersion, event: type[ReportEvent], action: str, *, actor: Actor,
    hand_on: Callable[[int], object] = lambda item_id: None,
) -> None:  # fmt: skip
    """Release the version of a leading report of each exam that it covers; ``hand_on`` passes their cases on."""
    for report in covered_by(version.report):
        copy = _release(version, report)
        hand_on(report.item_id)
        announce(event, copy, actor, action)


def _release(version: ReportVersion, covered: Report) -> ReportVersion:
    leading, columns = Report.objects.get(pk=version.report_id), {}
    if version.kind in _TEXTS:
        # Also the revision: who corrects a covered report does so upon the one that was shown.
        names = (*SECTIONS, "revision", "author_id", "supervisor_id", "saved_at")
        columns = {name: getattr(leading, name) for name in names}
    report = Report.objects.take(STEPS[version.kind], covered.pk, **columns)
    shared = {field.attname for field in ReportVersion._meta.concrete_fields} - _OWN
    copied = {name: getattr(version, name) for name in shared}
    copy = append_version(report, version.kind, version.author, version.signed_at, **copied)
    Override.objects.bulk_create(
        Override(version=copy, check_name=row.check_name, reason=row.reason) for row in version.overrides.all()
    )
    return copy


def return_covered(report: Report, *, reader: User, to: User, actor: Actor, at: datetime) -> None:
    """A returned common report goes back to its author with all exams that it covers."""
    for row in covered_by(report):
        Report.objects.take(states.RETURN, row.pk, supervisor=reader)
        worklist.pass_back(row.item_id, reader=reader, to=to, actor=actor, at=at)


def claim_common(report: Report, item_id: int, *, at: datetime) -> None:
    """Who claims one exam of a common report holds them all, as far as nobody else does."""
    leads = report.common_with_id or report.pk
    others = Report.objects.filter(Q(pk=leads) | Q(common_with=leads), state__in=states.WRITABLE).exclude(pk=report.pk)
    ids = list(others.order_by("pk").values_list("item_id", flat=True))
    if ids:
        worklist.claim_along(item_id, ids, at=at)


def leave_common(report: Report, *, at: datetime) -> None:
    """The exam is in no common report any more: it was cancelled, retracted by itself, or is another patient's.

    Where it led, the next exam leads, and words that are not signed go on there.
    """
    rest = covered_by(report)
    Report.objects.filter(pk=report.pk).update(common_with=None)
    if not rest:
        return
    head, *others = rest
    columns = {}
    if report.state in states.WRITABLE:
        columns = {name: getattr(report, name) for name in (*SECTIONS, *_MARK, "author_id", "saved_at")}
        columns["revision"] = F("revision") + 1
    Report.objects.filter(pk=head.pk).update(common_with=None, **columns)
    Report.objects.filter(pk__in=[row.pk for row in others]).update(common_with=head.pk)
    if columns and report.critical_level:
        follow_mark(Report.objects.get(pk=head.pk), by=report.author, at=at)


def split_moved_exams(order_id: int, *, at: datetime) -> None:
    """An order was revised: exams that are another patient's than the leading one's leave the common report."""
    rows = Report.objects.filter(Q(procedure__order=order_id) | Q(common_with__procedure__order=order_id))
    moved = rows.exclude(common_with=None).exclude(
        procedure__order__patient=F("common_with__procedure__order__patient")
    )
    for report in moved.order_by("pk"):
        leave_common(report, at=at)
