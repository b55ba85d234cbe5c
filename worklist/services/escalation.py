"""The ladder, and work that nobody covers. Each step happens once, however many workers and beats there are."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F

from ris.audit.services import Actor, record
from ris.kernel import doorbell
from ris.kernel.alarms import raise_alarm
from ris.kernel.errors import NotFound
from ris.kernel.events import emit
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import require
from worklist import states
from worklist.events import WORKLIST_BELL, ItemEscalated
from worklist.models import Decision, Escalation, ReadingItem
from worklist.rules.eligibility import ReaderNow, coverage_gap
from worklist.rules.score import PRIMARY, RUNG_NAMES, next_rung_at, rung_at, widens_at
from worklist.selectors.lead import of_open_patients

from .escalation_messages import owe
from .urgency.item_price import lane_columns

LADDER = Actor.job("ladder")
BREACH_ALARM = "sla-breach"


def climb_due_rungs(at: datetime, *, limit: int = 500) -> int:
    """Take every open case to the rungs it has reached; how many steps that were.

    After a stop of the beat the rungs that were missed are climbed one by one, each with the moment at which
    it was reached.
    """
    due = ReadingItem.objects.filter(next_rung_at__lte=at, state__in=states.OPEN).order_by("next_rung_at")
    steps = 0
    for item in due.select_related("procedure__order", "site")[:limit]:
        while item.next_rung_at is not None and item.next_rung_at <= at and _climb(item):
            steps += 1
    return steps


def _climb(item: ReadingItem) -> bool:
    """One step; False when somebody else took it. The guard is the rung itself, and a unique row behind it."""
    rung = item.rung + 1
    reached, following = rung_at(item.due_at, item.sla_minutes, rung), next_rung_at(item.due_at, item.sla_minutes, rung)
    try:
        with transaction.atomic():
            here = ReadingItem.objects.filter(pk=item.pk, rung=item.rung, due_at=item.due_at, state__in=states.OPEN)
            if not here.update(rung=rung, next_rung_at=following, version=F("version") + 1):
                return False
            row = Escalation.objects.create(item=item, rung=rung, at=reached)
            owe(row, item, at=reached)
            emit(ItemEscalated(stream=item.accession, at=reached, item_id=item.pk, rung=rung))
            patient_id = item.procedure.order.patient_id
            record(LADDER, "item.escalate", item, patient_id=patient_id, at=reached, rung=rung, what=RUNG_NAMES[rung])
            if rung == max(RUNG_NAMES):
                raise_alarm(BREACH_ALARM, item.site.code, detail=f"latest: {item.accession}", at=reached)
    except IntegrityError:  # it climbed this rung before its due time was moved: once is enough
        ReadingItem.objects.filter(pk=item.pk, rung=item.rung).update(rung=rung, next_rung_at=following)
    item.rung, item.next_rung_at = rung, following
    doorbell.ring(WORKLIST_BELL)
    return True


@transaction.atomic
def acknowledge(escalation_id: int, *, coordinator: User, actor: Actor, at: datetime) -> Escalation:
    """The coordinator has seen to it. Idempotent: the first who does stays written."""
    rows = of_open_patients(Escalation.objects.select_related("item__procedure__order"), coordinator)
    row = rows.filter(pk=escalation_id).first()
    if row is None:
        raise NotFound("There is no such escalation.")
    require(coordinator, Can.LEAD_READING, row.item.site_id)
    open_ = Escalation.objects.filter(pk=row.pk, acknowledged_at__isnull=True)
    if open_.update(acknowledged_by=coordinator, acknowledged_at=at):
        patient_id = row.item.procedure.order.patient_id
        record(actor, "item.escalation-seen", row.item, patient_id=patient_id, at=at, rung=row.rung)
    row.refresh_from_db()
    return row


def widen_uncovered(at: datetime, readers: list[ReaderNow]) -> int:
    """Offer more widely what nobody on shift has the primary skill for; how many cases were widened."""
    waiting = ReadingItem.objects.filter(state__in=states.WAITING, lane=PRIMARY, reach=PRIMARY).exclude(pool=0)
    kinds = waiting.values_list("site", "pool", "modality").distinct()
    widened = 0
    for site, pool, modality in list(kinds):
        reach = coverage_gap(readers, site, pool, modality)
        if reach == PRIMARY:
            continue
        for item in waiting.filter(site=site, pool=pool, modality=modality):
            if widens_at(item.opened_at, item.urgency) <= at:
                widened += _widen(item, reach, at)
    return widened


@transaction.atomic
def _widen(item: ReadingItem, reach: int, at: datetime) -> bool:
    item.reach = reach
    still = ReadingItem.objects.filter(pk=item.pk, version=item.version, reach=PRIMARY, lane__isnull=False)
    if not still.update(reach=reach, version=F("version") + 1, **lane_columns(item, at)):
        return False
    body = {"uncovered": True, "reach": reach}
    Decision.objects.create(item=item, kind=Decision.ESCALATED, at=at, body=body)
    return True
