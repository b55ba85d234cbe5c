"""What reporting does when a case changes hands."""

from __future__ import annotations

from ris.kernel.events import subscribe_in_transaction
from worklist.events import ItemClaimed, ItemTakenOver, ReaderEvent

from .services.handovers import begin_draft


@subscribe_in_transaction(ItemClaimed, ItemTakenOver)
def begin_draft_of_claim(event: ReaderEvent) -> None:
    """Give the case its draft in the transaction of the claim: a reader never holds a case without one."""
    begin_draft(event.item_id, reader_id=event.reader_id, at=event.at)
