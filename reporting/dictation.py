"""Reports dictated in another system: their text becomes a draft here, for its author to look at and sign."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import F

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.people.models import User
from worklist.models import ReadingItem
from worklist.states import CANCELLED

from . import states
from .checks import SECTIONS
from .models import Report


@transaction.atomic
def take_dictation(item_id: int, *, author: User, sections: Mapping[str, str], actor: Actor, at: datetime) -> Report:
    """Keep what was dictated as the draft of the case, if nobody has written anything yet.

    The same text again changes nothing. Raises NotFound; Invalid for an unknown section; Conflict when the
    case is cancelled, held by somebody else, or has another text already: a person's words are not overwritten.
    """
    unknown = next((name for name in sections if name not in SECTIONS), None)
    if unknown:
        raise Invalid(f"A report has no section “{unknown}”.", at=unknown)
    item = ReadingItem.objects.select_for_update().filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    if item.state == CANCELLED:
        raise Conflict("This case is cancelled.")
    if item.reader_id not in (None, author.pk):
        raise Conflict("Another reader holds this case.", code="not-held")
    report, fresh = Report.objects.get_or_create(
        item=item,
        defaults={
            "procedure": item.procedure,
            "author": author,
            "state": states.DRAFT,
            "revision": 1,
            "saved_at": at,
            **sections,
        },
    )
    text = {name: getattr(report, name) for name in SECTIONS}
    if not fresh and any(text.values()):
        if text == {name: sections.get(name, "") for name in SECTIONS}:
            return report
        raise Conflict("This report has a text already.", code="stale-draft")
    if not fresh:
        empty = Report.objects.filter(pk=report.pk, state=states.DRAFT, revision=report.revision)
        if not empty.update(author=author, saved_at=at, revision=F("revision") + 1, **sections):
            raise Conflict("This report was changed meanwhile.", code="stale-draft")
        report.refresh_from_db()
    record(actor, "report.dictate", report, patient_id=item.procedure.order.patient_id, at=at, author=author.pk)
    return report
