"""Work from FHIR: Task, Appointment, Communication and ImagingStudy, each write one service call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ris.kernel.errors import Conflict, NotFound
from ris.orders import services, states
from ris.orders.models import RequestedProcedure, ScheduledStep
from ris.orders.selectors import step_for
from ris.people.roles import Can
from ris.people.selectors import require
from worklist import services as worklist
from worklist.models import Escalation, ReadingItem
from worklist.selectors import visible_items

from .body import Element
from .orders import Caller


def update_task(row: Any, resource: Element, caller: Caller) -> None:
    """Bring a Task to the stage that it is sent with: ``businessStatus``, else what its status stands for.

    ``reading`` (in-progress) claims the case for the caller, ``to-read`` (ready) gives it back, ``arrived``,
    ``acquiring`` and ``acquired`` (completed) move the exam. Raises Invalid for another stage.
    """
    codes = resource.get("businessStatus").codings()
    status = resource.get("status").required("Say to which status it goes.").text()
    stage = codes[0].value if codes and codes[0].value != row.stage else IMPLIED.get(status, "")
    if stage not in STAGES:
        known = ", ".join([*STAGES, *IMPLIED])
        resource.get("status").refuse(f"A task is brought to one of: {known}. Anything else follows from the work.")
    STAGES[stage](row, resource, caller)


IMPLIED = {
    "in-progress": "reading",
    "ready": "to-read",
    "accepted": "reading",
    "requested": "to-read",
    "completed": "acquired",
}


def _claim(row: RequestedProcedure, resource: Element, caller: Caller) -> None:
    owner = resource.get("owner").reference("Practitioner")
    if owner not in (None, caller.user.pk):
        resource.get("owner").refuse("A case is claimed by its reader: leave the owner out, or name yourself.")
    require(caller.user, Can.READ_CASES)
    worklist.claim(_item(row, caller).pk, reader=caller.user, actor=caller.actor, at=caller.at)


def _release(row: RequestedProcedure, resource: Element, caller: Caller) -> None:
    require(caller.user, Can.READ_CASES)
    reason = resource.get("statusReason").words()
    worklist.release(_item(row, caller).pk, reader=caller.user, reason=reason, actor=caller.actor, at=caller.at)


def _item(row: RequestedProcedure, caller: Caller) -> ReadingItem:
    item = visible_items(caller.user).filter(procedure=row).first()
    if item is None:
        raise Conflict("This exam is not on the reading worklist yet.", at="Task.status")
    return item


def _move_step(
    move: Callable[..., Any], sources: tuple[str, ...]
) -> Callable[[RequestedProcedure, Element, Caller], None]:
    def act(row: RequestedProcedure, resource: Element, caller: Caller) -> None:
        require(caller.user, Can.PERFORM_EXAMS, row.order.site_id)
        step = row.steps.filter(state__in=sources).order_by("start", "pk").first()
        if step is None:
            raise Conflict("No step of this exam is in a state that allows it.", at="Task.businessStatus")
        move(step.pk, actor=caller.actor, at=caller.at)

    return act


STAGES: dict[str, Callable[[RequestedProcedure, Element, Caller], None]] = {
    "reading": _claim,
    "to-read": _release,
    "arrived": _move_step(services.arrive, (states.SCHEDULED,)),
    "acquiring": _move_step(services.start_by_hand, (states.SCHEDULED, states.ARRIVED)),
    "acquired": _move_step(services.complete_by_hand, (states.STARTED,)),
}
"""Stage to which a client may bring a Task → how."""


def create_appointment(resource: Element, caller: Caller) -> tuple[ScheduledStep, bool]:
    """Book the waiting step of a requested procedure (``basedOn``) at a time and, if one is named, on a device."""
    based_on = [pk for one in resource.each("basedOn") if (pk := one.reference("ServiceRequest"))]
    if not based_on:
        resource.get("basedOn").refuse("Say what is booked: a reference to a ServiceRequest.")
    require(caller.user, Can.PLACE_ORDERS)
    waiting = (
        ScheduledStep.objects.filter(procedure=based_on[0], state=states.SCHEDULED).order_by("start", "pk").first()
    )
    if waiting is None:
        raise NotFound("There is nothing to book of this request.", at="Appointment.basedOn")
    return _book(step_for(caller.user, waiting.pk, Can.PLACE_ORDERS), resource, caller), True


def update_appointment(row: ScheduledStep, resource: Element, caller: Caller) -> None:
    """Move (``booked`` with another start or device), cancel, or note the arrival. Raises Invalid for any other."""
    status = resource.get("status").required("Say to which status it goes.").text()
    if status == "booked":
        require(caller.user, Can.PLACE_ORDERS, row.procedure.order.site_id)
        _book(row, resource, caller)
    elif status == "cancelled":
        require(caller.user, Can.PLACE_ORDERS, row.procedure.order.site_id)
        reason = resource.get("cancelationReason").words() or "Cancelled by FHIR"
        services.cancel_procedure(row.procedure_id, reason=reason, actor=caller.actor, at=caller.at)
    elif status in ("arrived", "checked-in"):
        require(caller.user, Can.PERFORM_EXAMS, row.procedure.order.site_id)
        services.arrive(row.pk, actor=caller.actor, at=caller.at)
    else:
        resource.get("status").refuse("One of booked, cancelled, arrived. The rest follows from the exam.")


def _book(row: ScheduledStep, resource: Element, caller: Caller) -> ScheduledStep:
    start = resource.get("start").required("Say when: start.").moment() or row.start
    actors = [one.get("actor") for one in resource.each("participant")]
    devices = [one for one in actors if one.get("reference").text().rpartition("/")[0].endswith("Device")]
    device_id = devices[0].reference("Device") if devices else row.device_id
    if device_id is None:
        resource.get("participant").refuse("Say on which device: a participant that is a reference to a Device.")
    return services.rebook_step(
        row.pk, start=start, device_id=device_id, confirmed=False, actor=caller.actor, at=caller.at
    )


def update_communication(row: Escalation, resource: Element, caller: Caller) -> None:
    """Acknowledge it: status ``completed``. The first who does stays written."""
    if resource.get("status").text() != "completed":
        resource.get("status").refuse("It is acknowledged by status completed; nothing else can be changed.")
    worklist.acknowledge(row.pk, coordinator=caller.user, actor=caller.actor, at=caller.at)


def update_study(row: RequestedProcedure, resource: Element, caller: Caller) -> None:
    """Note that the images of an exam are in the archive: status ``available``, and how many there are."""
    require(caller.user, Can.PERFORM_EXAMS, row.order.site_id)
    if resource.get("status").text() != "available":
        resource.get("status").refuse("Images become available; nothing else can be said of them here.")
    number = resource.get("numberOfInstances").value
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 10_000_000:
        resource.get("numberOfInstances").refuse("Say how many instances there are.")
    services.note_images(row.study_uid, instances=number, complete=True, actor=caller.actor, at=caller.at)
