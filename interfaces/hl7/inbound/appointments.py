"""SIU^S12–S15, S17: appointments made in another system (IHE RAD-48)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db.models import Q

from ris.catalog.models import Device
from ris.kernel.errors import Invalid
from ris.kernel.values import number_or_none
from ris.orders import states as order_states
from ris.orders.intents import Code
from ris.orders.models import Order, RequestedProcedure
from ris.patients.models import Patient

from ..v2.parser import Segment
from .context import Incoming
from .orders.history import OrderKeys, add_to_history, trail_of
from .orders.statements import BOOK, UNBOOK, Procedure, Statement, Step
from .patients import resolve, visit_of

CALLED_OFF = frozenset({"S15", "S17"})
MOST_OFFSET = 7 * 24 * 60
"""Minutes; a service of one appointment does not begin later than that after it."""


def apply_appointment(incoming: Incoming) -> str:
    """Move the steps of the order that SCH names to the time and place said; a cancelled one lets the order wait."""
    sch = incoming.message.first("SCH")
    if sch is None:
        raise Invalid("An appointment message needs SCH.", at="SCH", code="100")
    patient = resolve(incoming, authoritative=False)
    visit = visit_of(incoming, patient)
    placer, filler, authority = sch.text(26), sch.text(27), sch.text(26, 2)
    if not placer and not filler:
        order = _find_order(sch, patient, incoming)
        if order is None:
            incoming.unmet.append(NO_ORDER)
            return ""
        placer, filler, authority = order.placer_number, order.filler_number, order.placer_authority
    called_off = incoming.header.event in CALLED_OFF
    statement = Statement(
        rank=incoming.rank,
        verb=UNBOOK if called_off else BOOK,
        placer=placer,
        reason=sch.whole(6)[:250] if called_off else "",
        procedures=() if called_off else tuple(_booked(sch, incoming)),
    )
    keys = OrderKeys(authority[:64] or incoming.peer.name, placer=placer[:64], filler=filler[:64])
    trail = trail_of(incoming, keys)
    incoming.placer_number = placer
    add_to_history(trail, statement, patient=patient, visit=visit, incoming=incoming)
    return "" if incoming.effects else "It says nothing new."


NO_ORDER = "No order is named (SCH-26, SCH-27), and none of the patient waits for this exam alone: match it by hand."


def _find_order(sch: Segment, patient: Patient, incoming: Incoming) -> Order | None:
    """The order that an appointment without an order number is for.

    The patient's order that has SCH-1 or SCH-2 as a number; else the only one with such an exam that still waits.
    """
    orders = Order.objects.filter(patient=patient).exclude(state=order_states.CANCELLED)
    numbers = [number for number in (sch.text(1), sch.text(2)) if number]
    named = Q(placer_number__in=numbers) | Q(filler_number__in=numbers) | Q(accession__in=numbers)
    matches = list(orders.filter(named)[:2]) if numbers else []
    if len(matches) == 1:
        return matches[0]
    given = [ais.text(3) for ais in incoming.message.all("AIS") if ais.text(3)]
    codes = {*given, *(incoming.mapping.meaning("procedure", code) for code in given)}
    waiting = RequestedProcedure.objects.filter(
        Q(code__in=codes) | Q(procedure__code__in=codes), order__in=orders, steps__state__in=order_states.WAITING
    )
    ids = set(waiting.values_list("order", flat=True)[:20])
    return Order.objects.get(pk=ids.pop()) if len(ids) == 1 else None


def _device_at(location: str, incoming: Incoming) -> Device | None:
    """The only active device that a location names: by AE title, name or room."""
    meant = incoming.mapping.meaning("location", location)
    named = Q(ae_title__iexact=meant) | Q(name__iexact=meant) | Q(room__iexact=meant)
    devices = list(Device.objects.filter(named, active=True)[:2]) if meant else []
    return devices[0] if len(devices) == 1 else None


def _booked(sch: Segment, incoming: Incoming) -> list[Procedure]:
    """A procedure for each AIS, with when and where; SCH-11 where AIS says no time."""
    locations = [ail.text(3) or ail.text(3, 4) for ail in incoming.message.all("AIL")]
    services = incoming.message.all("AIS")
    procedures = []
    for number, ais in enumerate(services):
        start = incoming.moment(ais, 4) or incoming.moment(sch, 11, 4)
        start = _later(start, ais, incoming)
        location = locations[number] if number < len(locations) else next(iter(locations), "")
        code = Code(ais.text(3), ais.text(3, 2), ais.text(3, 3))
        device = _device_at(location, incoming)
        step = Step(
            start=start.astimezone(UTC) if start else None,
            location=location[:64],
            station_aes=(device.ae_title,) if device else (),
            station_names=(device.name,) if device and device.name else (),
        )
        steps = (step,) if step != Step() else ()
        procedures.append(Procedure(code=code if code.value else None, steps=steps))
    if not procedures:
        start = incoming.moment(sch, 11, 4)
        procedures = [Procedure(steps=(Step(start=start.astimezone(UTC)),))] if start else []
    return procedures


def _later(start: datetime | None, ais: Segment, incoming: Incoming) -> datetime | None:
    """``start`` and the offset of AIS-5, minutes; an unreadable one is warned about and counts as not said."""
    offset = number_or_none(ais.text(5), most=MOST_OFFSET)
    if ais.text(5) and offset is None:
        incoming.warn(f"{ais.place(5)} is not a number of minutes; ignored.")
    return start + timedelta(minutes=offset) if start and offset else start
