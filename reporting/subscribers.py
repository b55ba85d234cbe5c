"""What reporting does when a case changes hands."""

from __future__ import annotations

from ris.kernel.events import subscribe_in_transaction
from worklist.events import ItemCancelled, ItemClaimed, ItemEvent, ItemTakenOver, ReaderEvent

from .services.handovers import begin_draft, cancel_draft


@subscribe_in_transaction(ItemClaimed, ItemTakenOver)
def begin_draft_of_claim(event: ReaderEvent) -> None:
    """Give the case its draft in the transaction of the claim: a reader never holds a case without one."""
    begin_draft(event.item_id, reader_id=event.reader_id, at=event.at)


@subscribe_in_transaction(ItemCancelled)
def cancel_draft_of_item(event: ItemEvent) -> None:
    """Cancel the draft of a case that is taken off the reading list."""
    cancel_draft(event.item_id, at=event.at)
