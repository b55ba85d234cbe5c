"""Overdue follow-ups: their owner is reminded, then who signed, then the leads, each once and in time."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from ris.audit.services import Actor, record
from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.queue import Backoff, Queue, start_clock
from ris.kernel.values.letters import Letter, try_to_send
from ris.people.models import User

from ..models import FollowUp, FollowUpReminder
from . import states
from .services import GRACE, OVERDUE, rung_due

QUEUE = Queue(
    FollowUpReminder,
    FollowUpReminder.STEPS,
    Backoff(first_s=60, longest_s=3600),
    claim_timeout=timedelta(minutes=2),  # longer than the mail server's time-out (EMAIL_TIMEOUT)
    alarm="follow-up-untold",
    most_attempts=8,
)


def climb_follow_up_rungs(at: datetime, *, limit: int = 200) -> int:
    """Take every overdue recommendation to the rungs it has reached; how many steps. Any number may do it at once."""
    due = FollowUp.objects.filter(state__in=states.OPEN, next_rung_at__lte=at).order_by("next_rung_at")
    related = ("report__item__site", "report__procedure__order__referrer", "report__author")
    steps = 0
    for row in due.select_related(*related)[:limit]:
        while row.next_rung_at is not None and row.next_rung_at <= at and _climb(row):
            steps += 1
    return steps


@transaction.atomic
def _climb(row: FollowUp) -> bool:
    rung, reached = row.rung + 1, row.next_rung_at
    assert reached is not None
    following = rung_due(row, rung + 1)
    here = FollowUp.objects.filter(pk=row.pk, state__in=states.OPEN, rung=row.rung, next_rung_at=reached)
    if not here.update(rung=rung, next_rung_at=following):
        return False  # somebody else took it, or it was closed
    row.rung, row.next_rung_at = rung, following
    if rung == max(GRACE):
        raise_alarm(OVERDUE, row.report.item.site.code, detail=f"latest: {row.report.item.accession}", at=reached)
    for user in _reminded(row, rung):
        ways = ["", user.email] if user.email else [""]
        FollowUpReminder.objects.bulk_create(
            (
                FollowUpReminder(follow_up=row, rung=rung, user=user, address=address, due_at=reached,
                                 state=FollowUpReminder.OWED if address else FollowUpReminder.SHOWN)
                for address in ways
            ),
            ignore_conflicts=True,
        )  # fmt: skip
    order = row.report.procedure.order
    record(Actor.job("follow-ups"), "follow-up.overdue", row, patient_id=order.patient_id, at=reached, rung=rung)
    return True


def _reminded(row: FollowUp, rung: int) -> list[User]:
    """Who has an account here: the owner first, then who signed. Primary care and patients have none: who ordered."""
    order, signer = row.report.procedure.order, row.report.author
    person = {1: signer if row.owner == "radiology" else order.referrer, 2: signer}.get(rung)
    return [person] if person is not None and person.is_active else []


def send_reminders(*, at: datetime, limit: int = 50) -> int:
    """Send the e-mails that are due; how many went. They hold a link and nothing of the patient."""
    clock = start_clock(at)
    rows = QUEUE.due(at).select_related("follow_up__report__item__site")
    return sum(_send(reminder, clock()) for reminder in list(rows[:limit]))


def _send(reminder: FollowUpReminder, at: datetime) -> bool:
    if not QUEUE.claim(reminder, at):
        return False
    subject = f"email to {reminder.address}"[:160]
    if reason := try_to_send(_letter(reminder), at=at):
        QUEUE.postpone(reminder, reason, subject=subject, at=at)
        return False
    QUEUE.complete(reminder, sent_at=at)
    clear_alarm(QUEUE.alarm, subject, at=at)
    return True


def _letter(reminder: FollowUpReminder) -> Letter:
    site = reminder.follow_up.report.item.site.code
    link = settings.RIS.url + reverse("reporting:follow-ups") + f"?only={reminder.follow_up_id}"
    text = "A follow-up that a radiology report recommended is overdue. See to it, or close it with a reason:"
    return Letter(
        address=reminder.address,
        key=f"follow-up-{reminder.pk}",
        subject=f"{site}: a recommended follow-up is overdue",
        text=f"{text}\n\n{link}\n",
    )
