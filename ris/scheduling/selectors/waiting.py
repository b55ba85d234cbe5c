"""Who waits for a time, in the order in which they are asked."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Case, F, IntegerField, Prefetch, Q, QuerySet, Value, When

from ris.access.visibility import open_rows
from ris.orders import states as order_states
from ris.orders.models import ScheduledStep
from ris.orders.selectors_booking import Booking, find_overlaps
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import sites_for

from .. import states
from ..models import Offer, WaitingEntry

_URGENCY = Case(
    *(
        When(step__procedure__order__priority=priority, then=Value(rank))
        for rank, priority in enumerate(("STAT", "HIGH", "MEDIUM"))
    ),
    default=Value(3),
    output_field=IntegerField(),
)


def waiting_for(viewer: User, can: Can = Can.SEE_ORDERS) -> QuerySet[WaitingEntry]:
    """Who waits at the viewer's sites: the most urgent first, then who wants it soonest, then who waits longest."""
    rows = WaitingEntry.objects.filter(
        state=states.WAITING, step__procedure__order__site__in=sites_for(viewer, can),
    ).exclude(step__procedure__order__state=order_states.CANCELLED)  # fmt: skip
    order = "step__procedure__order"
    rows = open_rows(rows, viewer, patient=f"{order}__patient", site=f"{order}__site")
    rows = rows.select_related("step__device", "step__procedure__order__patient", "step__procedure__order__site")
    rows = rows.prefetch_related(Prefetch("offers", Offer.objects.select_related("device").order_by("start")))
    return rows.order_by(_URGENCY, F("wanted_by").asc(nulls_last=True), "entered_at", "pk")


def list_fitting(freed: ScheduledStep, *, at: datetime) -> list[WaitingEntry]:
    """Who could come at the time that this step gave back: those whose exam fills it best first."""
    site = freed.procedure.order.site
    rows = WaitingEntry.objects.filter(
        Q(wanted_by=None) | Q(wanted_by__gte=freed.start), state=states.WAITING, earliest__lte=freed.start,
        step__procedure__order__site=site, step__modality=freed.modality, step__minutes__lte=freed.minutes,
        step__state__in=order_states.WAITING,
    ).exclude(step=freed.pk).exclude(step__procedure__order__state=order_states.CANCELLED)  # fmt: skip
    # Who has a time already wants a sooner one.
    rows = rows.filter(Q(step__procedure__order__state=order_states.HELD) | Q(step__start__gt=freed.start))
    taken = find_overlaps(
        Booking(code="", laterality="", start=freed.start, minutes=freed.minutes, device=freed.device,
                step_id=freed.pk),
        site,
    )  # fmt: skip
    return [] if taken else list(rows.order_by(_URGENCY, "-step__minutes", "entered_at", "pk")[:20])
