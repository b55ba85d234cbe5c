"""Whose exams a reader is not to read follows the patient into a merge, and out of it again."""

from __future__ import annotations

from ris.patients.models import Merge
from ris.patients.services import note_moved
from worklist.models import Conflict


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
