"""What of the orders' events concerns the calendar: a time that is given back is offered to who waits."""

from __future__ import annotations

from ris.audit.services import Actor
from ris.kernel.events import subscribe
from ris.orders import states as order_states
from ris.orders.events import AppointmentCalledOff, OrderCancelled
from ris.orders.models import ScheduledStep

from .services.waiting import offer_freed

OFFERER = Actor.job("waiting list")


@subscribe(OrderCancelled, name="ris.scheduling.offer_cancelled")
def offer_cancelled(event: OrderCancelled) -> None:
    """The times of an order that is cancelled."""
    steps = ScheduledStep.objects.filter(procedure__order=event.order_id, state=order_states.CANCELLED)
    for step in steps.select_related("device", "procedure__order__site").order_by("pk"):
        offer_freed(step, actor=OFFERER, at=event.at)


@subscribe(AppointmentCalledOff, name="ris.scheduling.offer_called_off")
def offer_called_off(event: AppointmentCalledOff) -> None:
    """The time of an appointment that is called off."""
    steps = ScheduledStep.objects.select_related("device", "procedure__order__site")
    step = steps.filter(pk=event.step_id, procedure__order__state=order_states.HELD).first()
    if step is not None:
        offer_freed(step, actor=OFFERER, at=event.at)
