"""Unsigned words that change hands with a case: kept word for word, marked, decided on before anybody signs them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict
from ris.people.models import User
from worklist.models import ReadingItem

from .. import states
from ..checks import SECTIONS
from ..critical.services import follow_mark, withdraw_all
from ..models import DraftHandover, Report
from .common_reports import claim_common, leave_common
from .drafting import held, stale


def begin_draft(item_id: int, *, reader_id: int, at: datetime) -> None:
    """Give a claimed case its draft, if it has none; note whose unsigned words the reader finds in it.

    Runs in the transaction of the claim, so that nobody ever holds a case without a draft.
    """
    report = Report.objects.filter(item=item_id).first()
    if report is None:
        procedure_id = ReadingItem.objects.values_list("procedure_id", flat=True).get(pk=item_id)
        draft = Report(item_id=item_id, procedure_id=procedure_id, author_id=reader_id, state=states.DRAFT)
        # Another may have begun it at this moment: then that draft is the case's.
        Report.objects.bulk_create([draft], ignore_conflicts=True)
        return
    claim_common(report, item_id, at=at)
    if report.state == states.CANCELLED:
        Report.objects.take(states.OPEN_AGAIN, report.pk)
    elif _has_words_of_another(report, reader_id):
        DraftHandover.objects.create(
            report=report, from_author_id=report.author_id, to_reader_id=reader_id, sections=_texts(report),
            saved_at=report.saved_at, handed_at=at,
        )  # fmt: skip


def cancel_draft(item_id: int, *, at: datetime) -> None:
    """The exam is cancelled: its draft is no longer written. A report that was released stays as it is."""
    for report in Report.objects.filter(item=item_id, state=states.DRAFT):
        leave_common(report, at=at)
        withdraw_all(report, why="The exam was cancelled.", at=at)
    Report.objects.filter(item=item_id).take_all(states.CANCEL)


def _texts(report: Any) -> dict[str, str]:
    return {name: getattr(report, name) for name in SECTIONS}


def _has_words_of_another(report: Report, reader_id: int) -> bool:
    if report.author_id == reader_id or report.state not in states.WRITABLE:
        return False
    texts = _texts(report)
    # What was released is marked by its version already.
    released = report.versions.order_by("-number").first()
    return any(text.strip() for text in texts.values()) and not (released and texts == _texts(released))


def undecided_handover(report: Report, reader: User) -> DraftHandover | None:
    """The newest handover of unsigned words to the reader that waits for a decision."""
    waiting = report.handovers.filter(to_reader=reader, decision=DraftHandover.UNDECIDED)
    return waiting.select_related("from_author").order_by("-pk").first()


def refuse_undecided(report: Report, reader: User) -> None:
    """Raise Conflict (``others-draft``) while another's unsigned words wait for the reader's decision."""
    handover = undecided_handover(report, reader)
    if handover is not None:
        name = handover.from_author.display_name
        raise Conflict(
            f"{name} began this draft and did not sign it. Keep the words, or set them aside, before you sign.",
            at="handover",
            code="others-draft",
        )


@transaction.atomic
def decide_handover(item_id: int, *, reader: User, revision: int, keep: bool, actor: Actor, at: datetime) -> Report:
    """Keep another's unsigned words (signing then names both), or set them aside: the draft begins empty.

    Words that are set aside stay with the handover. Raises Conflict when the case is not held, the draft is not at
    ``revision``, nothing waits for a decision, or the reader has written among the words that are to go.
    """
    item = held(item_id, reader)
    report = Report.objects.select_for_update().filter(item=item).first()
    handover = undecided_handover(report, reader) if report else None
    if report is None or handover is None:
        raise Conflict("No words of another wait for a decision here.", code="no-handover")
    if report.revision != revision:
        raise stale()
    if not keep:
        _empty(report, handover, reader, at)
    decision = DraftHandover.KEPT if keep else DraftHandover.SET_ASIDE
    waiting = report.handovers.filter(decision=DraftHandover.UNDECIDED) if keep else report.handovers
    waiting.update(decision=decision, decided_at=at)
    patient_id = item.procedure.order.patient_id
    record(
        actor, "report.handover", report, patient_id=patient_id, at=at, decision=decision, of=handover.from_author_id
    )
    report.refresh_from_db()
    return report


def _empty(report: Report, handover: DraftHandover, reader: User, at: datetime) -> None:
    if _texts(report) != handover.sections:
        raise Conflict(
            "You have written among these words already. Keep them, and delete by hand what does not belong.",
            code="words-mixed",
        )
    Report.objects.filter(pk=report.pk).update(
        author=reader, revision=F("revision") + 1, saved_at=at, critical_level="", critical_finding="",
        critical_at=None, **dict.fromkeys(SECTIONS, ""),
    )  # fmt: skip
    report.refresh_from_db()
    follow_mark(report, by=reader, at=at)


def contributors_of(report: Report, signer: User) -> list[dict[str, Any]]:
    """Whose unsigned words the signer signs with their own: role ``draft``, user id, name; each once."""
    kept = report.handovers.exclude(decision=DraftHandover.SET_ASIDE).exclude(from_author=signer)
    authors = {row.from_author_id: row.from_author for row in kept.select_related("from_author")}
    return [{"role": "draft", "user": pk, "name": author.display_name} for pk, author in authors.items()]
