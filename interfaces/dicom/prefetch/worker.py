"""Carries prefetches out: searches archives, queues and makes moves. Safe to run by several workers at once."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.alarms import clear_alarm
from ris.kernel.db.transactions import lock_name
from ris.kernel.queue import Backoff, Queue, start_clock
from worklist.models import PriorPlan
from worklist.services import note_fetched, plan_priors

from .. import states
from ..availability.polling import ALARM
from ..models import Archive, Prefetch, PriorMove
from ..scu.association import Unreachable
from ..scu.query_retrieve import FoundStudy, find_studies, move_study
from .doubts import separate_doubtful
from .planning import list_destinations, queue_moves_to_readers
from .study_description import describe_study

log = structlog.get_logger(__name__)

SEARCHES = Queue(
    Prefetch,
    states.SEARCHES,
    Backoff(first_s=2, longest_s=1800),
    claim_timeout=timedelta(minutes=5),  # longer than the queries for every number of a patient
    alarm=ALARM,
    planned=True,  # priors of booked exams are searched the evening before
)
MOVES = Queue(
    PriorMove,
    states.MOVES,
    Backoff(first_s=2, longest_s=1800),
    claim_timeout=timedelta(minutes=30),  # a C-MOVE of a large study over a slow line
    alarm="prior-missed",
    most_attempts=8,
)


def run_due(*, at: datetime, limit: int = 20) -> int:
    """Search and move what is due, STAT first; return how much was done."""
    done = 0
    clock = start_clock(at)
    for wish in _due_wishes(at)[:limit]:
        done += _search(wish, at, claimed_at=clock())
    queue_moves_to_readers(at=at)
    for archive in Archive.objects.filter(enabled=True):
        done += _move_some(archive, at, limit)
    return done


def _due_wishes(at: datetime) -> list[Prefetch]:
    due = SEARCHES.due(at).filter(archive__enabled=True)
    return list(due.select_related("archive", "procedure__order__patient").order_by("-urgent", "due_at", "pk"))


def _search(wish: Prefetch, at: datetime, *, claimed_at: datetime) -> int:
    if not SEARCHES.claim(wish, claimed_at):
        return 0  # another worker has it
    try:
        studies = _patients_studies(wish)
    except Unreachable as error:
        SEARCHES.postpone(wish, str(error), subject=wish.archive.name, at=at)
        return 0
    clear_alarm(ALARM, wish.archive.name, at=at)
    with transaction.atomic():
        if not SEARCHES.complete(wish, found=len(studies)):  # stopped in the meantime
            return 0
        studies, doubted = separate_doubtful(wish, studies, at=at)
        descriptions = [describe_study(study) for study in studies]
        plans = plan_priors(wish.procedure_id, at=at, found=descriptions, doubted=doubted)
        here = {study.uid for study in studies}
        chosen = [plan for plan in plans if plan.study_uid in here]
        for destination in list_destinations(wish.procedure, wish.archive):
            for plan in chosen:
                _queue(wish, plan, destination, at)
        record(
            Actor.job("prefetch"),
            "prefetch.search",
            wish,
            patient_id=wish.procedure.order.patient_id,
            at=at,
            found=len(studies),
            chosen=len(chosen),
            doubted=len(doubted),
        )
    return 1


def _patients_studies(wish: Prefetch) -> list[FoundStudy]:
    """All studies that the archive has under any number of the patient's that it knows, but for this exam's own."""
    patient, archive = wish.procedure.order.patient, wish.archive
    numbers = patient.identifiers.order_by("pk")
    if archive.authorities:
        numbers = numbers.filter(authority__in=archive.authorities)
    studies: dict[str, FoundStudy] = {}
    for value in numbers.values_list("value", flat=True):
        studies |= {study.uid: study for study in find_studies(archive, PatientID=value) if study.uid}
    # An archive may have images of this exam already: they are no priors.
    for uid in (wish.procedure.study_uid, wish.procedure.image_study_uid):
        studies.pop(uid, None)
    return list(studies.values())


def _queue(wish: Prefetch, plan: PriorPlan, destination: str, at: datetime) -> None:
    """Queue the study's move, unless it is there, or on its way, already."""
    known, new = PriorMove.objects.get_or_create(
        study_uid=plan.study_uid,
        destination=destination,
        defaults={
            "archive": wish.archive,
            "prefetch": wish,
            "due_at": at,
            "state": states.QUEUED,
            "urgent": wish.urgent,
            "score": plan.score,
        },
    )
    if new:
        return
    if known.state == states.MOVED:
        note_fetched(plan.study_uid, ok=True, at=at)
    elif known.state in states.QUEUE_AGAIN.sources:
        PriorMove.objects.take(states.QUEUE_AGAIN, known.pk, prefetch=wish, due_at=at, attempts=0, urgent=wish.urgent)
    elif wish.urgent:
        PriorMove.objects.filter(pk=known.pk, state=states.QUEUED).update(urgent=True)


def _move_some(archive: Archive, at: datetime, limit: int) -> int:
    moved = 0
    clock = start_clock(at)
    for _ in range(limit):
        move = _begin(archive, clock())
        if move is None:
            return moved
        moved += _move(archive, move, at)
    return moved


@transaction.atomic
def _begin(archive: Archive, at: datetime) -> PriorMove | None:
    """The next move, begun; None when none is due or the archive has its fill.

    Under a lock of the archive, so that several workers together keep its limit.
    """
    lock_name(f"archive-moves:{archive.pk}")
    due = MOVES.due(at).filter(archive=archive)
    under_way = PriorMove.objects.filter(archive=archive, state=states.MOVING).exclude(pk__in=due.values("pk")).count()
    if is_quiet(archive, at):
        due = due.filter(urgent=True)
    first = due.order_by("-urgent", "due_at", "-score", "pk").first()
    if first is None or under_way >= archive.most_at_once:
        return None
    return first if MOVES.claim(first, at) else None  # stopped in the meantime


def _move(archive: Archive, move: PriorMove, at: datetime) -> int:
    try:
        instances = move_study(archive, move.study_uid, move.destination)
    except Unreachable as error:
        if MOVES.postpone(move, str(error), subject=f"{archive.name}: move {move.pk}", at=at):
            note_fetched(move.study_uid, ok=False, at=at)
        return 0
    if not MOVES.complete(move, instances=instances, done_at=at):
        return 0
    note_fetched(move.study_uid, ok=True, at=at)
    return 1


def is_quiet(archive: Archive, at: datetime) -> bool:
    """Whether only urgent moves begin at that moment (UTC)."""
    first, last = archive.quiet_from, archive.quiet_until
    if first is None or last is None:
        return False
    clock = at.time()
    # The quiet time may cross midnight.
    return first <= clock < last if first <= last else clock >= first or clock < last
