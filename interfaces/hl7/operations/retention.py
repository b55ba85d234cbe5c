"""Retention: messages older than the policy allows are deleted."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from .. import states
from ..models import InboundMessage, OutboundMessage

ROUNDS = 100


def delete_expired_messages(*, days: int | None, at: datetime) -> int:
    """Delete what is older than so many days and may go (None: nothing, ever); how many.

    In short transactions, and not more than ``ROUNDS`` of them, so that nobody waits; the next look goes on.
    """
    if days is None:
        return 0
    total = 0
    for _ in range(ROUNDS):
        gone = delete_messages(before=at - timedelta(days=days))
        total += gone
        if not gone:
            break
    return total


def delete_messages(*, before: datetime, limit: int = 1000) -> int:
    """Delete up to ``limit`` messages each way that were decided, or sent or skipped, before that moment; how many.

    What is undecided, refused without a mended copy, or still owed stays, however old. Resends and edited
    copies go before what they refer to.
    """
    done = [states.APPLIED, states.IGNORED, states.DUPLICATE]
    with transaction.atomic():
        old = InboundMessage.objects.filter(received_at__lt=before, state__in=done)
        # A message that another refers to is protected; it goes in the round after that one.
        free = old.filter(resends=None, edits=None).order_by("pk").values_list("pk", flat=True)
        gone = InboundMessage.objects.filter(pk__in=list(free[:limit])).delete()[0]
        over = OutboundMessage.objects.filter(created_at__lt=before, state__in=[states.SENT, states.SKIPPED])
        finished = list(over.order_by("pk").values_list("pk", flat=True)[:limit])
        return gone + OutboundMessage.objects.filter(pk__in=finished).delete()[0]
