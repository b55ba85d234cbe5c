"""Orders follow their patients: into a merge, and out of it again."""

from __future__ import annotations

from collections.abc import Iterable

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel.events import Event, emit, subscribe
from ris.kernel.models import Record
from ris.patients.events import PatientsEvent, PatientsMerged, PatientsSeparated
from ris.patients.models import Merge
from ris.patients.services import note_moved, note_since

from .events import OrderPlaced, OrderRevised
from .models import Order


@subscribe(PatientsMerged, PatientsSeparated, name="orders.move_orders_with_patient")
def move_orders(event: PatientsEvent) -> None:
    """Give each order to the patient whose it is now. One function, so that a separation never overtakes its merge."""
    if isinstance(event, PatientsSeparated):
        _back(event)
    elif isinstance(event, PatientsMerged):
        _in(event)


def _in(event: PatientsMerged) -> None:
    orders = list(Order.objects.filter(patient_id=event.retired_id).select_for_update())
    if event.merge_id is not None:
        note_moved(event.merge_id, "Order", [order.pk for order in orders])
    _move(orders, event.retired_id, event.patient_id, event)


def _back(event: PatientsSeparated) -> None:
    merge = Merge.objects.get(pk=event.merge_id)
    moved = merge.moved.get("Order", [])
    mine = Order.objects.filter(patient_id=event.patient_id)
    _move(mine.filter(pk__in=moved).select_for_update(), event.patient_id, event.restored_id, event)
    note_since(merge.pk, "Order", _placed_meanwhile(merge, mine.exclude(pk__in=moved)))


def _move(orders: Iterable[Order], source: int, target: int, event: Event) -> None:
    actor = Actor.job("merge")
    for order in list(orders):
        Order.objects.filter(pk=order.pk).update(patient_id=target, version=order.version + 1)
        record(actor, "order.move", order, patient_id=target, at=event.at, was=source)
        emit(OrderRevised(stream=order.accession, at=event.at, order_id=order.pk))


def _placed_meanwhile(merge: Merge, orders: Iterable[Order]) -> list[int]:
    """Those of the orders that were placed while the two patients were one."""
    facts = Record.objects.filter(stream=f"patient:{merge.survivor_id}", body__merge_id=merge.pk).order_by("pk")
    began, ended = (facts.filter(kind=event.kind).values("pk")[:1] for event in (PatientsMerged, PatientsSeparated))
    candidates = {order.pk: order.accession for order in orders}
    placed = Record.objects.filter(kind=OrderPlaced.kind, stream__in=candidates.values(), pk__gt=began, pk__lt=ended)
    return [record.body["order_id"] for record in placed if record.body["order_id"] in candidates]
