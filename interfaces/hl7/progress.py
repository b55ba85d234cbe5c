"""Status messages that tell how far an exam is (ORC-5: IP, CM, DC), for devices that send no MPPS."""

from __future__ import annotations

from ris.orders import states
from ris.orders.models import Order, ScheduledStep
from ris.orders.services import complete_by_hand, discontinue_by_hand, start_by_hand

from . import fold
from .incoming import Incoming

_REACHED = {
    fold.STARTED: frozenset({states.STARTED, states.COMPLETED, states.DISCONTINUED}),
    fold.COMPLETED: frozenset({states.COMPLETED, states.DISCONTINUED}),
    fold.DISCONTINUED: frozenset({states.COMPLETED, states.DISCONTINUED}),
}


def progress_to(order: Order, progress: str, incoming: Incoming) -> None:
    """Move each step of the order forward to what was said; never back. Cancelled steps stay cancelled."""
    steps = ScheduledStep.objects.filter(procedure__order=order).exclude(state=states.CANCELLED).order_by("pk")
    for step in steps:
        if step.state in _REACHED[progress]:
            continue
        if step.state in states.WAITING:
            start_by_hand(step.pk, actor=incoming.actor, at=incoming.at)
        if progress == fold.COMPLETED:
            complete_by_hand(step.pk, actor=incoming.actor, at=incoming.at)
        elif progress == fold.DISCONTINUED:
            discontinue_by_hand(step.pk, actor=incoming.actor, at=incoming.at)
        incoming.did(progress, step)
