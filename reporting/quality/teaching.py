"""The teaching file: reports worth showing, kept under a title, found by words. Cases of one's own count, too."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from ris.kernel.values import read_words
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require, site_ids_for

from ..models import TeachingCase
from ..selectors import report_for
from .services import MOST_WORDS, latest_text


@transaction.atomic
def add_teaching_case(report_id: int, *, title: str, note: str, by: User, actor: Actor, at: datetime) -> TeachingCase:
    """Put a final report into the teaching file. Raises NotFound, Forbidden, Invalid; Conflict for one's own twice."""
    report = report_for(by, report_id)
    require(by, Can.READ_CASES, report.item.site_id)
    latest_text(report)
    title = title.strip()
    if not title or len(title) > 120:
        raise Invalid("Give a title of at most 120 characters, without the patient's name.", at="title")
    if len(note) > MOST_WORDS:
        raise Invalid(f"More than {MOST_WORDS} characters.", at="note")
    try:
        with transaction.atomic():
            row = TeachingCase.objects.create(report=report, title=title, note=note.strip(), made_by=by, made_at=at)
    except IntegrityError:
        raise Conflict("You have this report in the teaching file already.") from None
    record(actor, "teaching.add", row, at=at)
    return row


@transaction.atomic
def remove_teaching_case(case_id: int, *, by: User, actor: Actor, at: datetime) -> None:
    """Take a case out of the teaching file: who put it there, or who leads quality at its site."""
    row = TeachingCase.objects.select_related("report__item").filter(pk=case_id).first()
    if row is None or row not in visible_teaching_cases(by):
        raise NotFound("There is no such teaching case at your sites.")
    if row.made_by_id != by.pk and row.report.item.site_id not in site_ids_for(by, Can.LEAD_QUALITY):
        raise Forbidden("Who put it there takes it out, or who leads quality.", code="not-author")
    record(actor, "teaching.remove", row, at=at)
    row.delete()


def visible_teaching_cases(viewer: User, words: str = "") -> QuerySet[TeachingCase]:
    """Cases at the sites where the viewer reads, whose title or note has all these words; the newest first."""
    rows = TeachingCase.objects.filter(report__item__site__in=site_ids_for(viewer, Can.READ_CASES))
    for word in read_words(words, at="q"):
        rows = rows.filter(Q(title__icontains=word) | Q(note__icontains=word))
    return rows.select_related("report__procedure", "made_by")
