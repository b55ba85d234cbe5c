"""The demo hospital at work: a few moves every few seconds, by the doors that real senders use.

Orders come by HL7, scanners ask for their worklist and report by MPPS, the desk and the readers use the services of
their pages. What has to be done next is read from the database, so a restart goes on where it was. It touches nothing
but its own orders, and places none while enough cases wait.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet

from ris.audit.services import Actor
from ris.kernel.errors import Refusal
from ris.orders import services as orders
from ris.orders import states
from ris.orders.models import Order, PerformedStep, ScheduledStep
from ris.people.models import User
from worklist import services as worklist
from worklist.models import ReadingItem
from worklist.states import UNREAD

from .emr import DemoOrder, DemoPatients, order_message, send
from .exams import choose, reason_for
from .hospital import DEVICES, READERS
from .placing import DEMO, EMR, Text, sign
from .scanner import Scanner

MOST_WAITING = 24
"""Unread cases with which no new order is placed."""
MOST_A_DAY = 400
FEW_WAITING = 12
"""Unread cases that are left to who looks; the demo's own readers read what is more."""
OPEN_ALWAYS = [device for device in DEVICES if device[1] in ("CT", "DX")]
READERS_AT_WORK = [name for name, *_ in READERS[3:]]
"""Not those whom the log-in page offers."""
NORMAL = Text("No acute abnormality. Made-up text of the demo hospital.", "No acute abnormality.")


@dataclass
class Life:
    """``speed``: how many times faster than usual patients come, exams last and readers read."""

    speed: float = 1.0
    say: Callable[[str], None] = lambda line: None
    chance: random.Random = field(default_factory=lambda: random.Random("life"))
    _next_order: datetime | None = None
    _reading: dict[int, tuple[User, datetime]] = field(default_factory=dict)

    def move(self, at: datetime) -> None:
        """Do what is due. Raises OSError or DimseFailure when a port does not answer."""
        self._order(at)
        self._arrive(at)
        self._begin(at)
        self._end(at)
        self._claim(at)
        self._sign(at)

    def _after(self, at: datetime, seconds: float) -> datetime:
        return at + timedelta(seconds=seconds / self.speed)

    def _order(self, at: datetime) -> None:
        if self._next_order and at < self._next_order:
            return
        self._next_order = self._after(at, self.chance.uniform(12, 35))
        today = f"LIVE-{at:%y%m%d}-"
        placed = Order.objects.filter(placer_authority=EMR, placer_number__startswith=today).count()
        if placed >= MOST_A_DAY or _unread().count() >= MOST_WAITING:
            return
        station, modality, site, *_ = self.chance.choice(OPEN_ALWAYS)
        patient, procedure = choose(modality, DemoPatients(self.chance), at.date())
        patient_class = self.chance.choices("EIO", weights=[45, 30, 25])[0]
        shares = {"E": [40, 30, 30], "I": [10, 25, 65], "O": [1, 4, 95]}[patient_class]
        order = DemoOrder(
            placer_number=f"{today}{placed:04d}", patient_number=patient, procedure=procedure, site=site.upper(),
            priority=self.chance.choices(["STAT", "HIGH", "ROUTINE"], weights=shares)[0], start=at.astimezone(),
            patient_class=patient_class, station_ae=station, reason=reason_for(procedure, f"{today}{placed}"),
        )  # fmt: skip
        answer = send(settings.RIS.mllp, order_message(order)).split("MSA|", 1)[-1][:2]
        self.say(f"ordered {order.placer_number} {procedure['code']} → {answer}")

    def _arrive(self, at: datetime) -> None:
        due = self._steps(states.SCHEDULED).filter(
            start__range=(at - timedelta(hours=12), self._after(at, -15)), device__isnull=False
        )
        for step in due.order_by("start")[:2]:
            orders.arrive(step.pk, actor=DEMO, at=at)
            self.say(f"arrived {step.procedure.order.placer_number}")

    def _begin(self, at: datetime) -> None:
        busy: set[int | None] = set(ScheduledStep.objects.filter(state=states.STARTED).values_list("device", flat=True))
        due = self._steps(states.ARRIVED).filter(arrived_at__lte=self._after(at, -25)).exclude(device__in=busy)
        for step in due.order_by("arrived_at"):
            if step.device_id in busy:
                continue
            busy.add(step.device_id)
            scanner = _scanner(step.station_aes[0])
            entry = scanner.entry(step.procedure.order.placer_number)
            if entry is not None:
                scanner.begin(entry)
                self.say(f"begun   {step.procedure.order.placer_number}")

    def _end(self, at: datetime) -> None:
        due = PerformedStep.objects.filter(
            state=states.IN_PROGRESS, by_hand=False, started_at__lte=self._after(at, -50),
            steps__in=self._steps(states.STARTED),
        )  # fmt: skip
        for performed in due.distinct():
            _scanner(performed.station_ae).complete(performed.mpps_uid)
            self.say(f"done    {performed.accession}")

    def _claim(self, at: datetime) -> None:
        if len(self._reading) > 1 or _unread().count() <= FEW_WAITING:
            return
        for item in _unread().filter(opened_at__lte=self._after(at, -120)).order_by("opened_at")[:3]:
            reader = User.objects.get(username=self.chance.choice(READERS_AT_WORK))
            try:
                worklist.claim(item.pk, reader=reader, actor=Actor.of_user(reader), at=at)
            except Refusal:  # not theirs, or somebody was faster
                continue
            self._reading[item.pk] = reader, at
            return

    def _sign(self, at: datetime) -> None:
        for item_id, (reader, since) in list(self._reading.items()):
            if since <= self._after(at, -45):
                del self._reading[item_id]
                try:
                    sign(item_id, reader, NORMAL, at=at)
                except Refusal:  # a person took it over
                    continue
                self.say(f"signed  by {reader.username}")

    def _steps(self, state: str) -> QuerySet[ScheduledStep]:
        """The demo's own steps in that state."""
        own = Q(procedure__order__placer_number__startswith="DAY-") | Q(
            procedure__order__placer_number__startswith="LIVE-"
        )
        return ScheduledStep.objects.filter(own, state=state, procedure__order__placer_authority=EMR).select_related(
            "procedure__order"
        )


def _unread() -> QuerySet[ReadingItem]:
    return ReadingItem.objects.filter(state=UNREAD)


def _scanner(ae_title: str) -> Scanner:
    return Scanner(ae_title, settings.RIS.dicom, settings.RIS.ae_title)
