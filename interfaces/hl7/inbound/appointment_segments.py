"""SCH, AIS, AIL, AIG, AIP and TQ1 → what is said of an appointment, and of the steps that it books (HL7 chapter 10)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from django.db.models import Q

from ris.catalog.models import Device
from ris.kernel.errors import Invalid
from ris.kernel.values import number_or_none
from ris.orders import states as order_states
from ris.orders.intents import Code
from ris.orders.services.appointments import AppointmentIntent
from ris.patients.models import Patient

from ..v2.parser import Segment
from .context import Incoming
from .orders.statements import Procedure, Step
from .patients import person_name

CALLED_OFF = frozenset({order_states.CANCELLED, order_states.NO_SHOW, order_states.BLOCKED})
"""States in which nobody is expected: the order waits, off the scanner's list."""
_BY_EVENT = {
    "S12": order_states.BOOKED, "S13": order_states.MOVED, "S15": order_states.CANCELLED,
    "S16": order_states.CANCELLED, "S17": order_states.CANCELLED, "S26": order_states.NO_SHOW,
}  # fmt: skip
_BY_STATUS = {
    "CANCELLED": order_states.CANCELLED, "CANCELED": order_states.CANCELLED, "DELETED": order_states.CANCELLED,
    "DC": order_states.CANCELLED, "BLOCKED": order_states.BLOCKED, "NOSHOW": order_states.NO_SHOW,
    "NO-SHOW": order_states.NO_SHOW,
}  # fmt: skip
"""SCH-25, filler status (table 0278); it wins over the event: S14 tells of every change."""
MOST_OFFSET = 7 * 24 * 60
"""Minutes; a service of one appointment does not begin later than that after it."""
_MINUTES = {"": 1.0, "MIN": 1.0, "M": 1.0, "MINUTES": 1.0, "S": 1 / 60, "SEC": 1 / 60, "H": 60.0, "HR": 60.0}
_MOST_MINUTES = 7 * 24 * 60


def read_appointment(incoming: Incoming, patient: Patient) -> AppointmentIntent:
    """Return what the message says of its appointment. Raises Invalid without SCH."""
    sch = incoming.message.first("SCH")
    if sch is None:
        raise Invalid("An appointment message needs SCH.", at="SCH", code="100")
    ais = incoming.message.first("AIS")
    resources = _resources(incoming)
    start = (incoming.moment(ais, 4) if ais else None) or _appointment_start(sch, incoming)
    if ais is not None and not ais.has(4):
        start = _later(start, ais, incoming)
    return AppointmentIntent(
        patient_id=patient.pk,
        site_id=incoming.site.pk,
        source=incoming.peer.name,
        said_at=incoming.message_at.astimezone(UTC),
        state=_BY_STATUS.get(sch.text(25).upper(), _BY_EVENT.get(incoming.header.event, "")),
        placer_number=sch.text(1)[:64],
        placer_authority=sch.text(1, 2)[:64],
        filler_number=sch.text(2)[:64],
        filler_authority=sch.text(2, 2)[:64],
        order_numbers=tuple(number[:64] for field in (26, 27) if (number := sch.text(field))),
        services=_services(sch, incoming),
        resources=tuple(text for text, _ in resources),
        device_id=next((device.pk for _, device in resources if device), None),
        start=start.astimezone(UTC) if start else None,
        minutes=_minutes(sch, ais),
        reason=sch.whole(6)[:250] or "; ".join(n.whole(3) for n in incoming.message.all("NTE"))[:250],
    )


def _services(sch: Segment, incoming: Incoming) -> tuple[Code, ...]:
    """AIS-3 of each service; where there is none SCH-7 (reason) and SCH-8 (type)."""
    segments = [(ais, 3) for ais in incoming.message.all("AIS") if ais.has(3)] or [(sch, 7), (sch, 8)]
    codes = [
        Code(segment.text(field)[:64], segment.text(field, 2)[:200], segment.text(field, 3)[:64])
        for segment, field in segments
    ]
    return tuple(dict.fromkeys(code for code in codes if code.value or code.text))


def _resources(incoming: Incoming) -> list[tuple[str, Device | None]]:
    """Rooms (AIL-3), equipment (AIG-3) and people (AIP-3) as texts, each with the device that it names here."""
    rows: list[tuple[str, Device | None]] = []
    for ail in incoming.message.all("AIL"):
        place = ail.text(3) or ail.text(3, 4)
        rows.append((ail.whole(3)[:120], device_at(place, incoming) or device_at(ail.text(3, 2), incoming)))
    for aig in incoming.message.all("AIG"):
        rows.append((aig.whole(3)[:120], device_at(aig.text(3), incoming) or device_at(aig.text(3, 2), incoming)))
    rows += [(person_name(aip, 3, 2).replace("^", ", ") or aip.text(3), None) for aip in incoming.message.all("AIP")]
    return [(text, device) for text, device in rows if text]


def device_at(location: str, incoming: Incoming) -> Device | None:
    """Return the only active device that a location names: by AE title, name or room."""
    meant = incoming.mapping.meaning("location", location)
    named = Q(ae_title__iexact=meant) | Q(name__iexact=meant) | Q(room__iexact=meant)
    devices = list(Device.objects.filter(named, active=True)[:2]) if meant else []
    return devices[0] if len(devices) == 1 else None


def read_booked(incoming: Incoming) -> list[Procedure]:
    """Return a procedure for each AIS, with when and where; the appointment's start where AIS says no time."""
    sch = incoming.message.first("SCH")
    if sch is None:
        return []
    locations = [ail.text(3) or ail.text(3, 4) for ail in incoming.message.all("AIL")]
    equipment = next((device for _, device in _resources(incoming) if device), None)
    procedures = []
    for number, ais in enumerate(incoming.message.all("AIS")):
        start = incoming.moment(ais, 4) or _later(_appointment_start(sch, incoming), ais, incoming)
        location = locations[number] if number < len(locations) else next(iter(locations), "")
        code = Code(ais.text(3), ais.text(3, 2), ais.text(3, 3))
        device = device_at(location, incoming) or equipment
        if location and device is None:
            incoming.warn(f"AIL-3 “{location[:64]}” is the AE title, name or room of no device; kept as the place.")
        step = Step(
            start=start.astimezone(UTC) if start else None,
            location=location[:64],
            station_aes=(device.ae_title,) if device else (),
            station_names=(device.name,) if device and device.name else (),
        )
        procedures.append(Procedure(code=code if code.value else None, steps=(step,) if step != Step() else ()))
    if not procedures:
        start = _appointment_start(sch, incoming)
        procedures = [Procedure(steps=(Step(start=start.astimezone(UTC)),))] if start else []
    return procedures


def _appointment_start(sch: Segment, incoming: Incoming) -> datetime | None:
    """SCH-11.4, else TQ1-7 (2.5 and later), else SCH-10.4 or AIS-5 of senders whose fields are one off."""
    tq1, ais = incoming.message.first("TQ1"), incoming.message.first("AIS")
    start = incoming.moment(sch, 11, 4) or (incoming.moment(tq1, 7) if tq1 else None)
    if start is not None:
        return start
    shifted = [(sch, 10, 4), *([(ais, 5, 1)] if ais else [])]
    for segment, field, component in shifted:
        text = segment.text(field, component)
        if _MOMENT.fullmatch(text) and (start := incoming.moment(segment, field, component)):
            incoming.warn(f"{segment.place(field)} holds a time, as its fields are one off; taken as the start.")
            return start
    return None


# A time of day at least: a duration or an offset never has so many digits.
_MOMENT = re.compile(r"(19|20)\d{10}.*")


def _later(start: datetime | None, ais: Segment, incoming: Incoming) -> datetime | None:
    """``start`` and the offset of AIS-5, minutes; an unreadable one is warned about and counts as not said."""
    offset = number_or_none(ais.text(5), most=MOST_OFFSET)
    if ais.text(5) and offset is None and not _MOMENT.fullmatch(ais.text(5)):
        incoming.warn(f"{ais.place(5)} is not a number of minutes; ignored.")
    return start + timedelta(minutes=offset) if start and offset else start


def _minutes(sch: Segment, ais: Segment | None) -> int | None:
    """AIS-7, else SCH-9, in minutes by AIS-8 or SCH-10; None where neither is a duration."""
    for segment, field, units in ((ais, 7, 8), (sch, 9, 10)):
        value = number_or_none(segment.text(field), most=_MOST_MINUTES * 60) if segment else None
        factor = _MINUTES.get(segment.text(units).upper()) if segment else None
        if value and factor:
            return min(max(round(value * factor), 1), _MOST_MINUTES)
    return None
