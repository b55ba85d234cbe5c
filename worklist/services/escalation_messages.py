"""Who else is told of an escalation: owed with the rung itself, sent by a task, tried again until it is there.

A message holds the accession number and a link, and nothing of the patient. Written once for each rung and address;
two who send at once do not send the same one. Whoever dies between sending and noting it sends it again: a webhook
tells the two apart by its ``Idempotency-Key``, a mail server by the ``Message-ID``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx
from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F, Q
from django.urls import reverse

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel import doorbell
from ris.kernel.alarms import clear_alarm, raise_alarm
from worklist.models import Escalation, EscalationMessage, EscalationRoute, ReadingItem
from worklist.rules.ladder import NAMES

TELL = "escalation"
"""Doorbell: messages are owed."""
UNTOLD_ALARM = "escalation-untold"
MOST_ATTEMPTS = 8
LONGEST_PAUSE = timedelta(minutes=10)
TRY_S = 10
UNDER_WAY = timedelta(minutes=2)
"""A try that began so long ago has lost its worker."""


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


def send_owed(*, at: datetime, limit: int = 50) -> int:
    """Send what is due; how many went. Run by a task, outside of any transaction; by several at once."""
    due = EscalationMessage.objects.filter(state=EscalationMessage.OWED, due_at__lte=at).order_by("due_at", "pk")
    return sum(_send(pk, at) for pk in list(due.values_list("pk", flat=True)[:limit]))


def _send(pk: int, at: datetime) -> bool:
    mine = EscalationMessage.objects.filter(pk=pk, state=EscalationMessage.OWED, due_at__lte=at)
    if not mine.update(due_at=at + UNDER_WAY, attempts=F("attempts") + 1):
        return False  # somebody else is at it
    rows = EscalationMessage.objects.select_related("escalation__item__procedure__order", "escalation__item__site")
    one = rows.get(pk=pk)
    try:
        _SEND[one.way](one)
    except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL) as error:  # smtplib's refusals are OSErrors, too
        _postpone(one, type(error).__name__, at)
        return False
    EscalationMessage.objects.filter(pk=pk).update(state=EscalationMessage.SENT, sent_at=at, error="")
    item = one.escalation.item
    patient_id = item.procedure.order.patient_id
    said: dict[str, Any] = {"rung": one.escalation.rung, "way": one.way, "address": one.address}
    record(Actor.job("ladder"), "item.escalation-told", item, patient_id=patient_id, at=at, **said)
    clear_alarm(UNTOLD_ALARM, _subject(one), at=at)
    return True


def _postpone(one: EscalationMessage, error: str, at: datetime) -> None:
    over = one.attempts >= MOST_ATTEMPTS
    pause = min(timedelta(seconds=5 * 2**one.attempts), LONGEST_PAUSE)
    state = EscalationMessage.GIVEN_UP if over else EscalationMessage.OWED
    EscalationMessage.objects.filter(pk=one.pk).update(state=state, due_at=at + pause, error=error)
    if over:
        raise_alarm(UNTOLD_ALARM, _subject(one), detail=f"{error}, {one.attempts} times", at=at)


def _subject(one: EscalationMessage) -> str:
    return f"{one.way} to {one.address}"[:160]


def told(one: EscalationMessage) -> dict[str, Any]:
    """What is sent: the case by its accession number, and where to look."""
    item, rung = one.escalation.item, one.escalation.rung
    return {
        "accession": item.accession,
        "site": item.site.code,
        "rung": rung,
        "what": NAMES[rung],
        "class": item.get_urgency_display(),
        "reached_at": one.escalation.at.isoformat(),
        "due_at": item.due_at.isoformat(),
        "link": settings.RIS.url + reverse("worklist:explain", args=[item.pk]),
    }


def _by_mail(one: EscalationMessage) -> None:
    said = told(one)
    text = f"{said['class']} case {said['accession']}: {said['what']}. Due {said['due_at']}."
    EmailMessage(
        subject=f"{said['site']}: {said['what']} – {said['accession']}",
        body=f"{text}\n\n{said['link']}\n",
        to=[one.address],
        headers={"Message-ID": f"<escalation-{one.pk}@{settings.RIS.ae_title.lower()}.wetread>"},
    ).send()


def _by_webhook(one: EscalationMessage) -> None:
    headers = {"Idempotency-Key": f"escalation-{one.pk}"}
    httpx.post(one.address, json=told(one), headers=headers, timeout=TRY_S).raise_for_status()


_SEND = {EscalationRoute.EMAIL: _by_mail, EscalationRoute.WEBHOOK: _by_webhook}
