"""Images change after a case was opened: more came, some went, the exam goes on. Whoever reads or signed it is told."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from ris.kernel.alarms import raise_alarm
from ris.orders.models import Order
from ris.orders.services.flags import EXAM_RESUMED, GROWN_AFTER_READING, WITHDRAWN_IMAGES, add_flag, remove_flags
from worklist.models import ReadingItem
from worklist.states import FINAL, UNREAD

from .revisions import emit_revised

CHANGED_AFTER_REPORT = "images-changed-after-report"
"""Alarm: images came or went after the report was signed. A person looks at them and clears it."""


@transaction.atomic
def note_grown_study(procedure_id: int, *, instances: int, at: datetime) -> bool:
    """More objects came after the study was whole; return whether somebody had to be told. Idempotent."""
    return _tell_reader(procedure_id, GROWN_AFTER_READING, f"{instances} objects now", at)


@transaction.atomic
def note_withdrawn_images(procedure_id: int, *, instances: int, at: datetime) -> bool:
    """Objects of the study are not at hand any more; as :func:`note_grown_study`."""
    return _tell_reader(procedure_id, WITHDRAWN_IMAGES, f"{instances} objects left", at)


@transaction.atomic
def note_resumed_exam(procedure_id: int, *, at: datetime) -> bool:
    """The device goes on with an exam that was complete; as :func:`note_grown_study`."""
    return _tell_reader(procedure_id, EXAM_RESUMED, "the device goes on with the exam", at)


@transaction.atomic
def note_whole_again(procedure_id: int) -> None:
    """All images are at hand: what was withdrawn has come back."""
    order = Order.objects.filter(procedures=procedure_id).first()
    if order is not None and WITHDRAWN_IMAGES in order.flags:
        remove_flags(order, WITHDRAWN_IMAGES)


def _tell_reader(procedure_id: int, flag: str, detail: str, at: datetime) -> bool:
    """Flag the order, which the reading room shows, and have open rooms draw it anew; alarm what was signed already.

    A case that nobody has begun to read is only drawn anew: its reader will see what there is.
    """
    item = ReadingItem.objects.select_related("procedure__order").filter(procedure=procedure_id).first()
    if item is None:
        return False
    emit_revised(ReadingItem.objects.filter(pk=item.pk), at=at)
    if item.state == UNREAD:
        return False
    add_flag(item.procedure.order, flag)
    if item.state == FINAL:
        raise_alarm(
            CHANGED_AFTER_REPORT, f"{item.accession} {item.procedure.number}", detail=f"{flag}: {detail}", at=at
        )
    return True
