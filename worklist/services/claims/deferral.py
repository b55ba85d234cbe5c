"""A case that is not read now: declined, set aside until something comes, taken up again."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from ris.audit.services import Actor
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.values import read_reason
from ris.people.models import User
from worklist import states
from worklist.events import ItemParked, ItemResumed, ItemSkipped
from worklist.models import ReadingItem, Skip

from ..urgency.item_price import NO_LANE, lane_columns
from ..urgency.updates import pause_clock, resume_clock
from .claim import publish, readable_item
from .leases import FREE, SWEEP, return_item


@transaction.atomic
def skip(item_id: int, *, reader: User, reason: str, actor: Actor, at: datetime) -> ReadingItem:
    """Decline a case with a reason, which is kept and counted; the reader is not given it again by the rules."""
    read_reason(reason, "Say why you decline this case.")
    item = readable_item(item_id, reader)
    if item.state == states.CLAIMED and item.reader_id == reader.pk:
        item = return_item(item_id, at, reader=reader)
    Skip.objects.get_or_create(item=item, reader=reader, defaults={"reason": reason.strip(), "at": at})
    ReadingItem.objects.filter(pk=item_id, assigned_to=reader).update(assigned_to=None, version=F("version") + 1)
    event = ItemSkipped(stream=item.accession, at=at, item_id=item_id, reader_id=reader.pk)
    return publish(item, event, actor, reason=reason)


@transaction.atomic
def park(
    item_id: int,
    *,
    reader: User,
    until: datetime,
    reason: str,
    stop_clock: bool = False,
    actor: Actor,
    at: datetime,
) -> ReadingItem:
    """Set a case aside until a moment (waiting for priors, for a call back); the draft stays.

    The SLA clock runs, unless it is stopped until the case is taken up again. A held case can be parked by its
    holder only. Raises Invalid without a reason or for a moment that is past.
    """
    read_reason(reason, "Say what this case waits for.")
    if not at < until <= at + timedelta(days=7):
        raise Invalid("Park until a moment within the next seven days.", at="until")
    item = readable_item(item_id, reader)
    if item.state == states.CLAIMED and item.reader_id != reader.pk:
        raise Conflict("Somebody else holds this case.")
    mine = ReadingItem.objects.filter(version=item.version)
    taken = mine.take(states.PARK, item_id, parked_until=until, park_reason=reason.strip(), **FREE, **NO_LANE)
    if stop_clock and not taken.pauses.filter(until__isnull=True).exists():
        pause_clock(item_id, reason=reason, actor=actor, at=at)
    event = ItemParked(stream=taken.accession, at=at, item_id=item_id, reader_id=reader.pk)
    return publish(taken, event, actor, reason=reason)


@transaction.atomic
def resume(item_id: int, *, actor: Actor, at: datetime, reader: User | None = None) -> ReadingItem:
    """Bring a parked case back among those that wait. ``reader`` is who asks; the sweep asks without one."""
    if reader:
        readable_item(item_id, reader)
    item = ReadingItem.objects.filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    step = states.RESUME_TO_SIGNER if item.preliminary_by_id else states.RESUME
    taken = ReadingItem.objects.take(step, item_id, parked_until=None, park_reason="", **lane_columns(item, at))
    if resume_clock(item_id, actor=actor, at=at):
        taken.reread()
    return publish(taken, ItemResumed(stream=taken.accession, at=at, item_id=item_id), actor)


def resume_due(at: datetime, *, limit: int = 200) -> int:
    """Bring back the parked cases whose moment has come; how many."""
    due = ReadingItem.objects.filter(state=states.PARKED, parked_until__lte=at).values_list("pk", flat=True)[:limit]
    back = 0
    for pk in list(due):
        try:
            resume(pk, actor=SWEEP, at=at)
            back += 1
        except Conflict:  # somebody claimed it meanwhile
            continue
    return back
