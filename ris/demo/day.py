"""What the demo hospital has done and booked when somebody comes to look: reports, cases that wait, appointments."""

from __future__ import annotations

import contextlib
import random
import tomllib
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from reporting import services as reporting
from reporting.critical.services import acknowledge_finding
from reporting.models import CriticalFinding
from ris.audit.services import Actor
from ris.kernel.errors import Refusal
from ris.kernel.relay import deliver_owed
from ris.orders import services as orders
from ris.orders import states
from ris.orders.models import Order, ScheduledStep
from ris.people.models import User
from ris.people.practitioners.models import Practitioner
from ris.people.practitioners.services import link_account
from worklist import services as worklist

from .emr import DemoOrder, DemoPatients
from .exams import choose, procedure_of, reason_for
from .hospital import DEVICES, ZONE
from .placing import DEMO, EMR, Text, perform, place, sign

STORIES = Path(__file__).with_name("stories.toml")
PERIODS = {
    "MR": (time(7, 30), 45),
    "US": (time(8), 45),
    "MG": (time(9), 60),
    "CT": (time(8, 20), 75),
    "DX": (time(8), 60),
}
"""Modality, its first appointment, and minutes from one to the next."""
LAST = time(16, 30)
DAYS_AHEAD = 3
WAITING = (("CT1", 52, "STAT"), ("XR1", 170, "ROUTINE"), ("CT2", 140, "HIGH"), ("CT1", 95, "ROUTINE"),
           ("XR1", 44, "ROUTINE"), ("MR1", 80, "ROUTINE"), ("XR1", 12, "HIGH"), ("US1", 33, "ROUTINE"))  # fmt: skip
"""Exams that wait to be read at the first start: device, minutes since the end, priority."""


def fill_day(at: datetime) -> int:
    """Bring the demo to this day; what is there already stays. Returns how many orders were placed.

    An empty hospital gets yesterday's reports and this morning's cases. Every day gets its appointments, and those of
    the days after it; who did not come for an earlier one is taken off the list.
    """
    before = Order.objects.count()
    if not before:
        _report_yesterday(at)
        _let_wait(at)
    _call_off(at)
    today = at.astimezone(ZoneInfo(ZONE)).date()
    for ahead in range(DAYS_AHEAD):
        _book(today + timedelta(days=ahead), at)
    while deliver_owed(at=at):
        pass
    return Order.objects.count() - before


def _report_yesterday(at: datetime) -> None:
    stories = tomllib.loads(STORIES.read_text(encoding="utf-8"))["story"]
    for number, story in enumerate(stories):
        _report(number, story, at)
    entry, referrer = Practitioner.objects.filter(numbers__number="DR9"), User.objects.filter(username="referrer")
    if entry.exists() and referrer.exists():
        link_account(entry.get().pk, referrer.get().pk, actor=DEMO, at=at)


def _report(number: int, story: dict[str, Any], at: datetime) -> None:
    ended = at - timedelta(hours=story["ago"])
    began, signed = ended - timedelta(minutes=14), ended + timedelta(minutes=17)
    order = place(_order(f"DAY-S{number}", story["station"], story["patient"], story["code"], began, story), at=began)
    item, reader = perform(order, began=began, ended=ended), User.objects.get(username=story["reader"])
    worklist.claim(item.pk, reader=reader, actor=Actor.of_user(reader), at=signed - timedelta(minutes=6))
    text = Text(story["findings"], story["impression"], story.get("critical", ""), story.get("finding", ""))
    version = sign(item.pk, reader, text, at=signed)
    if "addendum" in story:
        later = signed + timedelta(minutes=70)
        reporting.add_addendum(
            version.report_id, reader=reader, text=story["addendum"], actor=Actor.of_user(reader), at=later
        )
    if "told" in story:
        told = signed + timedelta(minutes=9)
        loop = CriticalFinding.objects.get(report=version.report_id)
        acknowledge_finding(
            loop.pk, by=None, name="Rita Demo-Referrer", how="record", received_at=told, actor=Actor.of_user(reader),
            at=told,
        )  # fmt: skip


def _order(number: str, station: str, patient: str, code: str, start: datetime, said: dict[str, Any]) -> DemoOrder:
    site = next(device[2] for device in DEVICES if device[0] == station)
    return DemoOrder(
        placer_number=number, patient_number=patient, procedure=procedure_of(code), site=site.upper(),
        priority=said.get("priority", "ROUTINE"), patient_class=said.get("class", "O"), station_ae=station, start=start,
        reason=said["reason"],
    )  # fmt: skip


def _choose(number: str, station: str, start: datetime, priority: str = "ROUTINE") -> DemoOrder:
    """An exam that is made up by its number: the same each time."""
    modality = next(device[1] for device in DEVICES if device[0] == station)
    patient, procedure = choose(modality, DemoPatients(random.Random(number)), start.date())
    patient_class = "O" if priority == "ROUTINE" else "E"
    said = {"priority": priority, "class": patient_class, "reason": reason_for(procedure, number)}
    return _order(number, station, patient, procedure["code"], start, said)


def _let_wait(at: datetime) -> None:
    for number, (station, minutes, priority) in enumerate(WAITING):
        ended = at - timedelta(minutes=minutes)
        began = ended - timedelta(minutes=12)
        order = place(_choose(f"DAY-W{number}", station, began, priority), at=began - timedelta(minutes=20))
        perform(order, began=began, ended=ended)


def _call_off(at: datetime) -> None:
    """Who has not come twelve hours after the time of the appointment does not come."""
    late = ScheduledStep.objects.filter(
        state__in=states.WAITING, start__lt=at - timedelta(hours=12), procedure__order__placer_authority=EMR,
        procedure__order__placer_number__startswith="DAY-",
    )  # fmt: skip
    for order_id in late.values_list("procedure__order", flat=True).distinct():
        orders.cancel_order(order_id, reason="The patient did not come", actor=DEMO, at=at)


def _book(day: date, at: datetime) -> None:
    """The day's appointments; none on devices that are closed on it, or in the past."""
    begin = f"DAY-{day:%y%m%d}-"
    if Order.objects.filter(placer_authority=EMR, placer_number__startswith=begin).exists():
        return
    for station, modality, *_ in DEVICES:
        if day.weekday() > 4 and modality not in ("CT", "DX"):
            continue
        first, period = PERIODS[modality]
        start, last = (datetime.combine(day, moment, ZoneInfo(ZONE)) for moment in (first, LAST))
        while start < last:
            number = f"{begin}{station}{start:%H%M}"
            if start > at and random.Random(number).random() < 0.8:
                _reserve(_choose(number, station, start), at)
            start += timedelta(minutes=period)


def _reserve(order: DemoOrder, at: datetime) -> None:
    with contextlib.suppress(Refusal):  # the time is blocked, or a person has taken it: people come first
        place(order, at=at, booked=True)
