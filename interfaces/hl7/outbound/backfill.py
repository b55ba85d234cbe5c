"""A destination that is added later is told of what happened before: a row says which facts and how far it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, F, Max, QuerySet

from ris.audit.services import Actor, record
from ris.kernel.doorbell import ring
from ris.kernel.errors import Invalid, NotFound
from ris.kernel.events import revive
from ris.kernel.jobs import HALT, RUNNING
from ris.kernel.models import Record
from ris.kernel.values import read_reason

from ..models import BackFill, Destination, OutboundMessage
from .queue import enqueue_event, match_destinations
from .triggers import TRIGGER_EVENTS

BACK_FILL = "hl7-back-fill"
"""Doorbell: a destination is to be told of more facts."""
AT_ONCE = 20
"""Facts in one transaction."""
LOOKED_AT = 1000
"""A page counts messages of so many facts; of more it says that there are more."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What a back-fill would do: facts in the range, messages that would be queued by kind, and those that are known.

    ``facts`` are all; the messages those of the first ``looked_at``.
    """

    facts: int
    looked_at: int
    kinds: dict[str, int]
    known: int

    @property
    def total(self) -> int:
        """Number of messages of all kinds."""
        return sum(self.kinds.values())


def count(destination_id: int, *, since: datetime, until: datetime, most: int | None = None) -> Counted:
    """What a back-fill would queue, of the first ``most`` facts (None: all). Changes nothing.

    Raises NotFound, and Invalid for a range that is none.
    """
    destination = _destination(destination_id)
    facts = _facts(since, until)
    kinds: Counter[str] = Counter()
    known = looked_at = 0
    for fact in facts[:most].iterator(chunk_size=500):
        looked_at += 1
        for _, planned in match_destinations(revive(fact), [destination]):
            same = OutboundMessage.objects.filter(destination=destination, kind=planned.kind, source=planned.source)
            if same.exists():
                known += 1
            else:
                kinds[planned.kind] += 1
    return Counted(facts.count(), looked_at, dict(sorted(kinds.items())), known)


@transaction.atomic
def start(
    destination_id: int, *, since: datetime, until: datetime, reason: str, actor: Actor, at: datetime
) -> BackFill:
    """Have the destination told of what it would have been told between the two moments, in the order of the facts.

    What was queued for it before is not queued again. What is sent tells how things are now; a report's version
    stays what it was. Raises NotFound; Invalid without a reason, or when nothing happened in between.
    """
    read_reason(reason)
    destination = _destination(destination_id)
    known = _facts(since, until).aggregate(total=Count("pk"), last=Max("pk"))
    if not known["total"]:
        raise Invalid("Nothing happened in that time that is told to anybody.", at="since")
    job = BackFill.objects.create(
        state=RUNNING, destination=destination, since=since, until=until, last_id=known["last"],
        total=known["total"], reason=reason.strip()[:250], actor=actor.name, created_at=at,
    )  # fmt: skip
    record(actor, "hl7.back-fill", destination, reason=reason, at=at, back_fill=job.pk, facts=job.total,
           since=since.isoformat(), until=until.isoformat())  # fmt: skip
    ring(BACK_FILL)
    return job


@transaction.atomic
def take_some(job_id: int, *, at: datetime) -> bool:
    """Go through the next facts of a running back-fill, all of them or none; whether it goes on.

    Workers at the same one take turns, and a killed one leaves it where it was.
    """
    job = BackFill.lock_running(job_id)
    if job is None:
        return False
    rest = _facts(job.since, job.until).filter(pk__gt=job.cursor, pk__lte=job.last_id)
    facts = list(rest[:AT_ONCE])
    if not facts:
        job.finish(at)
        return False
    # A fact that was queued before counts as nothing: the unique source tells.
    owed = sum(enqueue_event(revive(fact), [job.destination]) for fact in facts)
    job.advance(facts[-1].pk, len(facts), owed=F("owed") + owed)
    return True


@transaction.atomic
def halt(job_id: int, *, reason: str, actor: Actor, at: datetime) -> BackFill:
    """Queue no more of it; what is queued stays. Raises NotFound, Conflict, Invalid without a reason."""
    read_reason(reason)
    job = BackFill.objects.take(HALT, job_id, ended_at=at)
    record(actor, "hl7.back-fill-halt", job.destination, reason=reason, at=at, back_fill=job.pk, done=job.done)
    return job


def _facts(since: datetime, until: datetime) -> QuerySet[Record]:
    if until <= since:
        raise Invalid("The end is not after the beginning.", at="until")
    kinds = [event.kind for event in TRIGGER_EVENTS]
    return Record.objects.filter(kind__in=kinds, at__gte=since, at__lt=until).order_by("pk")


def _destination(destination_id: int) -> Destination:
    destination = Destination.objects.filter(pk=destination_id).first()
    if destination is None:
        raise NotFound("There is no such destination.")
    return destination
