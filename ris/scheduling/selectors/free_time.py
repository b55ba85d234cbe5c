"""What is free on devices, and by what the rest is taken, as bits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import FloatField, Func

from ris.catalog.models import Device
from ris.orders import states as order_states
from ris.orders.models import ScheduledStep
from ris.orders.selectors_booking import LONGEST_STEP

from ..change_stamps import openings_stamp
from ..models import Hold
from ..rules.bitmaps import Grid
from .openings import Openings, open_bits, openings_of

CLOSED, BOOKED, HELD = "closed", "booked", "somebody is booking it now"


class EpochSeconds(Func):
    """A moment as seconds since 1970: a float costs the database and Python a tenth of a datetime."""

    output_field = FloatField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="CAST(strftime('%%%%s', %(expressions)s) AS REAL)", **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="EXTRACT(EPOCH FROM %(expressions)s)::float8", **context)


@dataclass
class DeviceTime:
    """One device on a grid: ``free`` bits, and under each cause the bits that it takes, in the order of telling."""

    device: Device
    free: int
    causes: dict[str, int] = field(default_factory=dict)


def read_device_times(
    devices: Iterable[Device],
    grid: Grid,
    *,
    until: datetime,
    procedure_id: int | None,
    urgent: bool,
    user_id: int | None,
    at: datetime,
    without_step: int | None = None,
    taken: Iterable[tuple[int, datetime, datetime]] = (),
) -> list[DeviceTime]:
    """Each device as it is from the grid's beginning ``until`` then; what comes after is told as taken.

    ``without_step``: this step is to be moved, and takes nothing. Holds of the user take nothing either.
    """
    devices = list(devices)
    ids = [device.pk for device in devices]
    booked, held = _read_booked(ids, grid, until, without_step), _read_held(ids, grid, until, user_id, at)
    for device_id, begin, end in taken:
        booked[device_id].append((begin.timestamp(), end.timestamp()))
    window = (1 << max(0, min(grid.bits, grid.floor(until.timestamp())))) - 1
    stamp = openings_stamp()
    times = []
    for device in devices:
        openings = openings_of(device, stamp)
        is_open = open_bits(device, grid, stamp)
        causes = {CLOSED: window & ~is_open}
        for name, spans in _closed_spans(openings, grid, procedure_id, urgent, at).items():
            causes[name] = grid.touched(spans)
        causes[BOOKED] = grid.touched(booked[device.pk])
        if held[device.pk]:
            causes[HELD] = grid.touched(held[device.pk])
        gone = 0
        for bits in causes.values():
            gone |= bits
        times.append(DeviceTime(device, window & ~gone, causes))
    return times


def _closed_spans(
    openings: Openings, grid: Grid, procedure_id: int | None, urgent: bool, at: datetime
) -> dict[str, list[tuple[float, float]]]:
    start, end = grid.moment(0), grid.moment(grid.bits)
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for shut in openings.shut:
        if shut.interval.overlaps(start, end):
            spans[f"closed: {shut.reason}"].append((shut.interval.start.timestamp(), shut.interval.end.timestamp()))
    for kept, interval in openings.kept_intervals(start, end):
        if not kept.takes(procedure_id, urgent=urgent) and not kept.is_released(interval.start, at):
            spans[f"kept for {kept.name}"].append((interval.start.timestamp(), interval.end.timestamp()))
    return spans


def _read_booked(
    ids: list[int], grid: Grid, until: datetime, without_step: int | None
) -> dict[int, list[tuple[float, float]]]:
    rows = ScheduledStep.objects.filter(
        device__in=ids, state__in=[*order_states.WAITING, order_states.STARTED],
        start__gte=grid.moment(0) - LONGEST_STEP, start__lt=until,
    ).exclude(procedure__order__state=order_states.HELD)  # fmt: skip
    if without_step is not None:
        rows = rows.exclude(pk=without_step)
    spans: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for device_id, start, minutes in rows.values_list("device_id", EpochSeconds("start"), "minutes"):
        spans[device_id].append((start, start + minutes * 60))
    return spans


def _read_held(
    ids: list[int], grid: Grid, until: datetime, user_id: int | None, at: datetime
) -> dict[int, list[tuple[float, float]]]:
    rows = Hold.objects.filter(device__in=ids, start__lt=until, until__gt=grid.moment(0), expires_at__gt=at)
    spans: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for hold in rows.exclude(holder=user_id):
        spans[hold.device_id].append((hold.start.timestamp(), hold.until.timestamp()))
    return spans
