"""A day of the demo hospital, played through the real ports at a chosen speed.

Orders come by HL7, patients arrive by the desk's API, scanners ask for their
worklist and report what they do by MPPS. Nothing here touches the database.
"""

from __future__ import annotations

import heapq
import http.client
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from ris.demo.scanner import Scanner

from .emr import DemoOrder, DemoPatients, order_message, send
from .exams import choose, reason_for
from .hospital import DEVICES

HOURS = [1.2, 1, 1, 1, 1.8, 2.6, 3, 4, 6, 7, 8, 8, 7.5, 7, 7, 7, 6, 5, 4.5, 4, 3.5, 3, 2.2, 1.7]
"""Share of the day's orders by hour of the day, in per cent."""
MODALITIES = {"DX": 48, "CT": 24, "US": 13, "MR": 11, "MG": 4}
"""Share of the orders by modality, in per cent."""


@dataclass(frozen=True)
class Ports:
    """Where the system under play listens. ``token`` is a technologist's API token."""

    http: tuple[str, int]
    mllp: tuple[str, int]
    dicom: tuple[str, int]
    ae_title: str
    token: str


@dataclass
class Day:
    """Plays until ``hours`` of the day have passed. One second of ours is ``speed`` seconds of the hospital's."""

    ports: Ports
    speed: float
    per_day: int
    say: Callable[[str], None]
    chance: random.Random = field(default_factory=random.Random)
    _todo: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _ticket: Any = field(default_factory=count)  # breaks ties in the heap, which cannot compare functions
    _clock: float = 0.0

    def __post_init__(self) -> None:
        self.patients = DemoPatients(self.chance)
        self.begin = datetime.now(UTC)
        self.run_id = f"{self.begin:%d%H%M%S}"

    def play(self, hours: float) -> None:
        """Play; returns when the time is over. Raises OSError when a port does not answer."""
        started = time.monotonic()
        self._after(0, self._next_order)
        while self._todo and self._todo[0][0] < hours * 3600:
            due, _, act = heapq.heappop(self._todo)
            time.sleep(max(0.0, due / self.speed - (time.monotonic() - started)))
            self._clock = due
            act()

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._todo, (self._clock + seconds, next(self._ticket), act))

    def _next_order(self) -> None:
        hour = (self.begin + timedelta(seconds=self._clock)).hour
        rate = self.per_day * HOURS[hour] / sum(HOURS) / 3600
        self._after(self.chance.expovariate(rate), self._next_order)  # arrivals of a Poisson process
        order = self._make_order()
        answer = send(self.ports.mllp, order_message(order))
        code = answer.split("MSA|", 1)[-1][:2]
        self.say(f"order   {order.placer_number} {order.procedure['code']} {order.priority} → {code}")
        if code == "AA":
            urgent = order.priority == "STAT"
            self._after(self.chance.uniform(120, 400 if urgent else 2400), lambda: self._arrive(order))

    def _make_order(self) -> DemoOrder:
        modality = self.chance.choices(list(MODALITIES), weights=list(MODALITIES.values()))[0]
        station, _, site, _, _ = self.chance.choice([d for d in DEVICES if d[1] == modality])
        patient_class = self.chance.choices("EIO", weights=[35, 25, 40])[0]
        # PV1-2: emergency, inpatient, outpatient; in each, the shares of STAT, HIGH and ROUTINE in per cent.
        shares = {"E": [55, 25, 20], "I": [15, 25, 60], "O": [1, 4, 95]}[patient_class]
        placer_number = f"DP{self.run_id}{next(self._ticket)}"
        patient_number, procedure = choose(modality, self.patients, self.begin.date())
        return DemoOrder(
            placer_number=placer_number,
            patient_number=patient_number,
            procedure=procedure,
            priority=self.chance.choices(["STAT", "HIGH", "ROUTINE"], weights=shares)[0],
            patient_class=patient_class,
            station_ae=station,
            start=datetime.now().astimezone(),
            site=site.upper(),
            reason=reason_for(procedure, placer_number),
        )

    def _arrive(self, order: DemoOrder) -> None:
        orders = self._api("GET", f"orders/?placer_number={order.placer_number}")["results"]
        for procedure in orders[0]["procedures"]:
            for step in procedure["steps"]:
                self._api("POST", f"steps/{step['id']}/arrive/")
        self.say(f"arrived {order.placer_number}")
        self._after(self.chance.uniform(60, 900), lambda: self._scan(order))

    def _scan(self, order: DemoOrder) -> None:
        scanner = Scanner(order.station_ae, self.ports.dicom, self.ports.ae_title)
        entry = scanner.entry(order.placer_number)
        if entry is None:
            self.say(f"missing {order.placer_number} on the worklist of {order.station_ae}")
            return
        uid = scanner.begin(entry)
        self.say(f"begun   {order.placer_number} on {order.station_ae}")
        self._after(float(order.procedure["minutes"]) * 60, lambda: self._end(scanner, uid, order))

    def _end(self, scanner: Scanner, uid: str, order: DemoOrder) -> None:
        scanner.complete(uid)
        self.say(f"done    {order.placer_number}")

    def _api(self, method: str, path: str) -> Any:
        connection = http.client.HTTPConnection(*self.ports.http, timeout=30)
        try:
            connection.request(method, f"/api/{path}", headers={"Authorization": f"Bearer {self.ports.token}"})
            answer = connection.getresponse()
            if answer.status >= 400:
                raise ConnectionError(f"{method} /api/{path} was answered with {answer.status}")
            return json.load(answer)
        finally:
            connection.close()
