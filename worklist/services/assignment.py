"""Finding a reader for a case that waits, as it arrives and whenever it has none.

A suggestion binds nobody. The most urgent cases are pushed besides: offered to one reader at a time, who accepts,
declines, or lets the offer lapse.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from ris.audit.services import Actor
from ris.kernel import doorbell
from ris.kernel.alarms import raise_alarm
from ris.kernel.db.statements import insert
from ris.kernel.errors import Conflict, NotFound
from ris.kernel.events import emit
from ris.people.models import User
from worklist import states
from worklist.events import WORKLIST_BELL, ItemAssigned, ItemOffered
from worklist.models import Decision, Offer, Presence, ReadingItem
from worklist.rules.eligibility import MOST_URGENT, Needs, ReaderNow, needs_given_coverage, ruled_out
from worklist.rules.preference import preference, why
from worklist.selectors.case_facts import needs_of
from worklist.selectors.readers import note_suggested, readers_now, readers_recent

from .claims.claim import claim
from .claims.deferral import skip
from .offer_calls import CALL_WITHIN, owe_call, readers_to_call

# Each suggestion keeps such a record: in a large house not with every reader.
MOST_CANDIDATES_KEPT = 12


def with_order(item_id: int) -> ReadingItem | None:
    """An item with what its needs are read from; None if there is none."""
    related = ("procedure__order__patient", "preliminary_by__reader_profile")
    return ReadingItem.objects.select_related(*related).filter(pk=item_id).first()


@transaction.atomic
def suggest_reader(item_id: int, *, at: datetime, readers: list[ReaderNow] | None = None) -> int | None:
    """Suggest the best eligible reader for a waiting item, and keep why; their id, or None when nobody is.

    ``readers`` are those on shift, when the caller has them at hand. Idempotent: the same reader suggested
    again is no new event.
    """
    item = with_order(item_id)
    if item is None or item.state not in states.WAITING:
        return None
    needs = needs_of(item, at)
    readers = readers_recent(at) if readers is None else readers
    best, ruled_out_by = choose_reader(needs, readers)
    if best and best.id == item.assigned_to_id and item.assigned_at:
        return best.id
    changed = item.assigned_at is None or (best.id if best else None) != item.assigned_to_id
    # The version guards: who claimed or priced the item meanwhile has emitted an event that asks for a reader again.
    still = ReadingItem.objects.filter(pk=item_id, version=item.version)
    if not still.update(
        assigned_to=best.id if best else None, assigned_at=at, version=F("version") + (1 if changed else 0)
    ):
        return None
    if not changed:  # nobody then and nobody now: one record is enough
        return None
    body = {**_record_body(needs, readers, ruled_out_by), "needs": {"reach": needs.reach}}
    insert(Decision(item=item, kind=Decision.ASSIGNED, at=at, reader_id=best.id if best else None, body=body))
    if best:
        note_suggested(readers, best.id, item.reading_minutes)
        emit(ItemAssigned(stream=item.accession, at=at, item_id=item_id, reader_id=best.id))
    doorbell.ring(WORKLIST_BELL)
    return best.id if best else None


def choose_reader(needs: Needs, readers: list[ReaderNow]) -> tuple[ReaderNow | None, dict[int, list[str]]]:
    """The best eligible reader, and for everyone else who is not eligible, by what."""
    needs = needs_given_coverage(needs, readers)
    ruled_out_by = {reader.id: ruled_out(reader, needs) for reader in readers}
    eligible = [reader for reader in readers if not ruled_out_by[reader.id]]
    best = min(eligible, key=lambda reader: (*preference(reader, needs), reader.id), default=None)
    return best, {pk: names for pk, names in ruled_out_by.items() if names}


def _record_body(needs: Needs, readers: list[ReaderNow], ruled_out_by: dict[int, list[str]]) -> dict[str, Any]:
    """For the record: the eligible, best first (the first dozen), and who was not, by what ruled them out."""
    eligible = sorted((r for r in readers if r.id not in ruled_out_by), key=lambda r: preference(r, needs))
    against: dict[str, list[int]] = {}
    for pk, names in ruled_out_by.items():
        against.setdefault(",".join(names), []).append(pk)
    first = eligible[:MOST_CANDIDATES_KEPT]
    return {
        "candidates": [{"reader": r.id, "order": why(r, needs), "held": r.held} for r in first],
        "out": against,
    }


# A critical case is due in 20 minutes (CLASS_SLA): many readers can be asked one after another in that time.
ANSWER_WITHIN = timedelta(seconds=60)
UNANSWERED_ALARM = "offer-unanswered"
"""Alarm: everybody who was asked to read a most urgent case declined or did not answer."""


@transaction.atomic
def offer_item(item_id: int, *, at: datetime) -> Offer | None:
    """Offer a most urgent waiting case to the best reader who was not asked yet; None when there is nobody.

    Asked first are those who have a page of the worklist open, by its bell; then those on duty who can be called by
    telephone; then whoever else is on the roster. Until they answer (a minute at most, two of a call) nobody else is
    *given* it, though whoever picks it by hand is quicker.
    One offer stands at a time, whoever sweeps.
    """
    item = with_order(item_id)
    if item is None or item.state not in states.WAITING or item.urgency > MOST_URGENT:
        return None
    if Offer.objects.filter(item=item, outcome=Offer.OPEN).exists():
        return None
    asked = set(Offer.objects.filter(item=item).values_list("reader", flat=True))
    willing = [reader for reader in readers_now(at) if reader.accepts_push and reader.id not in asked]
    needs, there, called = needs_of(item, at), _seen_lately(at), readers_to_call(willing, at)
    best, _ = choose_reader(needs, [reader for reader in willing if reader.id in there])
    by_call = best is None
    if best is None:
        best, _ = choose_reader(needs, called)
    if best is None:
        best, by_call = choose_reader(needs, willing)[0], False
    if best is None:
        if asked:
            raise_alarm(UNANSWERED_ALARM, item.accession, detail=f"{len(asked)} readers were asked", at=at)
        return None
    try:
        with transaction.atomic():
            until = at + (CALL_WITHIN if by_call else ANSWER_WITHIN)
            offer = Offer.objects.create(item=item, reader_id=best.id, offered_at=at, until=until)
    except IntegrityError:  # offer_one_open: another worker offered it first
        return None
    ReadingItem.objects.filter(pk=item_id).update(reserved_for=best.id, assigned_to=best.id, version=F("version") + 1)
    if by_call:
        owe_call(offer, at=at)
    emit(ItemOffered(stream=item.accession, at=at, item_id=item_id, reader_id=best.id, until=until.isoformat()))
    doorbell.ring(WORKLIST_BELL)
    return offer


LATELY = timedelta(minutes=2)
"""Open pages give a sign of life once a minute; whoever gave one within two minutes is in front of a screen."""


def _seen_lately(at: datetime) -> frozenset[int]:
    """Who has a page of the worklist open, as far as is known."""
    there = Presence.objects.filter(state=Presence.AVAILABLE, last_seen_at__gt=at - LATELY)
    return frozenset(there.values_list("reader", flat=True))


def _close_offer(offer: Offer, outcome: str, at: datetime) -> None:
    """OPEN → outcome, once; the reservation goes with it."""
    if not Offer.objects.filter(pk=offer.pk, outcome=Offer.OPEN).update(outcome=outcome, answered_at=at):
        raise Conflict("This offer is over.")
    ReadingItem.objects.filter(pk=offer.item_id, reserved_for=offer.reader_id).update(
        reserved_for=None, version=F("version") + 1
    )


def _offer_to(offer_id: int, reader: User) -> Offer:
    offer = Offer.objects.filter(pk=offer_id, reader=reader).first()
    if offer is None:
        raise NotFound("There is no such offer to you.")
    return offer


@transaction.atomic
def accept_offer(offer_id: int, *, reader: User, actor: Actor, at: datetime) -> ReadingItem:
    """Claim what was offered. Raises Conflict when the offer is over or the case is not to be had any more."""
    offer = _offer_to(offer_id, reader)
    _close_offer(offer, Offer.ACCEPTED, at)
    return claim(offer.item_id, reader=reader, actor=actor, at=at)


@transaction.atomic
def decline_offer(offer_id: int, *, reader: User, reason: str, actor: Actor, at: datetime) -> Offer | None:
    """Decline with a reason, and have the next reader asked."""
    offer = _offer_to(offer_id, reader)
    skip(offer.item_id, reader=reader, reason=reason, actor=actor, at=at)
    _close_offer(offer, Offer.DECLINED, at)
    return offer_item(offer.item_id, at=at)


def lapse_due(at: datetime) -> int:
    """Ask the next reader where one did not answer in time; how many offers lapsed."""
    lapsed = 0
    for offer in Offer.objects.filter(outcome=Offer.OPEN, until__lte=at):
        with transaction.atomic():
            try:
                _close_offer(offer, Offer.LAPSED, at)
            except Conflict:
                continue
            lapsed += 1
            offer_item(offer.item_id, at=at)
    return lapsed
