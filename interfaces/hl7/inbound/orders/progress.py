"""Status messages that tell how far an exam is (ORC-5: IP, CM, DC), for devices that send no MPPS."""

from __future__ import annotations

from ris.orders import states
from ris.orders.intents import PerformedIntent
from ris.orders.models import Order, PerformedStep, ScheduledStep
from ris.orders.services import complete_exam, discontinue_exam, start_exam

from . import projection
from .acting import Acting
from .projection import Words

_REACHED = {
    projection.STARTED: frozenset({states.STARTED, states.COMPLETED, states.DISCONTINUED}),
    projection.COMPLETED: frozenset({states.COMPLETED, states.DISCONTINUED}),
    projection.DISCONTINUED: frozenset({states.COMPLETED, states.DISCONTINUED}),
}


def progress_to(order: Order, picture: Words, acting: Acting) -> None:
    """Move each step of the order forward to what was said of it; never back. A cancelled one was performed after all.

    What a device itself says of an exam (MPPS) is left to it: a status neither ends nor doubles it.
    """
    steps = ScheduledStep.objects.filter(procedure__order=order).select_related("procedure", "device").order_by("pk")
    for step in steps:
        said = projection.progress_of(picture, step.procedure.number)
        if said and step.state not in _REACHED[said]:
            _move(order, step, said, acting)
            acting.did(said, step)


def _move(order: Order, step: ScheduledStep, said: str, acting: Acting) -> None:
    actor, at = acting.actor, acting.at
    running = PerformedStep.objects.filter(steps=step, by_hand=True, state=states.IN_PROGRESS).order_by("pk").first()
    if running is None:
        intent = PerformedIntent(
            started_at=at,
            step_ids=(step.pk,),
            study_uid=step.procedure.study_uid,
            accession=order.accession,
            station_ae=step.device.ae_title if step.device else "",
            modality=step.modality,
            by_hand=True,
        )
        running = start_exam(intent, actor=actor, at=at)
    if said == projection.COMPLETED:
        complete_exam(running.mpps_uid, ended_at=at, actor=actor, at=at)
    elif said == projection.DISCONTINUED:
        discontinue_exam(running.mpps_uid, ended_at=at, actor=actor, at=at)
