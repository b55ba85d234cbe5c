"""When a case's SLA clock began: at the event that its site chose for its class and modality."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Q

from ris.orders.models import PerformedStep, RequestedProcedure
from worklist.models import ClockStart


@dataclass(frozen=True, slots=True)
class Began:
    """``known`` False: the event has not happened, or nobody said so; until then the opening counts."""

    event: str
    at: datetime
    known: bool = True


def clock_of(requested: RequestedProcedure, opened_at: datetime) -> Callable[[int], Began]:
    """Urgency class → when the clock of a case of that class began. ``requested`` with its order."""
    here = Q(site=requested.order.site_id) | Q(site=None)
    rows = list(ClockStart.objects.filter(here, modality__in=["", requested.modality]))

    def began(urgency: int) -> Began:
        fit = [row for row in rows if row.urgency in (None, urgency)]
        row = max(fit, key=lambda r: (r.site_id is not None, r.urgency is not None, r.modality != ""), default=None)
        if row is None or row.event == ClockStart.OPENED:
            return Began(ClockStart.OPENED, opened_at)
        moment = _moment(row.event, requested)
        return Began(row.event, moment or opened_at, moment is not None)

    return began


def _moment(event: str, requested: RequestedProcedure) -> datetime | None:
    if event == ClockStart.ORDERED:
        return requested.order.placed_at
    if event == ClockStart.COMPLETED:
        done = PerformedStep.objects.filter(steps__procedure=requested.pk)
        ended: datetime | None = done.aggregate(last=Max("ended_at"))["last"]
        return ended
    study = getattr(requested, "study", None)
    return study.complete_at if study else None
