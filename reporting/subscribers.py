"""What reporting does when a case changes hands."""

from __future__ import annotations

from ris.kernel.events import subscribe, subscribe_in_transaction
from ris.orders.events import OrderRevised
from worklist.events import ItemCancelled, ItemClaimed, ItemEvent, ItemTakenOver, ReaderEvent

from .services import split_moved_exams
from .services.handovers import begin_draft, cancel_draft


@subscribe_in_transaction(ItemClaimed, ItemTakenOver)
def begin_draft_of_claim(event: ReaderEvent) -> None:
    """Give the case its draft in the transaction of the claim: a reader never holds a case without one."""
    begin_draft(event.item_id, reader_id=event.reader_id, at=event.at)


@subscribe_in_transaction(ItemCancelled)
def cancel_draft_of_item(event: ItemEvent) -> None:
    """Cancel the draft of a case that is taken off the reading list."""
    cancel_draft(event.item_id, at=event.at)


@subscribe(OrderRevised, name="reporting.split_moved_exams")
def split_exams_of_another_patient(event: OrderRevised) -> None:
    """An exam that is another patient's now leaves the common report."""
    split_moved_exams(event.order_id, at=event.at)
