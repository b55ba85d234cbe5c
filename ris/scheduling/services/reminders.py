"""Patients are reminded of their appointments: found when it is time, owed, sent by a task, dropped when untrue.

A reminder has the time, the place, what to do before and the number to call, so that a messenger can write or call:
neither the name nor the exam, which a locked screen would show. It goes as a signed body; nothing stands in an address.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.alarms import clear_alarm
from ris.kernel.queue import Backoff, Queue, start_clock
from ris.kernel.values.letters import Letter, try_to_send
from ris.orders import states as order_states
from ris.orders.models import ScheduledStep

from .. import states
from ..models import Reminder, ReminderChannel

REMINDER = Actor.job("reminders")
QUEUE = Queue(
    Reminder,
    Reminder.STEPS,
    Backoff(first_s=30, longest_s=1800),
    claim_timeout=timedelta(minutes=2),  # longer than a try (letters.TRY_S, EMAIL_TIMEOUT)
    alarm="reminder-unsent",
    most_attempts=10,
)


@transaction.atomic
def owe_reminders(*, at: datetime) -> int:
    """Owe a reminder for each appointment whose time for it has come; how many. Safe to run twice, and at once."""
    owed = 0
    for channel in ReminderChannel.objects.filter(active=True):
        soon = at + timedelta(hours=channel.hours_before)
        steps = ScheduledStep.objects.filter(
            procedure__order__site=channel.site_id, procedure__order__state=order_states.ACTIVE,
            state=order_states.SCHEDULED, start__gt=at, start__lte=soon,
            procedure__order__placed_at__lte=at - timedelta(hours=1),  # who was told an hour ago knows
        ).exclude(procedure__order__patient__phone="")  # fmt: skip
        known = set(Reminder.objects.filter(channel=channel, start__gt=at).values_list("step_id", "start"))
        rows = [
            Reminder(step_id=pk, channel=channel, start=start, due_at=at)
            for pk, start in steps.values_list("pk", "start")
            if (pk, start) not in known
        ]
        Reminder.objects.bulk_create(rows, ignore_conflicts=True)
        owed += len(rows)
    return owed


def send_reminders(*, at: datetime, limit: int = 100) -> int:
    """Send what is due; how many went. Run by a task, outside of any transaction; by several at once."""
    rows = QUEUE.due(at).select_related("step__device", "step__procedure__order__patient", "channel__site")
    rows = rows.select_related("step__procedure__procedure", "step__procedure__order__site")
    clock = start_clock(at)
    return sum(_send(reminder, clock()) for reminder in list(rows.order_by("due_at", "pk")[:limit]))


def _send(reminder: Reminder, at: datetime) -> bool:
    if not QUEUE.claim(reminder, at):
        return False  # another worker has it
    step = reminder.step.reread()
    order = step.procedure.order
    if step.state != order_states.SCHEDULED or order.state != order_states.ACTIVE or step.start != reminder.start:
        Reminder.objects.filter(pk=reminder.pk).take_all(states.DROP)
        return False
    subject = f"{reminder.channel.way} of {reminder.channel.site.code}"
    if reason := try_to_send(_letter(reminder, step), at=at):
        QUEUE.postpone(reminder, reason, subject=subject, at=at)
        return False
    QUEUE.complete(reminder)
    record(
        REMINDER, "step.reminded", step, patient_id=order.patient_id, at=at, order=order.pk, where=reminder.channel.way
    )
    clear_alarm(QUEUE.alarm, subject, at=at)
    return True


def write_reminder(step: ScheduledStep) -> dict[str, Any]:
    """What is said: when by the site's clock, where, what to do before, and whom to call."""
    order = step.procedure.order
    catalog = step.procedure.procedure
    return {
        "appointment": step.pk,
        "site": order.site.name,
        "start": step.start.astimezone(ZoneInfo(order.site.time_zone)).isoformat(),
        "place": step.location or (step.device.room if step.device else ""),
        "preparation": catalog.preparation if catalog else "",
        "phone": order.patient.phone,
    }


def _letter(reminder: Reminder, step: ScheduledStep) -> Letter:
    said = write_reminder(step)
    return Letter(
        address=reminder.channel.address,
        key=f"reminder-{reminder.pk}",
        subject=f"{said['site']}: appointment {step.pk}",
        text=f"{said['start']} {said['site']}, {said['place']}\n{said['preparation']}\n\nTo: {said['phone']}\n",
        facts=said,
    )
