"""Emergency access (break-glass): opened, ended, judged; and which patient a person of the house is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Max

from ris.audit.services import BREAK_GLASS, Actor, record
from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.db.transactions import lock_name
from ris.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from ris.kernel.values import read_reason
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require

from .models import EmergencyAccess, StaffRecord

LASTS = timedelta(minutes=60)
ALARM = "break-glass"


@transaction.atomic
def open_access(user: User, patient_id: int, *, why: str, words: str, actor: Actor, at: datetime) -> EmergencyAccess:
    """Open one patient to the person for :data:`LASTS`; the alarm is raised at once. The edge has asked who is there.

    Raises Forbidden without the permission, or for a program's token; Invalid for an unknown reason or without words.
    A second one for the same patient while the first runs is the first one.
    """
    require(user, Can.BREAK_GLASS)
    if user.limits is not None:
        raise Forbidden("A program cannot break the glass: sign in.", code="token")
    if why not in dict(EmergencyAccess.REASONS):
        raise Invalid("Choose a reason.", at="why")
    words = read_reason(words, "Say in your own words why you need to see this patient now.")
    lock_name(f"emergency-access:{user.pk}")
    running = EmergencyAccess.objects.filter(user=user, patient=patient_id, ends_at__gt=at).first()
    if running is not None:
        return running
    access = EmergencyAccess.objects.create(
        user=user, patient_id=patient_id, why=why, words=words, opened_at=at, ends_at=at + LASTS
    )
    _note_end(user, at)
    actor = replace(actor, purpose=BREAK_GLASS)
    record(actor, "patient.break-glass", access, patient_id=patient_id, reason=words, at=at, why=why)
    # No patient in it: alarms are read by people who may not know that there is one.
    raise_alarm(ALARM, _alarm_of(access), detail="Emergency access to a patient: review it.", at=at)
    return access


@transaction.atomic
def end_access(user: User, access_id: int, *, actor: Actor, at: datetime) -> EmergencyAccess:
    """End it before its time. Raises NotFound for another's; what is over stays as it was."""
    access = EmergencyAccess.objects.filter(pk=access_id, user=user).first()
    if access is None:
        raise NotFound("You have no such emergency access.")
    if EmergencyAccess.objects.filter(pk=access.pk, ends_at__gt=at).update(ends_at=at):
        _note_end(user, at)
        record(actor, "patient.end-break-glass", access, patient_id=access.patient_id, at=at)
        access.refresh_from_db()
    return access


@transaction.atomic
def judge_access(
    access: EmergencyAccess, verdict: str, *, words: str, judge: User, actor: Actor, at: datetime
) -> EmergencyAccess:
    """A privacy officer's verdict. A question stays in the queue and may be judged again; any other is final.

    Raises Forbidden for one's own; Invalid for another verdict, or without words unless it is justified; Conflict when
    it was judged.
    """
    require(judge, Can.SEE_AUDIT)
    if access.user_id == judge.pk:
        raise Forbidden("Somebody else has to judge your own access.", code="own")
    if verdict not in dict(EmergencyAccess.VERDICTS):
        raise Invalid("Choose a verdict.", at="verdict")
    if verdict != EmergencyAccess.JUSTIFIED:
        read_reason(words, "Say what is not right, or what you want to know.")
    open_ = EmergencyAccess.objects.filter(pk=access.pk, verdict__in=["", EmergencyAccess.QUESTION])
    if not open_.update(verdict=verdict, verdict_words=words.strip()[:250], judged_by=judge, judged_at=at):
        raise Conflict("This access was judged already.")
    record(actor, "break-glass.judge", access, patient_id=access.patient_id, reason=words[:250], at=at, verdict=verdict)
    if verdict != EmergencyAccess.QUESTION:
        clear_alarm(ALARM, _alarm_of(access), at=at)
    access.refresh_from_db()
    return access


@transaction.atomic
def link_staff(
    user: User, *, patient_id: int | None, birth_date: date | None, actor: Actor, at: datetime
) -> StaffRecord:
    """Note which patient a person of the house is, or when they were born, so that such look-ups are reported."""
    row, _ = StaffRecord.objects.update_or_create(
        user=user, defaults={"patient_id": patient_id, "birth_date": birth_date}
    )
    record(actor, "people.link-record", user, patient_id=patient_id, at=at)
    return row


def _alarm_of(access: EmergencyAccess) -> str:
    return f"#{access.pk} by {access.user.get_username()}"


def _note_end(user: User, at: datetime) -> None:
    """The user's row says until when any runs, so that nobody's requests ask for it who has none."""
    last = EmergencyAccess.objects.filter(user=user, ends_at__gt=at).aggregate(last=Max("ends_at"))["last"]
    user.break_glass_until = last
    User.objects.filter(pk=user.pk).update(break_glass_until=last)
