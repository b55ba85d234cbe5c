"""Reports that are owed to archives, narrowed to what the viewer may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q, QuerySet

from ris.access.visibility import open_rows
from ris.kernel.errors import NotFound
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import sites_for

from .. import states
from ..models import ReportSend


def sends_for(viewer: User, can: Can = Can.SEE_MESSAGES) -> QuerySet[ReportSend]:
    """Of reports of the viewer's sites, the newest first; without the files."""
    sends = ReportSend.objects.filter(procedure__order__site__in=sites_for(viewer, can))
    sends = open_rows(sends, viewer, patient="procedure__order__patient", site="procedure__order__site")
    joined = sends.select_related("archive", "object__version", "procedure__order__patient").defer("object__file")
    return joined.order_by("-pk")


def send_for(viewer: User, send_id: int, can: Can = Can.SEE_MESSAGES) -> ReportSend:
    """One of them. Raises NotFound."""
    send = sends_for(viewer, can).filter(pk=send_id).first()
    if send is None:
        raise NotFound("There is no such report on its way.")
    return send


@dataclass(frozen=True, slots=True)
class WaitingReports:
    """What waits for one archive. ``failing``: how many were tried in vain."""

    archive: str
    waiting: int
    failing: int
    oldest: datetime


def waiting_for(viewer: User) -> list[WaitingReports]:
    """By archive, what is queued for it; archives that nothing waits for are left out."""
    queued = sends_for(viewer).order_by().filter(state=states.QUEUED)
    failing = Count("pk", filter=Q(attempts__gt=0))
    rows = queued.values("archive__name").annotate(waiting=Count("pk"), failing=failing, oldest=Min("created_at"))
    return [
        WaitingReports(row["archive__name"], row["waiting"], row["failing"], row["oldest"])
        for row in rows.order_by("archive__name")
    ]
