"""Orders follow their patients."""

from __future__ import annotations

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel.events import emit, subscribe
from ris.patients.events import PatientsMerged

from .events import OrderRevised
from .models import Order


@subscribe(PatientsMerged)
def move_orders(event: PatientsMerged) -> None:
    """Give the retired patient's orders to the one who remains, and say so for each."""
    actor = Actor.job("merge")
    for order in Order.objects.filter(patient_id=event.retired_id).select_for_update():
        Order.objects.filter(pk=order.pk).update(patient_id=event.patient_id, version=order.version + 1)
        record(actor, "order.move", order, patient_id=event.patient_id, at=event.at, retired=event.retired_id)
        emit(OrderRevised(stream=order.accession, at=event.at, order_id=order.pk))
