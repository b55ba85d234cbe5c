"""Follow-up recommendations for the room, for coordinators and owners; how many were closed in time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import F, Min, Q, QuerySet
from django.urls import reverse

from ris.access.visibility import open_rows
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, site_ids_for
from worklist.selectors.additions import BellRow, Tile

from ..models import FollowUp, FollowUpReminder, Insertion, Report
from . import states
from .offers import Offer, offers_in

SETTLED_WITHIN = timedelta(days=30)
"""After its last day: later than that, a recommendation counts as not closed in time."""
MOST_MACROS = 200


def visible_follow_ups(viewer: User) -> QuerySet[FollowUp]:
    """Those that were recommended: at sites where the viewer reads or leads, and of orders of their own."""
    sites = site_ids_for(viewer, Can.READ_CASES) | site_ids_for(viewer, Can.LEAD_READING)
    seen = Q(report__item__site__in=sites) | Q(report__procedure__order__referrer=viewer)
    rows = FollowUp.objects.filter(seen).exclude(state__in=[states.DRAFTED, states.REJECTED])
    rows = open_rows(rows, viewer, patient="report__procedure__order__patient", site="report__item__site")
    return rows.exclude(state=states.WITHDRAWN, recommended_at=None).select_related(
        "report__item__site", "report__procedure__order__patient", "procedure__order", "closed_by", "made_by"
    )


def listed_follow_ups(
    viewer: User, *, at: datetime, show: str = "overdue", owner: str = "", modality: str = "", only: int | None = None
) -> QuerySet[FollowUp]:
    """For the page: ``show`` is overdue, proposed (an exam waits to be confirmed), open, done, closed or all."""
    rows = visible_follow_ups(viewer).prefetch_related("matches__procedure__order")
    if only is not None:
        return rows.filter(pk=only)
    today = at.date()
    rows = {
        "overdue": rows.filter(state__in=states.OPEN, latest__lt=today),
        "proposed": rows.filter(state=states.RECOMMENDED, matches__state="proposed").distinct(),
        "open": rows.filter(state__in=states.OPEN),
        "done": rows.filter(state=states.DONE),
        "closed": rows.filter(state__in=[states.CLOSED, states.WITHDRAWN]),
    }.get(show, rows)
    if owner:
        rows = rows.filter(owner=owner)
    if modality:
        rows = rows.filter(modality=modality)
    return rows.order_by(F("latest").asc(nulls_last=True), "pk")


def follow_ups_of(report: Report | None) -> list[FollowUp]:
    """The recommendations of a report's edition as the room shows them: drafted ones first."""
    if report is None:
        return []
    rows = report.follow_ups.filter(edition=report.edition)
    rows = rows.exclude(state__in=[states.REJECTED, states.WITHDRAWN]).order_by("pk")
    return list(rows.select_related("procedure"))


def offers_for(report: Report | None) -> list[tuple[Offer, str]]:
    """Recommendations of the draft's impression that the reader has neither taken nor rejected, with their source."""
    if report is None or not report.impression.strip():
        return []
    settled = set(report.follow_ups.filter(edition=report.edition).exclude(quote="").values_list("quote", flat=True))
    macros = Insertion.objects.filter(item=report.item_id, kind=Insertion.MACRO).exclude(text="")
    texts = list(macros.values_list("text", flat=True)[:MOST_MACROS])
    offers = offers_in(report.impression, exam_day=exam_day(report))
    return [
        (offer, "macro" if any(offer.quote in text for text in texts) else "text")
        for offer in offers
        if offer.quote not in settled
    ]


def exam_day(report: Report) -> date:
    """The day of the exam at its site, from which the times of recommendations count."""
    begun = report.procedure.steps.aggregate(at=Min("performed__started_at"))["at"]
    order = report.procedure.order
    day: date = (begun or order.placed_at).astimezone(ZoneInfo(order.site.time_zone)).date()
    return day


def follow_up_bell(user: User) -> list[BellRow]:
    """Overdue recommendations of which the person is reminded."""
    rows = FollowUpReminder.objects.filter(user=user, state=FollowUpReminder.SHOWN)
    url = reverse("reporting:follow-ups")
    return [
        BellRow(f"{url}?only={row.follow_up_id}", "calendar-clock", "Follow-up overdue",
                row.follow_up.report.item.site.code, row.due_at)
        for row in rows.select_related("follow_up__report__item__site").order_by("-due_at")[:20]
    ]  # fmt: skip


def follow_up_tiles(lead: User, at: datetime) -> list[Tile]:
    """How many are overdue, for the coordinator's page."""
    if Can.LEAD_READING not in permissions_of(lead):
        return []
    overdue = listed_follow_ups(lead, at=at, show="overdue").count()
    url = reverse("reporting:follow-ups") + "?show=overdue"
    return [Tile(url, "calendar-clock", "Follow-up overdue", overdue, red=False)]


@dataclass(frozen=True, slots=True)
class Closed:
    """Of the recommendations whose last day was in a month: what became of them.

    ``in_time``: done or closed with a reason, at most thirty days after the last day.
    """

    month: str
    recommended: int
    done: int
    closed: int
    waiting: int
    in_time: int
    due: int

    @property
    def percent(self) -> int | None:
        """Done or closed in time, of those that were or whose thirty days are over."""
        return round(100 * self.in_time / self.due) if self.due else None


def closed_share(viewer: User, *, at: datetime, months: int = 12) -> list[Closed]:
    """Per month of the last day, the newest first; withdrawn ones and those without a time are left out."""
    since = (at - timedelta(days=31 * months)).date()
    rows = visible_follow_ups(viewer).filter(latest__gte=since, latest__lte=at.date()).exclude(state=states.WITHDRAWN)
    cells: defaultdict[str, list[tuple[str, date, datetime | None]]] = defaultdict(list)
    for state, latest, done_at in rows.values_list("state", "latest", "done_at"):
        if latest is not None:
            cells[f"{latest:%Y-%m}"].append((state, latest, done_at))
    return [_closed(month, cells[month], at) for month in sorted(cells, reverse=True)]


def _closed(month: str, cell: list[tuple[str, date, datetime | None]], at: datetime) -> Closed:
    in_time = sum(done is not None and done.date() <= latest + SETTLED_WITHIN for _, latest, done in cell)
    over = sum(
        latest + SETTLED_WITHIN < at.date() and not (done is not None and done.date() <= latest + SETTLED_WITHIN)
        for _, latest, done in cell
    )
    return Closed(
        month, len(cell),
        done=sum(state == states.DONE for state, _, _ in cell),
        closed=sum(state == states.CLOSED for state, _, _ in cell),
        waiting=sum(state in states.OPEN for state, _, _ in cell),
        in_time=in_time, due=in_time + over,
    )  # fmt: skip
