"""Suggesting a reader: at arrival, and whenever a case has none. A suggestion binds nobody."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from ris.kernel import doorbell
from ris.kernel.db.statements import Kept, insert
from ris.kernel.events import emit
from worklist import states
from worklist.events import WORKLIST_BELL, ItemAssigned
from worklist.models import Decision, ReadingItem
from worklist.rules.eligibility import Needs, ReaderNow, needs_given_coverage, ruled_out
from worklist.rules.preference import preference, why
from worklist.selectors.case_facts import needs_of
from worklist.selectors.readers import note_suggested, readers_recent

MOST_CANDIDATES_KEPT = 12

with_order = Kept[ReadingItem](
    lambda pk: ReadingItem.objects.select_related("procedure__order__patient", "preliminary_by__reader_profile").filter(
        pk=pk
    )
)
"""An item with what its needs are read from."""


@transaction.atomic
def suggest_reader(item_id: int, *, at: datetime, readers: list[ReaderNow] | None = None) -> int | None:
    """Suggest the best eligible reader for a waiting item, and keep why; their id, or None when nobody is.

    ``readers`` are those on shift, when the caller has them at hand. Idempotent: the same reader suggested
    again is no new event.
    """
    item = with_order.first(item_id)
    if item is None or item.state not in states.WAITING:
        return None
    needs = needs_of(item, at)
    readers = readers_recent(at) if readers is None else readers
    best, ruled_out_by = choose_reader(needs, readers)
    if best and best.id == item.assigned_to_id and item.assigned_at:
        return best.id
    changed = item.assigned_at is None or (best.id if best else None) != item.assigned_to_id
    still = ReadingItem.objects.filter(pk=item_id, version=item.version)
    if not still.update(
        assigned_to=best.id if best else None, assigned_at=at, version=F("version") + (1 if changed else 0)
    ):
        return None
    if not changed:  # nobody then, nobody now: said once is enough
        return None
    body = {**_record_body(needs, readers, ruled_out_by), "needs": {"reach": needs.reach}}
    insert(Decision(item=item, kind=Decision.ASSIGNED, at=at, reader_id=best.id if best else None, body=body))
    if best:
        note_suggested(readers, best.id, item.reading_minutes)
        emit(ItemAssigned(stream=item.accession, at=at, item_id=item_id, reader_id=best.id))
    doorbell.ring(WORKLIST_BELL)
    return best.id if best else None


def choose_reader(needs: Needs, readers: list[ReaderNow]) -> tuple[ReaderNow | None, dict[int, list[str]]]:
    """The best eligible reader, and for everyone else who is not eligible, by what."""
    needs = needs_given_coverage(needs, readers)
    ruled_out_by = {reader.id: ruled_out(reader, needs) for reader in readers}
    eligible = [reader for reader in readers if not ruled_out_by[reader.id]]
    best = min(eligible, key=lambda reader: (*preference(reader, needs), reader.id), default=None)
    return best, {pk: names for pk, names in ruled_out_by.items() if names}


def _record_body(needs: Needs, readers: list[ReaderNow], ruled_out_by: dict[int, list[str]]) -> dict[str, Any]:
    """For the record: the eligible, best first (the first dozen), and who was not, by what ruled them out."""
    eligible = sorted((r for r in readers if r.id not in ruled_out_by), key=lambda r: preference(r, needs))
    against: dict[str, list[int]] = {}
    for pk, names in ruled_out_by.items():
        against.setdefault(",".join(names), []).append(pk)
    first = eligible[:MOST_CANDIDATES_KEPT]
    return {
        "candidates": [{"reader": r.id, "order": why(r, needs), "held": r.held} for r in first],
        "out": against,
    }
