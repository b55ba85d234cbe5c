"""Many messages are taken again: a row says which and how far, whoever is awake takes the next one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Max, Min

from ris.audit.services import Actor, record
from ris.kernel.doorbell import ring
from ris.kernel.errors import Invalid
from ris.kernel.jobs import GO_ON, HALT, RUNNING
from ris.kernel.values import read_reason

from ..models import InboundMessage, ReplayJob
from .message_filter import MessageFilter, select_to_replay
from .services import replay

REPLAY = "hl7-replay"
"""Doorbell: a job has something to take again."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What a replay would take: how many, by state, and from when to when they came."""

    total: int
    by_state: dict[str, int]
    first: datetime | None
    last: datetime | None


def count(asked: MessageFilter, sites: list[int] | None) -> Counted:
    """How many messages a replay would take again. Changes nothing."""
    rows = select_to_replay(asked, sites)
    by_state = dict(rows.order_by("state").values_list("state").annotate(Count("pk")))
    span = rows.aggregate(first=Min("received_at"), last=Max("received_at"))
    return Counted(sum(by_state.values()), by_state, span["first"], span["last"])


@transaction.atomic
def start(asked: MessageFilter, sites: list[int] | None, *, reason: str, actor: Actor, at: datetime) -> ReplayJob:
    """Have the messages that are asked for, as of now, taken again, oldest first.

    Raises Invalid without a reason, or when there are none.
    """
    read_reason(reason)
    selected = select_to_replay(asked, sites).aggregate(total=Count("pk"), last=Max("pk"))
    if not selected["total"]:
        raise Invalid("No message is like that; widen what you ask for.", at="state")
    job = ReplayJob.objects.create(
        state=RUNNING, asked=asked.to_json(), sites=sites, last_id=selected["last"], total=selected["total"],
        reason=reason.strip()[:250], actor=actor.name, user_id=actor.user_id, source=actor.source, created_at=at,
        moved_at=at,
    )  # fmt: skip
    record(actor, "hl7.replay-many", job, reason=reason, at=at, asked=job.asked, total=job.total)
    ring(REPLAY)
    return job


@transaction.atomic
def take_next(job_id: int, *, at: datetime) -> InboundMessage | None:
    """Take the next message of a running job again and write down that it was, in one transaction; None: it is over.

    Workers at the same job take turns, so none is taken twice, and a killed one leaves it where it was.
    """
    job = ReplayJob.lock_running(job_id)
    if job is None:
        return None
    # Copies that the replay itself makes have higher ids and are never taken.
    rest = select_to_replay(MessageFilter.from_values(job.asked), job.sites).filter(
        pk__gt=job.cursor, pk__lte=job.last_id
    )
    pk = rest.values_list("pk", flat=True).first()
    if pk is None:
        job.finish(at)
        return None
    row = replay(pk, reason=job.reason, actor=Actor(job.actor, job.user_id, job.source), at=at)
    outcomes = job.outcomes | {row.state: job.outcomes.get(row.state, 0) + 1}
    job.advance(pk, 1, outcomes=outcomes, moved_at=at)
    return row


@transaction.atomic
def halt(job_id: int, *, reason: str, actor: Actor, at: datetime) -> ReplayJob:
    """Take no more of the job's messages; those that were taken stay. Raises NotFound, Conflict, Invalid."""
    read_reason(reason)
    job = ReplayJob.objects.take(HALT, job_id, ended_at=at)
    record(actor, "hl7.replay-halt", job, reason=reason, at=at, done=job.done)
    return job


@transaction.atomic
def go_on(job_id: int, *, actor: Actor, at: datetime) -> ReplayJob:
    """Go on where it was stopped. Raises NotFound, Conflict."""
    job = ReplayJob.objects.take(GO_ON, job_id, ended_at=None)
    record(actor, "hl7.replay-go-on", job, at=at, done=job.done)
    ring(REPLAY)
    return job
