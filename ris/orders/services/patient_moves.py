"""Orders move between patients: with a merge (ADT A40, IHE RAD-12), back out of it, and by a person's decision."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict
from ris.kernel.events import emit
from ris.kernel.models import Record
from ris.patients.events import PatientsMerged, PatientsSeparated, VisitMoved, VisitsMerged
from ris.patients.models import Merge
from ris.patients.selectors_identity import separation
from ris.patients.services import note_moved, note_since

from ..events import OrderPlaced, OrderRevised
from ..models import Appointment, Order

_MERGE = Actor.job("merge")


def move_into_merge(event: PatientsMerged) -> None:
    """Give the orders of the retired patient to the surviving one, and note on the merge which they were.

    Idempotent. A merge that was separated again meanwhile moves nothing.
    """
    if event.merge_id is not None and Merge.objects.filter(pk=event.merge_id, separated_at__isnull=False).exists():
        return
    orders = list(Order.objects.filter(patient_id=event.retired_id).select_for_update())
    if event.merge_id is not None:
        note_moved(event.merge_id, "Order", [order.pk for order in orders])
    _move_orders(orders, event.retired_id, event.patient_id, at=event.at)
    appointments = Appointment.objects.filter(patient_id=event.retired_id)
    if event.merge_id is not None:
        note_moved(event.merge_id, "Appointment", list(appointments.values_list("pk", flat=True)))
    appointments.update(patient_id=event.patient_id, version=F("version") + 1)


def move_out_of_merge(event: PatientsSeparated) -> None:
    """Give back the orders that the merge moved. Idempotent."""
    merge = Merge.objects.get(pk=event.merge_id)
    moved = merge.moved.get("Order", [])
    orders = Order.objects.filter(patient_id=event.patient_id)
    _move_orders(orders.filter(pk__in=moved).select_for_update(), event.patient_id, event.restored_id, at=event.at)
    appointments = Appointment.objects.filter(patient_id=event.patient_id, pk__in=merge.moved.get("Appointment", []))
    appointments.update(patient_id=event.restored_id, version=F("version") + 1)


def move_orders_of_visit(event: VisitMoved) -> None:
    """Give the orders of the visit to its patient (ADT A44, A45). Idempotent."""
    orders = Order.objects.filter(visit_id=event.visit_id).exclude(patient_id=event.patient_id).select_for_update()
    for order in list(orders):
        _move_orders([order], order.patient_id, event.patient_id, at=event.at)


def move_orders_to_visit(event: VisitsMerged) -> None:
    """Give the orders of the former visit to the one that remains (ADT A41). Idempotent."""
    for order in list(Order.objects.filter(visit_id=event.former_id).select_for_update()):
        Order.objects.filter(pk=order.pk).update(visit_id=event.visit_id, version=F("version") + 1)
        record(_MERGE, "order.move", order, patient_id=order.patient_id, at=event.at, visit=event.visit_id)
        emit(OrderRevised(stream=order.accession, at=event.at, order_id=order.pk))


def list_placed_since(event: PatientsSeparated) -> None:
    """List on the merge the orders that were placed while the two were one, for a person to decide whose they are."""
    merge = Merge.objects.get(pk=event.merge_id)
    orders = Order.objects.filter(patient_id=event.patient_id).exclude(pk__in=merge.moved.get("Order", []))
    note_since(merge.pk, "Order", _placed_since(merge, orders))


def _move_orders(orders: Iterable[Order], source: int, target: int, *, at: datetime) -> None:
    # Entries of the modality worklist are cached by the version of their rows.
    for order in list(orders):
        Order.objects.filter(pk=order.pk).update(patient_id=target, version=F("version") + 1)
        record(_MERGE, "order.move", order, patient_id=target, at=at, was=source)
        emit(OrderRevised(stream=order.accession, at=at, order_id=order.pk))


def _placed_since(merge: Merge, orders: Iterable[Order]) -> list[int]:
    """Those of the orders that were placed while the two patients were one.

    Told by the ids of the events, which are in the order of their commits in a stream; clocks are not.
    """
    facts = Record.objects.filter(stream=f"patient:{merge.survivor_id}", body__merge_id=merge.pk).order_by("pk")
    began, ended = (facts.filter(kind=event.kind).values("pk")[:1] for event in (PatientsMerged, PatientsSeparated))
    candidates = {order.pk: order.accession for order in orders}
    placed = Record.objects.filter(kind=OrderPlaced.kind, stream__in=candidates.values(), pk__gt=began, pk__lt=ended)
    return [fact.body["order_id"] for fact in placed if fact.body["order_id"] in candidates]


@transaction.atomic
def give_order(order_id: int, merge_id: int, *, reason: str, actor: Actor, at: datetime) -> Order:
    """Give an order of the one who remained after a merge to the one who was separated from them again.

    Its case, draft and report follow. Raises NotFound; Invalid without a reason; Conflict unless it is the survivor's.
    """
    merge = separation(merge_id, reason)
    orders = Order.objects.filter(pk=order_id, patient=merge.survivor_id)
    if not orders.update(patient=merge.retired_id, version=F("version") + 1):
        raise Conflict("This order is not of the patient from whom the other was separated.", at="order")
    order = Order.objects.get(pk=order_id)
    record(actor, "order.give", order, patient_id=merge.retired_id, reason=reason, at=at, merge=merge.pk)
    emit(OrderRevised(stream=order.accession, at=at, order_id=order.pk))
    return order
