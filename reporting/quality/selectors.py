"""Reviews and feedback as each may see them, blinded both ways; rates of addenda, corrections and discrepancies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db.models import Count, Q, QuerySet

from ris.access.visibility import open_rows
from ris.kernel.errors import NotFound
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import site_ids_for

from ..models import PeerFeedback, PeerReview, ReportVersion
from . import states

MOST_MONTHS = 12


Rows = TypeVar("Rows", bound=QuerySet[Any])


def of_open(rows: Rows, viewer: User) -> Rows:
    """Rows about reports (``report``) without those of patients who are closed to the viewer."""
    return open_rows(rows, viewer, patient="report__procedure__order__patient", site="report__item__site")


def my_reviews(reviewer: User) -> QuerySet[PeerReview]:
    """What one was assigned and has not scored yet."""
    rows = of_open(PeerReview.objects.filter(reviewer=reviewer, state=states.ASSIGNED), reviewer)
    return rows.select_related("report__procedure__order", "reviewed").order_by("assigned_at", "pk")


def review_to_score(reviewer: User, review_id: int) -> PeerReview:
    """One of these. Raises NotFound, as if another's did not exist."""
    row = my_reviews(reviewer).filter(pk=review_id).first()
    if row is None:
        raise NotFound("There is no such review of yours.")
    return row


def disputed_reviews(lead: User) -> QuerySet[PeerReview]:
    """Reviews that wait for arbitration at the lead's sites, without those of their own."""
    sites = site_ids_for(lead, Can.LEAD_QUALITY)
    rows = PeerReview.objects.filter(state=states.ARBITRATION, report__item__site__in=sites).exclude(reviewer=lead)
    return of_open(rows, lead).select_related("report__procedure__order", "reviewed").order_by("scored_at", "pk")


def feedback_to(author: User) -> QuerySet[PeerFeedback]:
    """Feedback about one's own reports, the newest first. Who gave it is not read."""
    rows = of_open(PeerFeedback.objects.filter(receiver=author).defer("giver"), author)
    return rows.select_related("report__procedure", "version")


def conference_list(lead: User) -> QuerySet[PeerFeedback]:
    """Cases that were proposed for the learning conference at the lead's sites; neither giver nor author is read."""
    sites = site_ids_for(lead, Can.LEAD_QUALITY)
    rows = PeerFeedback.objects.filter(conference=True, report__item__site__in=sites).defer("giver", "receiver")
    return of_open(rows, lead).select_related("report__procedure", "version").order_by("-given_at")


@dataclass(frozen=True, slots=True)
class Rates:
    """Of the reports that were signed in a modality: how many got an addendum, were corrected, retracted, or differed
    from their preliminary. ``compared``: those whose signer graded a preliminary."""

    modality: str
    signed: int
    addenda: int
    corrected: int
    retracted: int
    compared: int
    minor: int
    major: int


def rates_of(lead: User, *, at: datetime, months: int = MOST_MONTHS) -> list[Rates]:
    """By modality, of reports signed in the last months at the lead's sites. Reports count, not versions."""
    sites = site_ids_for(lead, Can.LEAD_QUALITY)
    signed = ReportVersion.objects.filter(
        kind="final", signed_at__gte=at - timedelta(days=31 * months), report__item__site__in=sites
    )
    rows = (
        of_open(signed, lead)
        .values_list("report__procedure__modality")
        .annotate(
            signed=Count("report", distinct=True),
            addenda=Count("report", distinct=True, filter=Q(report__versions__kind="addendum")),
            corrected=Count("report", distinct=True, filter=Q(report__versions__kind="corrected")),
            retracted=Count("report", distinct=True, filter=Q(report__versions__kind="retracted")),
            compared=Count("report", distinct=True, filter=~Q(agreement="")),
            minor=Count("report", distinct=True, filter=Q(agreement="minor")),
            major=Count("report", distinct=True, filter=Q(agreement="major")),
        )
    )
    return sorted((Rates(*row) for row in rows), key=lambda row: row.modality)
