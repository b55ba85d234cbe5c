"""What stands around a case changed, and nothing of its place on the list."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from ris.kernel import doorbell
from ris.kernel.events import emit
from ris.patients.models import Merge
from ris.patients.services import note_moved
from worklist import states
from worklist.events import WORKLIST_BELL, ItemRevised
from worklist.models import Conflict, ReadingItem


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
