"""Subscribers: events of the house → notifications of those who subscribed to their topic; claims → contexts."""

from __future__ import annotations

from ris.kernel.events import Event, subscribe
from worklist.events import ItemAwaitsSigner, ItemClaimed, ItemFinished, ItemReleased, ItemTakenOver, ReaderEvent

from .cast.desk import close_report, open_report
from .subscriptions.queue import enqueue_event
from .subscriptions.topics import TOPIC_EVENTS


@subscribe(*TOPIC_EVENTS, name="fhir.notify")
def notify_subscribers(event: Event) -> None:
    """Number the event for whoever may hear of it, and owe it."""
    enqueue_event(event)


@subscribe(ItemClaimed, ItemTakenOver, ItemReleased, ItemAwaitsSigner, ItemFinished, name="fhir.follow_claims")
def follow_claims(event: ReaderEvent) -> None:
    """A claim opens its report at the desk of its reader (FHIRcast); its end closes it."""
    if isinstance(event, ItemTakenOver):
        close_report(event.item_id, event.from_reader_id, at=event.at)
    if isinstance(event, ItemClaimed | ItemTakenOver):
        open_report(event.item_id, event.reader_id, at=event.at)
    else:
        close_report(event.item_id, event.reader_id, at=event.at)
