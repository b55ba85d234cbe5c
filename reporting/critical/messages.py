"""Messages of critical findings: owed with the rung, sent by a task; a channel that fails raises an alarm.

A message holds site, level and a link: no name, no number of the patient or the exam, and nothing of the finding.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ris.audit.services import Actor, record
from ris.kernel.alarms import clear_alarm
from ris.kernel.queue import Backoff, Queue, start_clock
from ris.kernel.values.letters import Letter, name_address, try_to_send

from ..models import CriticalFinding, CriticalMessage
from .ladder import pass_rung
from .limits import RUNG_NAMES
from .links import address_of_link

QUEUE = Queue(
    CriticalMessage,
    CriticalMessage.STEPS,
    Backoff(first_s=5, longest_s=60),
    claim_timeout=timedelta(minutes=1),  # longer than a try (letters.TRY_S, EMAIL_TIMEOUT)
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
    if reason := try_to_send(_letter(message), at=at):
        if QUEUE.postpone(message, reason, subject=_subject(message), at=at):
            _go_on(message, at)
        return False
    QUEUE.complete(message, sent_at=at)
    finding = message.finding
    record(Actor.job("critical findings"), "critical.told", finding,
           patient_id=finding.report.procedure.order.patient_id, at=at, rung=message.rung, way=message.way,
           address=name_address(message.address))  # fmt: skip
    clear_alarm(QUEUE.alarm, _subject(message), at=at)
    return True


def _go_on(message: CriticalMessage, at: datetime) -> None:
    """Climb the next rung now, unless another channel of this one has reached somebody or is still trying."""
    loop = CriticalFinding.objects.get(pk=message.finding_id)
    others = loop.messages.filter(rung=loop.rung).exclude(state=CriticalMessage.FAILED)
    if message.rung == loop.rung and not others.exists():
        pass_rung(loop, at=at)


def _subject(message: CriticalMessage) -> str:
    return f"{message.way} to {name_address(message.address)}"[:160]


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


def _letter(message: CriticalMessage) -> Letter:
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
    return Letter(message.address, f"critical-{message.pk}", subject, f"{text}\n\n{said['link']}\n", facts=said)
