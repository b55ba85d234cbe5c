"""A destination that is added later is told of what happened before."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel.errors import NotFound
from ris.kernel.events import revive
from ris.kernel.models import Record

from .models import Destination
from .outbox import tell
from .telling import TOLD


def back_fill(destination_id: int, *, since: datetime, until: datetime, actor: Actor, at: datetime) -> int:
    """Owe the destination what it would have been told of between the two moments; return for how many facts.

    In the order of the facts, each in its own transaction. What was owed before is not owed again, so it can
    be repeated after an interruption. What is sent tells how things are now. Raises NotFound.
    """
    destination = Destination.objects.filter(pk=destination_id).first()
    if destination is None:
        raise NotFound("There is no such destination.")
    kinds = [event.kind for event in TOLD]
    facts = Record.objects.filter(kind__in=kinds, at__gte=since, at__lt=until).order_by("pk")
    told = 0
    for fact in facts.iterator():
        with transaction.atomic():
            told += bool(tell(revive(fact), [destination]))
    record(actor, "hl7.back-fill", destination, at=at, facts=told, since=since.isoformat(), until=until.isoformat())
    return told
