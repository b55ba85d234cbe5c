"""Who else is told of an escalation: owed with the rung itself, sent by a task, tried again until it is there.

A message holds the accession number and a link, and nothing of the patient. Written once for each rung and address;
two who send at once do not send the same one. Whoever dies between sending and noting it sends it again: a webhook
tells the two apart by its ``Idempotency-Key``, a mail server by the ``Message-ID``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.urls import reverse

from ris.audit.services import Actor, record
from ris.kernel import doorbell
from ris.kernel.alarms import clear_alarm
from ris.kernel.queue import Backoff, Queue, start_clock
from ris.kernel.values.letters import Letter, name_address, try_to_send
from worklist.models import Escalation, EscalationMessage, EscalationRoute, ReadingItem
from worklist.rules.score import RUNG_NAMES

TELL = "escalation"
"""Doorbell: messages are owed."""
MOST_ATTEMPTS = 8
"""Half an hour of tries; after that the case is read or the coordinator knows."""
QUEUE = Queue(
    EscalationMessage,
    EscalationMessage.STEPS,
    Backoff(first_s=10, longest_s=600),
    claim_timeout=timedelta(minutes=2),  # longer than a try (letters.TRY_S, EMAIL_TIMEOUT)
    alarm="escalation-untold",
    most_attempts=MOST_ATTEMPTS,
)


def owe(escalation: Escalation, item: ReadingItem, *, at: datetime) -> int:
    """Write down, in the caller's transaction, whom this rung is to be told to; how many. Idempotent."""
    here = Q(site=item.site_id) | Q(site=None)
    routes = EscalationRoute.objects.filter(here, rung=escalation.rung, urgency__gte=item.urgency, active=True)
    owed = [
        EscalationMessage(
            escalation=escalation,
            way=route.way,
            address=route.address,
            due_at=at,
            state=EscalationMessage.SHOWN if route.way == EscalationRoute.SCREEN else EscalationMessage.OWED,
        )
        for route in routes
    ]
    if owed:
        EscalationMessage.objects.bulk_create(owed, ignore_conflicts=True)
        doorbell.ring(TELL)
    return len(owed)


def send_escalations(*, at: datetime, limit: int = 50) -> int:
    """Send what is due; how many went. Run by a task, outside of any transaction; by several at once."""
    rows = QUEUE.due(at).select_related("escalation__item__procedure__order", "escalation__item__site")
    clock = start_clock(at)
    return sum(_send(message, clock()) for message in list(rows.order_by("due_at", "pk")[:limit]))


def _send(message: EscalationMessage, at: datetime) -> bool:
    if not QUEUE.claim(message, at):
        return False  # another worker has it
    if reason := try_to_send(_letter(message), at=at):
        QUEUE.postpone(message, reason, subject=_subject(message), at=at)
        return False
    QUEUE.complete(message, sent_at=at)
    escalation, item = message.escalation, message.escalation.item
    record(Actor.job("ladder"), "item.escalation-told", item, patient_id=item.procedure.order.patient_id, at=at,
           rung=escalation.rung, way=message.way, address=name_address(message.address))  # fmt: skip
    clear_alarm(QUEUE.alarm, _subject(message), at=at)
    return True


def _subject(message: EscalationMessage) -> str:
    return f"{message.way} to {name_address(message.address)}"[:160]


def told(message: EscalationMessage) -> dict[str, Any]:
    """What is sent: the case by its accession number, and where to look."""
    item, rung = message.escalation.item, message.escalation.rung
    return {
        "accession": item.accession,
        "site": item.site.code,
        "rung": rung,
        "what": RUNG_NAMES[rung],
        "class": item.get_urgency_display(),
        "reached_at": message.escalation.at.isoformat(),
        "due_at": item.due_at.isoformat(),
        "link": settings.RIS.url + reverse("worklist:explain", args=[item.pk]),
    }


def _letter(message: EscalationMessage) -> Letter:
    said = told(message)
    return Letter(
        address=message.address,
        key=f"escalation-{message.pk}",
        subject=f"{said['site']}: {said['what']} – {said['accession']}",
        text=f"{said['class']} case {said['accession']}: {said['what']}. Due {said['due_at']}.\n\n{said['link']}\n",
        facts=said,
    )
