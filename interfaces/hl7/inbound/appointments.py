"""SIU^S12–S17, S26: appointments made in another system (IHE RAD-48).

An appointment is kept whether or not its order is known here, so that no queue stops on it. Its order is the one that
it names; else that of the appointment's numbers; else the patient's only one with such an exam.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q

from ris.kernel.errors import Conflict
from ris.orders import states as order_states
from ris.orders.models import Appointment, Order, RequestedProcedure, ScheduledStep
from ris.orders.services.appointments import (
    AppointmentIntent,
    find_appointment,
    flag_overlaps,
    is_same_exam,
    record_appointment,
)
from ris.orders.services.flags import OVERLAPPING
from ris.patients.models import Patient, Visit

from .appointment_segments import CALLED_OFF, read_appointment, read_booked
from .context import Incoming
from .orders.history import add_to_history, trail_of
from .orders.keys import OrderKeys
from .orders.statements import BOOK, UNBOOK, Statement
from .patients import resolve
from .visits import visit_of

BEGUN = "The exam has begun: its appointment is not changed any more."


def apply_appointment(incoming: Incoming) -> str:
    """Keep the appointment, and move the steps of its order to the time and place said; a called-off one lets it wait.

    Without an order it waits for one. What an order that is known cannot do is left to a person.
    """
    patient = resolve(incoming, authoritative=False)
    visit = _visit_of(incoming, patient)
    intent = read_appointment(incoming, patient)
    known = find_appointment(intent)
    keys = _named_order(incoming)
    order = None
    if keys is None:
        order = (known.order if known else None) or _find_order(intent, patient, incoming)
        keys = _keys_of(order, incoming) if order else None
    if keys is not None:
        order = _apply_to_order(keys, intent, patient, visit, incoming) or order
    row, changed = record_appointment(intent, order=order, actor=incoming.actor, at=incoming.at)
    if changed:
        incoming.did("kept" if known is None else row.state, row)
    if order is None:
        cure = "" if intent.state in CALLED_OFF else "; it is booked when one comes"
        incoming.warn(f"No order of this appointment is known yet{cure}.")
    return "" if incoming.effects else "It says nothing new."


def _visit_of(incoming: Incoming, patient: Patient) -> Visit | None:
    """The visit; a number that another patient's visit has is told of, and the appointment kept without it."""
    try:
        with transaction.atomic():
            return visit_of(incoming, patient)
    except Conflict as refusal:
        incoming.warn(f"{refusal.detail} The appointment is kept without it.")
        return None


def _named_order(incoming: Incoming) -> OrderKeys | None:
    """The order that SCH-26 and SCH-27 name, else ORC-2 and -3, else OBR-2 and -3; None where none is named."""
    for name, placer_field, filler_field in (("SCH", 26, 27), ("ORC", 2, 3), ("OBR", 2, 3)):
        segment = incoming.message.first(name)
        if segment is None:
            continue
        placer, filler = segment.text(placer_field), segment.text(filler_field)
        if placer or filler:
            _, namespace, universal_id = segment.components(placer_field, 3)
            authority = (namespace or universal_id)[:64] or incoming.peer.name
            return OrderKeys(authority, universal_id, placer=placer[:64], filler=filler[:64])
    return None


def _keys_of(order: Order, incoming: Incoming) -> OrderKeys:
    return OrderKeys(
        order.placer_authority or incoming.peer.name, placer=order.placer_number, filler=order.filler_number
    )


def _apply_to_order(
    keys: OrderKeys, intent: AppointmentIntent, patient: Patient, visit: Visit | None, incoming: Incoming
) -> Order | None:
    """Add the booking to the history of its order; the order, None while it is not known."""
    called_off = intent.state in CALLED_OFF
    trail = trail_of(incoming, keys)
    incoming.placer_number = keys.placer
    if trail.order is not None and _has_begun(trail.order):
        # Kept all the same: what holds must not depend on which of the two was heard of first.
        _leave_to_person(BEGUN, incoming)
    statement = Statement(
        rank=incoming.rank,
        verb=UNBOOK if called_off else BOOK,
        placer=keys.placer,
        reason=intent.reason if called_off else "",
        procedures=() if called_off else tuple(read_booked(incoming)),
    )
    try:
        with transaction.atomic():
            add_to_history(trail, statement, patient=patient, visit=visit, incoming=incoming)
    except Conflict as refusal:
        _leave_to_person(refusal.detail, incoming)
        return None
    if trail.order is not None and not called_off and flag_overlaps(trail.order):
        incoming.warn(f"The order is flagged: {OVERLAPPING}.")
    return trail.order


def _leave_to_person(sentence: str, incoming: Incoming) -> None:
    """Never a refusal, whatever the sender's setting: the queue of an EMR must not stop on an appointment."""
    incoming.warn(sentence)
    if incoming.peer.too_late != "ignore" and sentence not in incoming.unmet:
        incoming.unmet.append(sentence)


def _has_begun(order: Order) -> bool:
    steps = ScheduledStep.objects.filter(procedure__order=order)
    begun = steps.filter(state__in=order_states.BEGUN).exists()
    return begun and not steps.filter(state__in=order_states.WAITING).exists()


def _find_order(intent: AppointmentIntent, patient: Patient, incoming: Incoming) -> Order | None:
    """The order that an appointment without an order number is for.

    The patient's order that has SCH-1 or SCH-2 as a number; else the only one with such an exam that still waits, and
    that has no other appointment.
    """
    orders = Order.objects.filter(patient=patient).exclude(state=order_states.CANCELLED)
    numbers = {intent.placer_number, intent.filler_number} - {""}
    named = Q(placer_number__in=numbers) | Q(filler_number__in=numbers) | Q(accession__in=numbers)
    matches = list(orders.filter(named | Q(sender_filler_number__in=numbers))[:2]) if numbers else []
    if len(matches) == 1:
        return matches[0]
    taken = Appointment.objects.filter(patient=patient, state__in=order_states.LIVE_APPOINTMENTS, order__isnull=False)
    waiting = RequestedProcedure.objects.filter(order__in=orders, steps__state__in=order_states.WAITING).exclude(
        order__in=taken.values("order")
    )
    services = [(incoming.mapping.meaning("procedure", s.value), s.text) for s in intent.services]
    fitting = {
        procedure.order_id
        for procedure in waiting.select_related("procedure").distinct()[:50]
        if any(is_same_exam(procedure, code, text) for code, text in services)
    }
    return Order.objects.get(pk=fitting.pop()) if len(fitting) == 1 else None
