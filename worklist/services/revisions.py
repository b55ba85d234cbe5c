"""What stands around a case changed, and nothing of its place on the list: the order, the patient, the images.

More images came, some went, the exam goes on: whoever reads or signed the case is told.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from ris.kernel import doorbell
from ris.kernel.alarms import raise_alarm
from ris.kernel.events import emit
from ris.orders.models import Order
from ris.orders.services.flags import EXAM_RESUMED, GROWN_AFTER_READING, WITHDRAWN_IMAGES, add_flag, remove_flags
from ris.patients.models import Merge
from ris.patients.services import note_moved
from worklist import states
from worklist.events import WORKLIST_BELL, ItemRevised
from worklist.models import Conflict, ReadingItem
from worklist.states import FINAL, UNREAD


@transaction.atomic
def emit_revised(items: QuerySet[ReadingItem], *, at: datetime) -> None:
    """Tell the screens of those cases that are open: who has one before them reads it again."""
    for pk, accession in items.filter(state__in=states.OPEN).values_list("pk", "accession"):
        emit(ItemRevised(stream=accession, at=at, item_id=pk))
        doorbell.ring(WORKLIST_BELL)


def copy_conflicts(retired_id: int, patient_id: int, *, merge_id: int | None) -> None:
    """Keep from the one who remains the readers who were kept from the retired record. Idempotent."""
    readers = Conflict.objects.filter(patient=retired_id).values_list("reader_id", flat=True)
    made = [Conflict.objects.get_or_create(patient_id=patient_id, reader_id=reader) for reader in readers]
    fresh = [row.pk for row, created in made if created]
    if fresh and merge_id is not None:
        note_moved(merge_id, "Conflict", fresh)


def take_back_conflicts(merge_id: int) -> None:
    """Delete the copies that a merge made; the restored record has had its own all along. Idempotent."""
    Conflict.objects.filter(pk__in=Merge.objects.get(pk=merge_id).moved.get("Conflict", ())).delete()


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
