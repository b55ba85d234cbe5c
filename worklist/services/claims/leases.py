"""How a claim is kept up, and how it ends: by time, by its reader, at a preliminary report, at the final one.

Linked exams that were claimed in one action live on and are released together.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from ris.audit.services import Actor
from ris.kernel.errors import Conflict, NotFound
from ris.people.models import User
from worklist import states
from worklist.events import ItemAwaitsSigner, ItemFinished, ItemReleased
from worklist.models import ReadingItem
from worklist.rules.score import PRIMARY
from worklist.selectors.linked_exams import held_together
from worklist.selectors.readers import readers_recent

from ..urgency.item_price import lane_columns
from ..urgency.updates import resume_clock
from .claim import LEASE, publish

SWEEP = Actor.job("sweep")

FREE: dict[str, Any] = {"reader": None, "lease_until": None, "claimed_with": None}
"""Columns of an item that nobody holds."""

TEAM_FIRST = timedelta(hours=1)
"""So long, and no longer than it has slack, a resident's case is given to signers of their own team only."""


def extend_lease(item_id: int, *, reader: User, at: datetime) -> bool:
    """A sign of life from the reader: the claim lives on for another LEASE, and those that were made along with it.

    False when it is theirs no more.
    """
    mine = ReadingItem.objects.filter(reader=reader, state=states.CLAIMED)
    if not mine.filter(pk=item_id).update(lease_until=at + LEASE):
        return False
    first = ReadingItem.objects.filter(pk=item_id).values("claimed_with")
    along = mine.filter(Q(claimed_with=item_id) | Q(claimed_with__in=first) | Q(pk__in=first)).exclude(pk=item_id)
    # One by one in the order of ids: two heartbeats that update the same rows in another order would deadlock.
    for pk in list(along.order_by("pk").values_list("pk", flat=True)):
        mine.filter(pk=pk).update(lease_until=at + LEASE)
    return True


def expire_leases(at: datetime, *, limit: int = 200) -> int:
    """Return the cases whose lease ran out, drafts kept; how many there were. Any number may sweep at once."""
    over = ReadingItem.objects.filter(state=states.CLAIMED, lease_until__lte=at).order_by("lease_until")
    return sum(_expire(pk, at) for pk in list(over.values_list("pk", flat=True)[:limit]))


@transaction.atomic
def _expire(item_id: int, at: datetime) -> bool:
    item = ReadingItem.objects.filter(pk=item_id, state=states.CLAIMED, lease_until__lte=at).first()
    if item is None:
        return False
    try:  # the guard repeats the condition: a heartbeat may come between
        taken = return_item(item_id, at, lease_until__lte=at, reader=item.reader_id)
    except Conflict:
        return False
    event = ItemReleased(stream=taken.accession, at=at, item_id=item_id, reader_id=item.reader_id or 0, expired=True)
    publish(taken, event, SWEEP, reason="lease expired", reader=item.reader_id)
    return True


@transaction.atomic
def release(item_id: int, *, reader: User, reason: str = "", actor: Actor, at: datetime) -> ReadingItem:
    """Give a held case back to the others, with what was claimed along with it; drafts stay.

    Raises Conflict when the reader does not hold it.
    """
    item = ReadingItem.objects.filter(pk=item_id).first()
    # Locked before the first is released: after that they are no longer known by what was claimed with what.
    together = held_together(item) if item and item.reader_id == reader.pk else []
    taken = _release(item_id, reader, reason, actor, at)
    for other in together:
        if other.pk != item_id:
            _release(other.pk, reader, reason, actor, at)
    return taken


def _release(item_id: int, reader: User, reason: str, actor: Actor, at: datetime) -> ReadingItem:
    taken = return_item(item_id, at, reader=reader)
    event = ItemReleased(stream=taken.accession, at=at, item_id=item_id, reader_id=reader.pk)
    return publish(taken, event, actor, reason=reason)


def return_item(item_id: int, at: datetime, **guard: Any) -> ReadingItem:
    """CLAIMED → waiting, for the signer where there is a preliminary report. ``guard`` narrows the UPDATE."""
    item = ReadingItem.objects.filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    # preliminary_by decides the step, so it is in the guard too: a report released meanwhile makes a Conflict.
    step = states.RELEASE_TO_SIGNER if item.preliminary_by_id else states.RELEASE
    held = ReadingItem.objects.filter(preliminary_by=item.preliminary_by_id, **guard)
    taken = held.take(step, item_id, **FREE, **lane_columns(item, at))
    return taken.reread() if resume_clock(item_id, actor=SWEEP, at=at) else taken


@transaction.atomic
def pass_to_signer(item_id: int, *, reader: User, actor: Actor, at: datetime) -> ReadingItem:
    """The reader who holds it has released a preliminary report: offer the case to those who may sign.

    Where somebody of the reader's own team is there to sign, to them first.
    """
    item = ReadingItem.objects.filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    where = lane_columns(item, at)
    first = _team_first(reader, where, at)
    mine = ReadingItem.objects.filter(reader=reader)
    # What was kept for its reader (a returned report) must not be kept from the signers now.
    kept = {"reserved_for": None} if item.reserved_for_id == reader.pk else {}
    columns = {**FREE, "preliminary_by": reader, "assigned_to": None, **kept, **first, **where}
    taken = mine.take(states.RELEASE_TO_SIGNER, item_id, **columns)
    return publish(taken, ItemAwaitsSigner(stream=taken.accession, at=at, item_id=item_id, reader_id=reader.pk), actor)


@transaction.atomic
def pass_back(item_id: int, *, reader: User, to: User, actor: Actor, at: datetime) -> ReadingItem:
    """The signer who holds it returns a preliminary report to its author: the case waits for them alone."""
    item = ReadingItem.objects.filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    item.preliminary_by, item.reserved_for = None, to
    columns = {**FREE, "preliminary_by": None, "reserved_for": to, "assigned_to": None, **lane_columns(item, at)}
    taken = ReadingItem.objects.filter(reader=reader).take(states.RELEASE, item_id, **columns)
    event = ItemReleased(stream=taken.accession, at=at, item_id=item_id, reader_id=reader.pk)
    return publish(taken, event, actor, reason="returned", to=to.pk)


def _team_first(reader: User, where: dict[str, Any], at: datetime) -> dict[str, Any]:
    profile = getattr(reader, "reader_profile", None)
    team = profile.team if profile else ""
    signers = {row.id for row in readers_recent(at) if row.team == team and row.can_sign and row.present}
    # A case that has spilled beyond PRIMARY has used half of its SLA: it does not wait for a team.
    if not team or where["lane"] != PRIMARY or signers <= {reader.pk}:
        return {"team": team, "team_until": None}
    return {"team": team, "team_until": min(at + TEAM_FIRST, where["turns_at"])}


@transaction.atomic
def finish(item_id: int, *, reader: User, actor: Actor, at: datetime) -> ReadingItem:
    """The report is signed: the case is over. Raises Conflict unless this reader holds it at this moment."""
    mine = ReadingItem.objects.filter(reader=reader)
    taken = mine.take(states.FINISH, item_id, finished_at=at, lease_until=None, next_rung_at=None)
    # Ended without pricing: a pause of a finished case moves no due time.
    taken.pauses.filter(until__isnull=True).update(until=at)
    return publish(taken, ItemFinished(stream=taken.accession, at=at, item_id=item_id, reader_id=reader.pk), actor)
