"""Messages of critical findings: owed with the rung, sent by a task; a channel that fails raises an alarm.

A message holds site, level and a link: no name, no number of the patient or the exam, and nothing of the finding.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import httpx
from django.conf import settings
from django.core.mail import EmailMessage

from ris.audit.services import Actor, record
from ris.kernel.alarms import clear_alarm
from ris.kernel.queue import Backoff, Queue, start_clock
from ris.kernel.values.webhooks import AddressRefused, host_of, post_signed

from ..models import CriticalContact, CriticalFinding, CriticalMessage
from .ladder import pass_rung
from .limits import RUNG_NAMES
from .links import address_of_link

TRY_S = 10
QUEUE = Queue(
    CriticalMessage,
    CriticalMessage.STEPS,
    Backoff(first_s=5, longest_s=60),
    claim_timeout=timedelta(minutes=1),  # longer than a try: TRY_S, or the mail server's time-out (EMAIL_TIMEOUT)
    alarm="critical-untold",
    most_attempts=4,
)
"""Four tries in half a minute: then the next rung is climbed, and does not wait for a channel that is down."""


def send_critical_messages(*, at: datetime, limit: int = 50) -> int:
    """Send what is due; how many went. Run by a task, outside of any transaction; by several at once."""
    rows = QUEUE.due(at).select_related("finding__report__item__site", "finding__report__procedure__order")
    clock = start_clock(at)
    return sum(_send(message, clock()) for message in list(rows.order_by("due_at", "pk")[:limit]))


def _send(message: CriticalMessage, at: datetime) -> bool:
    if not QUEUE.claim(message, at):
        return False  # another worker has it, or it was stopped
    try:
        _SEND[message.way](message, at)
    except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL) as error:  # smtplib's refusals are OSErrors, too
        reason = str(error) if isinstance(error, AddressRefused) else type(error).__name__
        if QUEUE.postpone(message, reason, subject=_subject(message), at=at):
            _go_on(message, at)
        return False
    QUEUE.complete(message, sent_at=at)
    finding = message.finding
    record(Actor.job("critical findings"), "critical.told", finding,
           patient_id=finding.report.procedure.order.patient_id, at=at, rung=message.rung, way=message.way,
           address=_loggable(message))  # fmt: skip
    clear_alarm(QUEUE.alarm, _subject(message), at=at)
    return True


def _go_on(message: CriticalMessage, at: datetime) -> None:
    """Climb the next rung now, unless another channel of this one has reached somebody or is still trying."""
    loop = CriticalFinding.objects.get(pk=message.finding_id)
    others = loop.messages.filter(rung=loop.rung).exclude(state=CriticalMessage.FAILED)
    if message.rung == loop.rung and not others.exists():
        pass_rung(loop, at=at)


def _subject(message: CriticalMessage) -> str:
    return f"{message.way} to {_loggable(message)}"[:160]


def _loggable(message: CriticalMessage) -> str:
    """The address, without the path of a webhook: it may hold a token."""
    return host_of(message.address) if message.way == CriticalContact.WEBHOOK else message.address


def body_of(message: CriticalMessage) -> dict[str, Any]:
    """What is sent."""
    finding = message.finding
    body = {"site": finding.report.item.site.code, "level": finding.level, "rung": message.rung}
    if message.rung == 0:
        return body | {"what": "withdrawn", "link": address_of_link(message)}
    return body | {
        "what": "critical finding",
        "asked": RUNG_NAMES[message.rung],
        "marked_at": finding.marked_at.isoformat(),
        "due_at": finding.due_at.isoformat(),
        "link": address_of_link(message),
    }


def _by_mail(message: CriticalMessage, at: datetime) -> None:
    said, due = body_of(message), message.finding.due_at
    if message.rung == 0:
        subject = f"{said['site']}: a critical finding does not stand any more"
        text = "A critical finding of which you were told does not stand any more. Which one it is:"
    else:
        subject = f"{said['site']}: critical finding ({said['level']}), please acknowledge"
        text = (
            f"A critical finding ({said['level']}) waits for you. Acknowledge it before {due:%Y-%m-%d %H:%M} UTC.\n"
            "The link asks who you are (log-in or PIN), shows the finding, and has a button to acknowledge it:"
        )
    EmailMessage(
        subject=subject,
        body=f"{text}\n\n{said['link']}\n",
        to=[message.address],
        headers={"Message-ID": f"<critical-{message.pk}@{settings.RIS.ae_title.lower()}.wetread>"},
    ).send()


def _by_webhook(message: CriticalMessage, at: datetime) -> None:
    post_signed(
        message.address,
        json.dumps(body_of(message)).encode(),
        message_id=f"critical-{message.pk}",
        key=settings.SECRET_KEY,
        networks=settings.RIS.webhook_networks,
        at=at,
        timeout_s=TRY_S,
    )


_SEND = {CriticalContact.EMAIL: _by_mail, CriticalContact.WEBHOOK: _by_webhook}
