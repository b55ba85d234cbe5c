"""When archives are searched for priors: on order, again the evening before and on arrival; and when that stops.

Which of what they have is worth moving is the worklist's to plan (``worklist.services.plan_priors``).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from ris.audit.services import Actor, record
from ris.kernel.doorbell import ring
from ris.orders import states as orders
from ris.orders.models import RequestedProcedure
from worklist import states as items
from worklist.models import PriorPlan, ReadingItem

from .. import states
from ..models import Archive, Prefetch, PriorDestination, PriorMove

PREFETCH = "dicom-prefetch"
"""Doorbell: priors may be wanted."""
EVENING = timedelta(hours=16)
"""A planned exam's priors are looked for so long before it: the evening before a morning appointment."""


@transaction.atomic
def request_priors(procedure_id: int, *, at: datetime, now_at_once: bool = False) -> int:
    """Queue a search for the priors of a procedure in every archive that knows its patient; return in how many.

    For a planned exam when its evening has come; for an urgent or arrived one at once. Idempotent: a
    queued search is brought forward, never doubled.
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
    for archive in Archive.objects.filter(enabled=True):
        if not list_destinations(procedure, archive):
            continue
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


def list_destinations(procedure: RequestedProcedure, archive: Archive) -> list[str]:
    """Where the procedure's priors are moved: to its site's place, else the archive's own; and to its reader's."""
    of_site = PriorDestination.objects.filter(site=procedure.order.site_id).values_list("ae_title", flat=True).first()
    item = ReadingItem.objects.filter(procedure=procedure).first()
    reader_id = (item.reader_id or item.assigned_to_id) if item else None
    of_reader = PriorDestination.objects.filter(reader=reader_id, reader__isnull=False)
    titles = [of_site or archive.destination, *of_reader.values_list("ae_title", flat=True)]
    return list(dict.fromkeys(title for title in titles if title))


def queue_moves_to_readers(*, at: datetime) -> int:
    """Queue moves of priors to the readers who hold their cases, or are suggested for them; return how many.

    Called by the worker, not by events: a claim must cost nothing here. Idempotent.
    """
    queued = 0
    for place in PriorDestination.objects.filter(reader__isnull=False):
        theirs = ReadingItem.objects.filter(
            Q(reader=place.reader_id) | Q(assigned_to=place.reader_id), state__in=items.OPEN
        )
        wanted = PriorPlan.objects.filter(
            procedure__in=theirs.values("procedure"), state__in=[PriorPlan.PLANNED, PriorPlan.FETCHED]
        )
        there = PriorMove.objects.filter(destination=place.ae_title).values("study_uid")
        moves = PriorMove.objects.filter(study_uid__in=wanted.values("study_uid")).exclude(study_uid__in=there)
        for move in {move.study_uid: move for move in moves.order_by("pk")}.values():
            queued += _queue_too(move, place.ae_title, at)
    return queued


def _queue_too(move: PriorMove, destination: str, at: datetime) -> bool:
    fields = {name: getattr(move, name) for name in ("archive_id", "prefetch_id", "urgent", "score")}
    _, new = PriorMove.objects.get_or_create(
        study_uid=move.study_uid, destination=destination, defaults={**fields, "state": states.QUEUED, "due_at": at}
    )
    return new


@transaction.atomic
def stop_prefetch(procedure_id: int, *, at: datetime) -> int:
    """Stop the searches and queued moves of a procedure that is cancelled. What is under way ends by itself.

    A study that another exam waits for too is moved for that one.
    """
    stopped = 0
    for wish in Prefetch.objects.filter(procedure=procedure_id, state__in=states.STOP.sources):
        Prefetch.objects.take(states.STOP, wish.pk)
        for move in PriorMove.objects.filter(prefetch=wish, state=states.QUEUED):
            other = _another_wish(wish, move)
            if other is None:
                PriorMove.objects.take(states.DROP, move.pk)
            else:
                PriorMove.objects.filter(pk=move.pk, state=states.QUEUED).update(prefetch=other)
        record(Actor.job("prefetch"), "prefetch.stop", wish, at=at)
        stopped += 1
    return stopped


def _another_wish(wish: Prefetch, move: PriorMove) -> Prefetch | None:
    plans = PriorPlan.objects.filter(study_uid=move.study_uid, state=PriorPlan.PLANNED)
    others = Prefetch.objects.filter(archive=wish.archive_id, procedure__in=plans.values("procedure"))
    return others.exclude(procedure=wish.procedure_id).exclude(state=states.STOPPED).order_by("pk").first()
