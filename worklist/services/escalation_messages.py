"""Who else is told of an escalation: owed with the rung itself, sent by a task, tried again until it is there.

A message holds the accession number and a link, and nothing of the patient. Written once for each rung and address;
two who send at once do not send the same one. Whoever dies between sending and noting it sends it again: a webhook
tells the two apart by its ``Idempotency-Key``, a mail server by the ``Message-ID``.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import httpx
from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Q
from django.urls import reverse

from ris.audit.services import Actor, record
from ris.kernel import doorbell
from ris.kernel.alarms import clear_alarm
from ris.kernel.queue import Backoff, Queue, start_clock
from ris.kernel.values.webhooks import AddressRefused, host_of, post_signed
from worklist.models import Escalation, EscalationMessage, EscalationRoute, ReadingItem
from worklist.rules.score import RUNG_NAMES

TELL = "escalation"
"""Doorbell: messages are owed."""
MOST_ATTEMPTS = 8
"""Half an hour of tries; after that the case is read or the coordinator knows."""
TRY_S = 10
QUEUE = Queue(
    EscalationMessage,
    EscalationMessage.STEPS,
    Backoff(first_s=10, longest_s=600),
    claim_timeout=timedelta(minutes=2),  # longer than a try: TRY_S, or the mail server's time-out (EMAIL_TIMEOUT)
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
    try:
        _SEND[message.way](message, at)
    except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL) as error:  # smtplib's refusals are OSErrors, too
        reason = str(error) if isinstance(error, AddressRefused) else type(error).__name__
        QUEUE.postpone(message, reason, subject=_subject(message), at=at)
        return False
    QUEUE.complete(message, sent_at=at)
    escalation, item = message.escalation, message.escalation.item
    record(Actor.job("ladder"), "item.escalation-told", item, patient_id=item.procedure.order.patient_id, at=at,
           rung=escalation.rung, way=message.way, address=_loggable(message))  # fmt: skip
    clear_alarm(QUEUE.alarm, _subject(message), at=at)
    return True


def _subject(message: EscalationMessage) -> str:
    return f"{message.way} to {_loggable(message)}"[:160]


def _loggable(message: EscalationMessage) -> str:
    """The address, without the path of a webhook: it may hold a token."""
    return host_of(message.address) if message.way == EscalationRoute.WEBHOOK else message.address


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


def _by_mail(message: EscalationMessage, at: datetime) -> None:
    said = told(message)
    text = f"{said['class']} case {said['accession']}: {said['what']}. Due {said['due_at']}."
    EmailMessage(
        subject=f"{said['site']}: {said['what']} – {said['accession']}",
        body=f"{text}\n\n{said['link']}\n",
        to=[message.address],
        headers={"Message-ID": f"<escalation-{message.pk}@{settings.RIS.ae_title.lower()}.wetread>"},
    ).send()


def _by_webhook(message: EscalationMessage, at: datetime) -> None:
    post_signed(
        message.address,
        json.dumps(told(message)).encode(),
        message_id=f"escalation-{message.pk}",
        key=settings.SECRET_KEY,
        networks=settings.RIS.webhook_networks,
        at=at,
        timeout_s=TRY_S,
    )


_SEND = {EscalationRoute.EMAIL: _by_mail, EscalationRoute.WEBHOOK: _by_webhook}
