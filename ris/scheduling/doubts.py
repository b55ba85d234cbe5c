"""What of the calendar speaks against a booking: closed, kept for others, held by somebody, not done on that device."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from ris.catalog.models import Device, DeviceProcedure, Site
from ris.orders.intents import Code
from ris.orders.selectors_booking import Booking, Doubt, ask_also
from ris.orders.selectors_catalog import find_catalog_procedure

from .models import Hold
from .selectors.openings import openings_of


@ask_also
def find_calendar_doubts(booking: Booking, site: Site, user_id: int | None, at: datetime) -> list[Doubt]:
    """Each firm: only who may overbook gets past it."""
    device = booking.device
    if device is None:
        return []
    texts = [*_find_not_offered(booking, device), *_find_closed(booking, device, at)]
    end = booking.start + timedelta(minutes=booking.minutes)
    held = Hold.objects.filter(device=device, start__lt=end, until__gt=booking.start, expires_at__gt=at)
    if held.exclude(holder=user_id).exists():
        texts.append(f"Somebody is booking {device.ae_title} for that time at this moment.")
    return [Doubt(text, firm=True) for text in texts]


def _find_not_offered(booking: Booking, device: Device) -> Iterator[str]:
    code = booking.code.upper()
    if DeviceProcedure.objects.filter(device=device, procedure__code__iexact=code, offered=False).exists():
        yield f"{device.ae_title} does not do this procedure."


def _find_closed(booking: Booking, device: Device, at: datetime) -> Iterator[str]:
    openings = openings_of(device)
    start, end = booking.start, booking.start + timedelta(minutes=booking.minutes)
    # Somebody who is treated now is treated, whatever the hours are: only what is booked ahead is asked about.
    if start > at + timedelta(minutes=30) and not any(
        interval.start <= start and end <= interval.end for interval in openings.open_intervals(start, end)
    ):
        yield f"{device.ae_title} is not open then."
    for shut in openings.shut:
        if shut.interval.overlaps(start, end):
            yield f"{device.ae_title} is closed then: {shut.reason}."
    procedure = find_catalog_procedure(Code(booking.code)) if openings.kept else None
    for kept, interval in openings.kept_intervals(start, end):
        takes = kept.takes(procedure.pk if procedure else None, urgent=False)
        if not takes and not kept.is_released(interval.start, at):
            yield f"{device.ae_title} is kept then for: {kept.name}."
