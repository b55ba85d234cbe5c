"""Selectors of orders. What a person asks for is narrowed to the sites where they may see orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Prefetch, Q, QuerySet

from ris.access.visibility import open_rows
from ris.kernel.errors import NotFound
from ris.patients.models import Merge, Patient, Visit
from ris.patients.selectors_identity import merges_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import sites_for

from . import states
from .models import Appointment, Order, PerformedStep, RequestedProcedure, ScheduledStep


def orders_for(viewer: User, can: Can = Can.SEE_ORDERS) -> QuerySet[Order]:
    """Orders at the viewer's sites, newest first, with all that a list shows."""
    procedures = RequestedProcedure.objects.select_related("procedure").order_by("pk")
    steps = ScheduledStep.objects.select_related("device").order_by("start", "pk")
    orders = open_rows(Order.objects.filter(site__in=sites_for(viewer, can)), viewer)
    orders = orders.select_related("patient", "site", "visit")
    # Procedures before their steps: the second prefetch fills the rows of the first.
    orders = orders.prefetch_related(Prefetch("procedures", procedures))
    orders = orders.prefetch_related(Prefetch("procedures__steps", steps))
    # By key, too: orders of one message share a moment, and pages of a list must not overlap.
    return orders.order_by("-placed_at", "-pk")


def order_for(viewer: User, order_id: int, can: Can = Can.SEE_ORDERS) -> Order:
    """One order at the viewer's sites. Raises NotFound, also for one at a foreign site."""
    order = orders_for(viewer, can).filter(pk=order_id).first()
    if order is None:
        raise NotFound("There is no such order.")
    return order


def orders_of_referrer(viewer: User) -> QuerySet[Order]:
    """Orders that the viewer's account gave, or of whose reports it gets copies; at any site."""
    copied = Order.copy_practitioners.through.objects.filter(practitioner__account=viewer)
    return Order.objects.filter(Q(referrer=viewer) | Q(pk__in=copied.values("order_id")))


def own_orders_for(viewer: User) -> QuerySet[Order]:
    """Those of them at the viewer's sites, newest first, with all that a list shows."""
    return orders_for(viewer, Can.SEE_REPORTS).filter(pk__in=orders_of_referrer(viewer).values("pk"))


def own_order_for(viewer: User, order_id: int) -> Order:
    """One of them. Raises NotFound, also for an order of somebody else."""
    order = own_orders_for(viewer).filter(pk=order_id).first()
    if order is None:
        raise NotFound("There is no such order of yours.")
    return order


def appointments_for(viewer: User, patient: Patient) -> QuerySet[Appointment]:
    """What other systems booked for the patient at the viewer's sites, the latest first."""
    rows = Appointment.objects.filter(patient=patient, site__in=sites_for(viewer, Can.SEE_ORDERS))
    return open_rows(rows, viewer).select_related("order").order_by(F("start").desc(nulls_last=True), "-pk")


@dataclass(frozen=True, slots=True)
class MergeShown:
    """A merge for a person: how many rows of each kind moved, and what came since and waits for a decision."""

    merge: Merge
    moved: dict[str, int]
    orders: list[Order]
    visits: list[Visit]


def list_merges(viewer: User, patient: Patient) -> list[MergeShown]:
    """The merges of a patient whom the viewer may see, with the orders at the viewer's sites."""
    rows = []
    for merge in merges_of(patient):
        since = merge.since
        orders = orders_for(viewer).filter(pk__in=since.get("Order", ()), patient=merge.survivor_id)
        visits = Visit.objects.filter(pk__in=since.get("Visit", ()), patient=merge.survivor_id)
        moved = {kind: len(merge.moved.get(kind, ())) for kind in ("Order", "Visit", "Identifier")}
        rows.append(MergeShown(merge, moved, list(orders), list(visits)))
    return rows


def steps_for(viewer: User, can: Can = Can.SEE_ORDERS) -> QuerySet[ScheduledStep]:
    """Scheduled steps at the viewer's sites, by start, with patient and device."""
    steps = ScheduledStep.objects.filter(procedure__order__site__in=sites_for(viewer, can))
    steps = open_rows(steps, viewer, patient="procedure__order__patient", site="procedure__order__site")
    related = ("procedure__order__patient", "procedure__order__site", "procedure__procedure", "device")
    return steps.select_related(*related).order_by("start", "pk")


def step_for(viewer: User, step_id: int, can: Can = Can.SEE_ORDERS) -> ScheduledStep:
    """One scheduled step at the viewer's sites. Raises NotFound, also for one at a foreign site."""
    step = steps_for(viewer, can).filter(pk=step_id).first()
    if step is None:
        raise NotFound("There is no such scheduled step.")
    return step


def get_step(step_id: int) -> ScheduledStep:
    """The step with its procedure and order. Raises NotFound."""
    step = ScheduledStep.objects.select_related("procedure__order").filter(pk=step_id).first()
    if step is None:
        raise NotFound("There is no such scheduled step.")
    return step


def is_performed(order: Order) -> bool:
    """Whether its exam has begun or is over, and nothing of it waits: there is nothing left to hold."""
    found = set(ScheduledStep.objects.filter(procedure__order=order).values_list("state", flat=True))
    return bool(found & states.BEGUN) and not found & states.WAITING


def board_steps(viewer: User, *, since: datetime, until: datetime, at: datetime) -> QuerySet[ScheduledStep]:
    """The device board: steps that start in the interval (aware, half open); today also those on a device since before.

    ``at`` says whether the interval is today.
    """
    steps = steps_for(viewer).exclude(state=states.CANCELLED)
    of_day = Q(start__gte=since, start__lt=until)
    return steps.filter(of_day | Q(state=states.STARTED, start__lt=until) if since <= at < until else of_day)


def find_performed(step: ScheduledStep) -> PerformedStep | None:
    """The performed step in progress for this scheduled step, the latest of several; None when there is none."""
    # Several may be open: one that a person began by hand and one of the device, or one that a device never ended.
    return step.performed.filter(state=states.IN_PROGRESS).order_by("-started_at").first()
