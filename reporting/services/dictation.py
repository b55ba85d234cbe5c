"""Reports dictated in another system: their text becomes a draft here, for its author to look at and sign."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.people.models import User
from worklist.models import ReadingItem
from worklist.states import CANCELLED

from .. import states
from ..checks import SECTIONS
from ..models import Report

WITHDRAWN = "D"


@transaction.atomic
def take_dictation(
    item_id: int, *, author: User, sections: Mapping[str, str], status: str = "F", actor: Actor, at: datetime
) -> Report:
    """Keep what was dictated as the draft of the case, if nobody has written anything yet.

    ``status``: P preliminary, F final, C corrected, D withdrawn. A later dictation takes the place of an earlier one,
    and D empties the draft, as long as no person wrote since. The same text again changes nothing. Raises NotFound;
    Invalid for an unknown section; Conflict when the case is cancelled, held by somebody else, released, or has words
    of a person already: they are not overwritten.
    """
    unknown = next((name for name in sections if name not in SECTIONS), None)
    if unknown:
        raise Invalid(f"A report has no section “{unknown}”.", at=unknown)
    # The lock comes before the report is looked for: two dictations of a case must not both create its draft.
    item = ReadingItem.objects.select_for_update().filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    if item.state == CANCELLED:
        raise Conflict("This case is cancelled.")
    if item.reader_id not in (None, author.pk):
        raise Conflict("Another reader holds this case.", code="not-held")
    text = {name: sections.get(name, "") if status != WITHDRAWN else "" for name in SECTIONS}
    report = Report.objects.filter(item=item).first()
    if report is None or (status == WITHDRAWN and report.revision == 0):
        if status == WITHDRAWN:
            raise NotFound("There is no dictation of this case to withdraw.", at="OBX-11")
        report = Report.objects.create(
            item=item, procedure=item.procedure, author=author, state=states.DRAFT, revision=1, saved_at=at,
            dictated_sha256=_digest(text), **text,
        )  # fmt: skip
    # A dictation system resends its text with every change of status.
    elif {name: getattr(report, name) for name in SECTIONS} == text:
        return report
    else:
        if report.state == states.CANCELLED:  # the exam stands again, and nobody has claimed it yet
            report = Report.objects.take(states.OPEN_AGAIN, report.pk)
        _rewrite(report, author, text, at)
    action = "report.dictation-withdrawn" if status == WITHDRAWN else "report.dictate"
    patient_id = item.procedure.order.patient_id
    record(actor, action, report, patient_id=patient_id, at=at, author=author.pk, status=status)
    return report


def _rewrite(report: Report, author: User, text: Mapping[str, str], at: datetime) -> None:
    """Put a dictation in the place of an empty draft, or of an earlier dictation that nobody changed."""
    standing = {name: getattr(report, name) for name in SECTIONS}
    if any(standing.values()) and report.dictated_sha256 != _digest(standing):
        raise Conflict("This report has a text already.", code="stale-draft")
    same = Report.objects.filter(pk=report.pk, state=states.DRAFT, revision=report.revision)
    revision = report.revision + 1
    if not same.update(author=author, saved_at=at, revision=revision, dictated_sha256=_digest(text), **text):
        raise Conflict("This report was changed or released meanwhile.", code="stale-draft")
    report.refresh_from_db()


def _digest(text: Mapping[str, str]) -> str:
    return hashlib.sha256("\x1e".join(text[name] for name in SECTIONS).encode()).hexdigest()
