"""Orders that came while two patients were one: a person says whose they are."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel.errors import Conflict
from ris.kernel.events import emit
from ris.patients.selectors import separation

from ..events import OrderRevised
from ..models import Order


@transaction.atomic
def give_order(order_id: int, merge_id: int, *, reason: str, actor: Actor, at: datetime) -> Order:
    """Give an order of the one who remained after a merge to the one who was separated from them again.

    Its case, draft and report follow. Raises NotFound; Invalid without a reason; Conflict unless it is the survivor's.
    """
    merge = separation(merge_id, reason)
    mine = Order.objects.filter(pk=order_id, patient=merge.survivor_id)
    if not mine.update(patient=merge.retired_id, version=F("version") + 1):
        raise Conflict("This order is not of the patient from whom the other was separated.", at="order")
    order = Order.objects.get(pk=order_id)
    record(actor, "order.give", order, patient_id=merge.retired_id, reason=reason, at=at, merge=merge.pk)
    emit(OrderRevised(stream=order.accession, at=at, order_id=order.pk))
    return order
