"""Offers by telephone: who is on duty and has no page open is called through the webhook of a paging service.

Owed in the transaction of the offer and sent by a task, as the messages of the ladder are. A call holds the accession
number, the class and a link, and nothing of the patient. One whose offer is over is not made any more.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse

from ris.audit.services import Actor, record
from ris.kernel import doorbell
from ris.kernel.alarms import clear_alarm
from ris.kernel.errors import Conflict
from ris.kernel.queue import Backoff, Queue, start_clock
from ris.kernel.values.letters import Letter, name_address, try_to_send
from worklist.models import Offer, OfferCall, Presence, ReaderProfile
from worklist.rules.eligibility import ReaderNow

from .escalation_messages import TELL

CALL_WITHIN = timedelta(minutes=2)
"""A telephone rings longer than a bell on the screen; a critical case (20 minutes) leaves time for several."""

QUEUE = Queue(
    OfferCall,
    OfferCall.STEPS,
    Backoff(first_s=5, longest_s=20),
    claim_timeout=timedelta(seconds=30),  # longer than a try (letters.TRY_S)
    alarm="offer-uncalled",
    most_attempts=4,  # within CALL_WITHIN
)


def readers_to_call(readers: list[ReaderNow], at: datetime) -> list[ReaderNow]:
    """Of readers on duty, those who can be called, as if they were here: at home, on call, or at no screen of ours.

    Not those who said that they are away or teaching.
    """
    addresses = ReaderProfile.objects.exclude(call_address="").values_list("user", flat=True)
    unwilling = Presence.objects.filter(state__in=[Presence.AWAY, Presence.TEACHING]).values_list("reader", flat=True)
    can_be_called = set(addresses) - set(unwilling)
    return [replace(reader, present=True) for reader in readers if reader.id in can_be_called]


def owe_call(offer: Offer, *, at: datetime) -> None:
    """Write down, in the caller's transaction, that the reader is to be called."""
    OfferCall.objects.create(offer=offer, due_at=at, state=OfferCall.OWED)
    doorbell.ring(TELL)


def send_calls(*, at: datetime, limit: int = 50) -> int:
    """Make the calls that are due; how many went. Run by a task, outside of any transaction; by several at once."""
    rows = QUEUE.due(at).select_related("offer__reader__reader_profile", "offer__item__procedure__order")
    clock = start_clock(at)
    return sum(_send(call, clock()) for call in list(rows.order_by("due_at", "pk")[:limit]))


def _send(call: OfferCall, at: datetime) -> bool:
    offer = call.offer
    profile = getattr(offer.reader, "reader_profile", None)
    if offer.outcome != Offer.OPEN or not (profile and profile.call_address):
        with suppress(Conflict):  # another worker did, or makes the call
            OfferCall.objects.take(OfferCall.END, call.pk)
        return False
    address = profile.call_address
    if not QUEUE.claim(call, at):
        return False  # another worker has it
    if reason := try_to_send(_letter(offer, address), at=at):
        QUEUE.postpone(call, reason, subject=_subject(address), at=at)
        return False
    QUEUE.complete(call, sent_at=at)
    patient_id = offer.item.procedure.order.patient_id
    record(Actor.job("offers"), "item.offer-called", offer.item, patient_id=patient_id, at=at, reader=offer.reader_id,
           address=name_address(address))  # fmt: skip
    clear_alarm(QUEUE.alarm, _subject(address), at=at)
    return True


def _subject(address: str) -> str:
    return name_address(address)[:160]


def _letter(offer: Offer, address: str) -> Letter:
    item = offer.item
    facts = {
        "what": "offer",
        "reader": offer.reader.get_username(),
        "accession": item.accession,
        "site": item.site.code,
        "class": item.get_urgency_display(),
        "answer_until": offer.until.isoformat(),
        "due_at": item.due_at.isoformat(),
        "link": settings.RIS.url + reverse("worklist:explain", args=[item.pk]),
    }
    return Letter(address, f"offer-{offer.pk}", f"{facts['site']}: {facts['class']} case offered to you", "", facts)
