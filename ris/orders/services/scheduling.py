"""Scheduled steps: moved to another time or device; the patient arrives (IHE Scheduled Workflow)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from ris.audit.services import Actor, record
from ris.catalog.models import Device
from ris.kernel.errors import Invalid, NotFound
from ris.kernel.events import emit
from ris.kernel.states import step as define_step

from .. import states
from ..events import OrderRevised, PatientArrived, StepRescheduled
from ..models import Order, ScheduledStep

RESCHEDULE = {state: define_step("reschedule", [state], state) for state in states.WAITING}
"""One step for each waiting state, which it leaves as it is."""


@transaction.atomic
def reschedule_step(step_id: int, *, start: datetime, device_id: int, actor: Actor, at: datetime) -> ScheduledStep:
    """Move a waiting step to another moment (aware) or device of the same site and modality.

    Raises NotFound, Conflict when the step has begun or is over, Invalid for a device that cannot do it.
    """
    step = get_step(step_id)
    device = Device.objects.filter(pk=device_id, active=True).first()
    order = step.procedure.order
    if device is None or device.site_id != order.site_id or device.modality != step.modality:
        raise Invalid("Choose an active device of the same site and modality.", at="device")
    moved = ScheduledStep.objects.take(
        RESCHEDULE.get(step.state, RESCHEDULE[states.SCHEDULED]),
        step_id,
        start=start,
        device=device,
        station_aes=[device.ae_title],
        station_names=[device.name],
        location=device.room,
    )
    _audit(actor, "step.reschedule", moved, order, at)
    emit(
        StepRescheduled(
            stream=order.accession, at=at, order_id=order.pk, procedure_id=step.procedure_id, step_id=step_id
        )
    )
    return moved


@transaction.atomic
def arrive(step_id: int, *, actor: Actor, at: datetime) -> ScheduledStep:
    """Write down that the patient is here. Raises NotFound; Conflict unless the step is scheduled."""
    arrived = ScheduledStep.objects.take(states.ARRIVE, step_id, arrived_at=at)
    order = arrived.procedure.order
    _audit(actor, "step.arrive", arrived, order, at)
    emit(
        PatientArrived(
            stream=order.accession, at=at, order_id=order.pk, procedure_id=arrived.procedure_id, step_id=step_id
        )
    )
    return arrived


@transaction.atomic
def undo_arrival(step_id: int, *, actor: Actor, at: datetime) -> ScheduledStep:
    """Take back that the patient is here. Raises NotFound; Conflict unless the step is arrived."""
    step = ScheduledStep.objects.take(states.UNARRIVE, step_id, arrived_at=None)
    order = step.procedure.order
    _audit(actor, "step.undo-arrival", step, order, at)
    emit(OrderRevised(stream=order.accession, at=at, order_id=order.pk))
    return step


def get_step(step_id: int) -> ScheduledStep:
    """The step with its procedure and order. Raises NotFound."""
    step = ScheduledStep.objects.select_related("procedure__order").filter(pk=step_id).first()
    if step is None:
        raise NotFound("There is no such scheduled step.")
    return step


def _audit(actor: Actor, action: str, step: ScheduledStep, order: Order, at: datetime) -> None:
    record(actor, action, step, patient_id=order.patient_id, at=at, order=order.pk)
