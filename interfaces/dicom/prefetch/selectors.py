"""What became of planned priors: where they were looked for, and their way here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from worklist.models import PriorPlan

from .. import states
from ..models import Archive, Prefetch, PriorMove
from .worker import is_quiet


@dataclass(frozen=True, slots=True)
class PlanProgress:
    """A plan with the searches of its procedure (one for each archive) and the moves of its prior."""

    plan: PriorPlan
    searches: list[Prefetch]
    moves: list[PriorMove]


def list_plan_progress(plans: Iterable[PriorPlan]) -> list[PlanProgress]:
    """The plans in their order, each with what was done for it. Three queries, however many there are."""
    plans = list(plans)
    searches: dict[int, list[Prefetch]] = defaultdict(list)
    moves: dict[str, list[PriorMove]] = defaultdict(list)
    wished = Prefetch.objects.filter(procedure__in={plan.procedure_id for plan in plans})
    for search in wished.select_related("archive").order_by("pk"):
        searches[search.procedure_id].append(search)
    moved = PriorMove.objects.filter(study_uid__in={plan.study_uid for plan in plans if plan.study_uid})
    for move in moved.select_related("archive").order_by("pk"):
        moves[move.study_uid].append(move)
    return [PlanProgress(plan, searches[plan.procedure_id], moves[plan.study_uid]) for plan in plans]


@dataclass(frozen=True, slots=True)
class ArchiveProgress:
    """How busy an archive is with priors. ``quiet``: only urgent ones begin now."""

    archive: Archive
    queued: int
    moving: int
    missed: int
    quiet: bool


def list_archive_progress(at: datetime) -> list[ArchiveProgress]:
    """Of each archive that has, or had in vain, anything to move."""
    counts = {state: Count("moves", filter=Q(moves__state=state)) for state in _COUNTED}
    busy = Archive.objects.filter(moves__state__in=_COUNTED).annotate(**counts).order_by("name")
    return [
        ArchiveProgress(archive, archive.queued, archive.moving, archive.missed, is_quiet(archive, at))  # type: ignore[attr-defined]
        for archive in busy.distinct()
    ]


_COUNTED = (states.QUEUED, states.MOVING, states.MISSED)
