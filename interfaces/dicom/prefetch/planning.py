"""When archives are searched for priors: on order, again the evening before and on arrival; and when no more.

Which of what they have is worth moving is the worklist's to plan (``worklist.services.plan_priors``).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel.doorbell import ring
from ris.orders import states as orders
from ris.orders.models import RequestedProcedure

from ..models import Archive, Prefetch, PriorMove
from . import states

PREFETCH = "dicom-prefetch"
"""Doorbell: priors may be wanted."""
EVENING = timedelta(hours=16)
"""A planned exam's priors are looked for so long before it: the evening before a morning appointment."""


@transaction.atomic
def want(procedure_id: int, *, at: datetime, now_at_once: bool = False) -> int:
    """Have the priors of a procedure looked for in every archive that knows its patient; return in how many.

    For a planned exam when its evening has come; for an urgent or arrived one at once. Idempotent: an
    earlier wish is brought forward, never doubled.
    """
    procedure = RequestedProcedure.objects.select_related("order__patient").get(pk=procedure_id)
    order = procedure.order
    if orders.CANCELLED in (procedure.state, order.state):
        return 0
    urgent = order.priority == "STAT"
    start = procedure.steps.order_by("start").values_list("start", flat=True).first() or at
    due = at if urgent or now_at_once else max(at, start - EVENING)
    wanted = 0
    authorities = set(order.patient.identifiers.values_list("authority", flat=True))
    for archive in Archive.objects.filter(enabled=True).exclude(destination=""):
        if archive.authorities and not authorities & set(archive.authorities):
            continue
        wish, new = Prefetch.objects.get_or_create(
            procedure=procedure,
            archive=archive,
            defaults={"state": states.WANTED, "urgent": urgent, "due_at": due, "created_at": at},
        )
        if not new and (now_at_once or urgent) and wish.state != states.WANTED:
            Prefetch.objects.take(states.WANT_AGAIN, wish.pk, due_at=due, urgent=urgent, attempts=0)
        elif not new and (due < wish.due_at or urgent > wish.urgent):
            Prefetch.objects.filter(pk=wish.pk, state=states.WANTED).update(due_at=due, urgent=urgent)
        wanted += 1
    if wanted:
        ring(PREFETCH)
    return wanted


@transaction.atomic
def stop(procedure_id: int, *, at: datetime) -> int:
    """The exam will not be: nothing more is looked for or moved for it. What is under way ends by itself."""
    stopped = 0
    for wish in Prefetch.objects.filter(procedure=procedure_id, state__in=states.STOP.sources):
        Prefetch.objects.take(states.STOP, wish.pk)
        for move in PriorMove.objects.filter(prefetch=wish, state=states.QUEUED):
            PriorMove.objects.take(states.DROP, move.pk)
        record(Actor.job("prefetch"), "prefetch.stop", wish, at=at)
        stopped += 1
    return stopped
