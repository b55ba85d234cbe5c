"""Who holds a case. Every change is a guarded UPDATE, so of any number who race one wins.

Linked exams change hands together: claimed in one action, released and taken over in one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from ris.audit.services import Actor
from ris.kernel.db.transactions import lock_name
from ris.kernel.errors import Conflict, NotFound
from ris.kernel.values import read_reason
from ris.people.models import User
from worklist import states
from worklist.events import ItemAwaitsSigner, ItemClaimed, ItemFinished, ItemReleased, ItemTakenOver
from worklist.models import Offer, ReadingItem
from worklist.rules.eligibility import BINDING, ruled_out
from worklist.rules.score import PRIMARY
from worklist.selectors.case_facts import needs_of
from worklist.selectors.linked_exams import held_together
from worklist.selectors.readers import readers_recent

from ..urgency.lane_columns import NO_LANE, lane_columns
from ..urgency.updates import resume_clock
from .leases import FREE, LEASE, publish, readable_item, require_eligible, require_room, return_item
from .linked_exams import claim_linked_exams

TEAM_FIRST = timedelta(hours=1)
"""So long, and no longer than it has slack, a resident's case is given to signers of their own team only."""


@transaction.atomic
def claim(item_id: int, *, reader: User, actor: Actor, at: datetime) -> ReadingItem:
    """Reserve an item that waits (or is parked) for one reader, picked by hand, and what is linked with it.

    Of two who race one wins; the other gets Conflict. Raises Conflict too when the reader holds as many
    as allowed, Forbidden when they may not read this one whoever asks, NotFound when it is not at their sites.
    """
    lock_name(f"reader:{reader.pk}")  # or two claims at once could each see room for one more
    item = readable_item(item_id, reader)
    freed = _end_offer(item, reader, at)
    reader_now = require_eligible(item, reader, at)
    require_room(reader, item.reading_minutes)
    held: dict[str, Any] = {"reader": reader, "claimed_at": at, "lease_until": at + LEASE, "parked_until": None}
    taken = ReadingItem.objects.take(states.CLAIM, item_id, **held, **freed, **NO_LANE)
    resume_clock(item_id, actor=actor, at=at)
    publish(taken, ItemClaimed(stream=taken.accession, at=at, item_id=item_id, reader_id=reader.pk), actor)
    claim_linked_exams(taken, reader=reader, reader_now=reader_now, actor=actor, at=at)
    return taken


def _end_offer(item: ReadingItem, reader: User, at: datetime) -> dict[str, Any]:
    """Whoever picks a case by hand that is being offered to another is quicker: the offer lapses."""
    open_ = Offer.objects.filter(item=item, outcome=Offer.OPEN).exclude(reader=reader)
    if not open_.update(outcome=Offer.LAPSED, answered_at=at):
        return {}
    item.reserved_for = None
    return {"reserved_for": None}


@transaction.atomic
def release(item_id: int, *, reader: User, reason: str = "", actor: Actor, at: datetime) -> ReadingItem:
    """Give a held case back to the others, with what was claimed along with it; drafts stay.

    Raises Conflict when the reader does not hold it.
    """
    item = ReadingItem.objects.filter(pk=item_id).first()
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


@transaction.atomic
def take_over(item_id: int, *, reader: User, reason: str, actor: Actor, at: datetime) -> ReadingItem:
    """Take a case from the reader who holds it, with a reason that is audited; the whole draft comes with it.

    So does what they claimed along with it, as far as this reader may read it and has room. Of several who race one
    gets it from the present holder, and the others Conflict.
    """
    read_reason(reason, "Say why you take this case over.")
    lock_name(f"reader:{reader.pk}")
    item = readable_item(item_id, reader)
    if item.reader_id == reader.pk:
        raise Conflict("You hold this case already.")
    reader_now = require_eligible(item, reader, at)
    require_room(reader, item.reading_minutes)
    together = held_together(item) if item.state == states.CLAIMED else []
    taken = _take_over(item, reader, reason, actor, at, None)
    for other in together:
        if other.pk == item_id or ruled_out(reader_now, needs_of(other, at), only=BINDING):
            continue
        try:
            require_room(reader, other.reading_minutes)
        except Conflict:
            break
        _take_over(other, reader, reason, actor, at, taken)
    return taken


def _take_over(
    item: ReadingItem, reader: User, reason: str, actor: Actor, at: datetime, along_with: ReadingItem | None
) -> ReadingItem:
    held = ReadingItem.objects.filter(reader=item.reader_id)
    columns: dict[str, Any] = {"reader": reader, "claimed_at": at, "lease_until": at + LEASE}
    taken = held.take(states.TAKE_OVER, item.pk, **columns, claimed_with=along_with)
    event = ItemTakenOver(
        stream=taken.accession, at=at, item_id=item.pk, reader_id=reader.pk, from_reader_id=item.reader_id or 0
    )
    return publish(taken, event, actor, reason=reason, from_reader=item.reader_id)


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
    columns = {**FREE, "preliminary_by": reader, "assigned_to": None, **first, **where}
    taken = mine.take(states.RELEASE_TO_SIGNER, item_id, **columns)
    return publish(taken, ItemAwaitsSigner(stream=taken.accession, at=at, item_id=item_id, reader_id=reader.pk), actor)


def _team_first(reader: User, where: dict[str, Any], at: datetime) -> dict[str, Any]:
    profile = getattr(reader, "reader_profile", None)
    team = profile.team if profile else ""
    here = (one for one in readers_recent(at) if one.team == team and one.can_sign and one.present)
    if not team or where["lane"] != PRIMARY or all(one.id == reader.pk for one in here):
        return {"team": team, "team_until": None}
    return {"team": team, "team_until": min(at + TEAM_FIRST, where["turns_at"])}


@transaction.atomic
def finish(item_id: int, *, reader: User, actor: Actor, at: datetime) -> ReadingItem:
    """The report is signed: the case is over. Raises Conflict unless this reader holds it at this moment."""
    mine = ReadingItem.objects.filter(reader=reader)
    taken = mine.take(states.FINISH, item_id, finished_at=at, lease_until=None, next_rung_at=None)
    taken.pauses.filter(until__isnull=True).update(until=at)
    return publish(taken, ItemFinished(stream=taken.accession, at=at, item_id=item_id, reader_id=reader.pk), actor)
