"""Subscribers: events of the house → notifications of those who subscribed to their topic."""

from __future__ import annotations

from ris.kernel.events import Event, subscribe

from .subscriptions.queue import enqueue_event
from .subscriptions.topics import TOPIC_EVENTS


@subscribe(*TOPIC_EVENTS, name="fhir.notify")
def notify_subscribers(event: Event) -> None:
    """Number the event for whoever may hear of it, and owe it."""
    enqueue_event(event)
