"""Who holds a case. Every change is a guarded UPDATE, so of any number who race one wins."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Sum

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel import doorbell
from ris.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from ris.kernel.events import Event, emit
from ris.kernel.locks import lock_name
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require
from worklist import states
from worklist.events import (
    ItemAwaitsSigner,
    ItemClaimed,
    ItemFinished,
    ItemParked,
    ItemReleased,
    ItemResumed,
    ItemSkipped,
    ItemTakenOver,
)
from worklist.live_bell import WORKLIST
from worklist.models import Offer, ReaderProfile, ReadingItem, Skip
from worklist.rules.eligible import BINDING, FILTERS, ruled_out
from worklist.selectors.needs import needs_of
from worklist.selectors.readers import reader_now

from .facts_change import pause_clock, resume_clock
from .places import NOWHERE, standing

LEASE = timedelta(minutes=10)
"""A claim ends so long after the last sign of life."""

SWEEP = Actor.job("sweep")


@transaction.atomic
def claim(item_id: int, *, reader: User, actor: Actor, at: datetime) -> ReadingItem:
    """Reserve an item that waits (or is parked) for one reader, picked by hand.

    Of two who race one wins; the other gets Conflict. Raises Conflict too when the reader holds as many
    as allowed, Forbidden when they may not read this one whoever asks, NotFound when it is not at their sites.
    """
    lock_name(f"reader:{reader.pk}")  # or two claims at once could each see room for one more
    item = _visible(item_id, reader)
    freed = _end_offer(item, reader, at)
    _refuse_unfit(item, reader, at)
    refuse_full(reader, item.reading_minutes)
    held: dict[str, Any] = {"reader": reader, "claimed_at": at, "lease_until": at + LEASE, "parked_until": None}
    taken = ReadingItem.objects.take(states.CLAIM, item_id, **held, **freed, **NOWHERE)
    resume_clock(item_id, actor=actor, at=at)
    return say(taken, ItemClaimed(stream=taken.accession, at=at, item_id=item_id, reader_id=reader.pk), actor)


def _end_offer(item: ReadingItem, reader: User, at: datetime) -> dict[str, Any]:
    """Whoever picks a case by hand that is being offered to another is quicker: the offer lapses."""
    open_ = Offer.objects.filter(item=item, outcome=Offer.OPEN).exclude(reader=reader)
    if not open_.update(outcome=Offer.LAPSED, answered_at=at):
        return {}
    item.reserved_for = None
    return {"reserved_for": None}


def _visible(item_id: int, reader: User) -> ReadingItem:
    item = ReadingItem.objects.select_related("procedure__order__patient").filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    require(reader, Can.READ_CASES, item.site_id)
    return item


def _refuse_unfit(item: ReadingItem, reader: User, at: datetime) -> None:
    against = ruled_out(reader_now(reader, at), needs_of(item, at), only=BINDING)
    if against:
        raise Forbidden(f"You cannot take this case: the reader {FILTERS[against[0]][0]}.", code="not-eligible")


def refuse_full(reader: User, reading_minutes: float) -> None:
    """Raise Conflict when one more case would be more than the reader may hold at a time."""
    profile = ReaderProfile.objects.filter(user=reader).first() or ReaderProfile()
    held = ReadingItem.objects.filter(reader=reader, state=states.CLAIMED)
    count, minutes = held.count(), held.aggregate(total=Sum("reading_minutes"))["total"] or 0.0
    if count >= profile.most_claims or (count and minutes + reading_minutes > profile.most_minutes):
        raise Conflict(f"You hold {count} cases already; finish or release one first.", code="claims-full")


@transaction.atomic
def release(item_id: int, *, reader: User, reason: str = "", actor: Actor, at: datetime) -> ReadingItem:
    """Give a held case back to the others; its draft stays. Raises Conflict when the reader does not hold it."""
    taken = give_back(item_id, at, reader=reader)
    event = ItemReleased(stream=taken.accession, at=at, item_id=item_id, reader_id=reader.pk)
    return say(taken, event, actor, reason=reason)


def give_back(item_id: int, at: datetime, **guard: Any) -> ReadingItem:
    """CLAIMED → waiting, for the signer where there is a preliminary report. ``guard`` narrows the UPDATE."""
    item = ReadingItem.objects.filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    step = states.RELEASE_TO_SIGNER if item.preliminary_by_id else states.RELEASE
    free: dict[str, Any] = {"reader": None, "lease_until": None}
    held = ReadingItem.objects.filter(preliminary_by=item.preliminary_by_id, **guard)
    taken = held.take(step, item_id, **free, **standing(item, at))
    return taken.reread() if resume_clock(item_id, actor=SWEEP, at=at) else taken


@transaction.atomic
def skip(item_id: int, *, reader: User, reason: str, actor: Actor, at: datetime) -> ReadingItem:
    """Decline a case with a reason, which is kept and counted; the reader is not given it again by the rules."""
    if not reason.strip():
        raise Invalid("Say why you decline this case.", at="reason")
    item = _visible(item_id, reader)
    if item.state == states.CLAIMED and item.reader_id == reader.pk:
        item = give_back(item_id, at, reader=reader)
    Skip.objects.get_or_create(item=item, reader=reader, defaults={"reason": reason.strip(), "at": at})
    ReadingItem.objects.filter(pk=item_id, assigned_to=reader).update(assigned_to=None, version=F("version") + 1)
    event = ItemSkipped(stream=item.accession, at=at, item_id=item_id, reader_id=reader.pk)
    return say(item, event, actor, reason=reason)


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
    if not reason.strip():
        raise Invalid("Say what this case waits for.", at="reason")
    if not at < until <= at + timedelta(days=7):
        raise Invalid("Park until a moment within the next seven days.", at="until")
    item = _visible(item_id, reader)
    if item.state == states.CLAIMED and item.reader_id != reader.pk:
        raise Conflict("Somebody else holds this case.")
    mine = ReadingItem.objects.filter(version=item.version)
    free: dict[str, Any] = {"reader": None, "lease_until": None}
    taken = mine.take(states.PARK, item_id, parked_until=until, park_reason=reason.strip(), **free, **NOWHERE)
    if stop_clock and not taken.pauses.filter(until__isnull=True).exists():
        pause_clock(item_id, reason=reason, actor=actor, at=at)
    event = ItemParked(stream=taken.accession, at=at, item_id=item_id, reader_id=reader.pk)
    return say(taken, event, actor, reason=reason)


@transaction.atomic
def resume(item_id: int, *, actor: Actor, at: datetime, reader: User | None = None) -> ReadingItem:
    """Bring a parked case back among those that wait. ``reader`` is who asks; the sweep asks without one."""
    if reader:
        _visible(item_id, reader)
    item = ReadingItem.objects.filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    step = states.RESUME_TO_SIGNER if item.preliminary_by_id else states.RESUME
    taken = ReadingItem.objects.take(step, item_id, parked_until=None, park_reason="", **standing(item, at))
    if resume_clock(item_id, actor=actor, at=at):
        taken.reread()
    return say(taken, ItemResumed(stream=taken.accession, at=at, item_id=item_id), actor)


@transaction.atomic
def take_over(item_id: int, *, reader: User, reason: str, actor: Actor, at: datetime) -> ReadingItem:
    """Take a case from the reader who holds it, with a reason that is audited; the whole draft comes with it.

    Of several who race one gets it from the present holder, and the others Conflict.
    """
    if not reason.strip():
        raise Invalid("Say why you take this case over.", at="reason")
    lock_name(f"reader:{reader.pk}")
    item = _visible(item_id, reader)
    if item.reader_id == reader.pk:
        raise Conflict("You hold this case already.")
    _refuse_unfit(item, reader, at)
    refuse_full(reader, item.reading_minutes)
    held = ReadingItem.objects.filter(reader=item.reader_id)
    taken = held.take(states.TAKE_OVER, item_id, reader=reader, claimed_at=at, lease_until=at + LEASE)
    event = ItemTakenOver(
        stream=taken.accession, at=at, item_id=item_id, reader_id=reader.pk, from_reader_id=item.reader_id or 0
    )
    return say(taken, event, actor, reason=reason, from_reader=item.reader_id)


def extend_lease(item_id: int, *, reader: User, at: datetime) -> bool:
    """A sign of life from the reader: the claim lives on for another LEASE. False when it is theirs no more."""
    mine = ReadingItem.objects.filter(pk=item_id, reader=reader, state=states.CLAIMED)
    return bool(mine.update(lease_until=at + LEASE))


@transaction.atomic
def to_signer(item_id: int, *, reader: User, actor: Actor, at: datetime) -> ReadingItem:
    """The reader who holds it has released a preliminary report: offer the case to those who may sign."""
    item = ReadingItem.objects.filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    free: dict[str, Any] = {"reader": None, "lease_until": None, "preliminary_by": reader, "assigned_to": None}
    mine = ReadingItem.objects.filter(reader=reader)
    taken = mine.take(states.RELEASE_TO_SIGNER, item_id, **free, **standing(item, at))
    return say(taken, ItemAwaitsSigner(stream=taken.accession, at=at, item_id=item_id, reader_id=reader.pk), actor)


@transaction.atomic
def finish(item_id: int, *, reader: User, actor: Actor, at: datetime) -> ReadingItem:
    """The report is signed: the case is over. Raises Conflict unless this reader holds it at this moment."""
    mine = ReadingItem.objects.filter(reader=reader)
    taken = mine.take(states.FINISH, item_id, finished_at=at, lease_until=None, next_rung_at=None)
    taken.pauses.filter(until__isnull=True).update(until=at)
    return say(taken, ItemFinished(stream=taken.accession, at=at, item_id=item_id, reader_id=reader.pk), actor)


def say(item: ReadingItem, event: Event, actor: Actor, *, reason: str = "", **detail: Any) -> ReadingItem:
    """Write the fact and the audit row, ring the bell after commit."""
    emit(event)
    patient_id = item.procedure.order.patient_id
    action = "item." + event.kind.removeprefix("Item").lower()
    record(actor, action, item, patient_id=patient_id, reason=reason.strip(), at=event.at, **detail)
    doorbell.ring(WORKLIST)
    return item


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
        taken = give_back(item_id, at, lease_until__lte=at, reader=item.reader_id)
    except Conflict:
        return False
    event = ItemReleased(stream=taken.accession, at=at, item_id=item_id, reader_id=item.reader_id or 0, expired=True)
    say(taken, event, SWEEP, reason="lease expired", reader=item.reader_id)
    return True


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
