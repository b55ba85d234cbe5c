"""How long the next free time takes: 60 devices, 120,000 bookings over a year, as a hospital that is nearly full.

    python bench/slots.py [bookings]        (default 120000; an empty database named by DATABASE_URL or RIS_DATA)

Prints median, p95 and worst of 200 questions for one exam (on the devices of its modality, and on all 60) and for
three of one visit. The aim is p95 <= 100 ms.
"""

from __future__ import annotations

import os
import random
import sys
import time as clock
from datetime import datetime, time, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ris.settings")

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from ris.catalog.models import Device, Procedure  # noqa: E402
from ris.kernel.clock import now  # noqa: E402
from ris.orders.models import ScheduledStep  # noqa: E402
from ris.scheduling.models import OpeningHours  # noqa: E402
from ris.scheduling.selectors.slots import SlotQuestion, find_slots  # noqa: E402
from tests.factories import DeviceFactory, ProcedureFactory, SiteFactory, make_order  # noqa: E402

MODALITIES = ("CT", "MR", "US", "DX", "MG", "NM")


def build(bookings: int, at: datetime) -> None:
    """Devices of six modalities, open 7 to 19, and that many bookings of 20 minutes, the next weeks the fullest."""
    site, dice = SiteFactory(), random.Random(3)
    for modality in MODALITIES:
        ProcedureFactory(code=f"P{modality}", modality=modality, minutes=20)
        for number in range(10):
            device = DeviceFactory(ae_title=f"{modality}{number}", modality=modality, site=site)
            for weekday in range(7):
                OpeningHours.objects.create(device=device, weekday=weekday, opens=time(7), closes=time(19))
    requested = make_order(site=site, at=at - timedelta(days=2)).procedures.get()
    devices = list(Device.objects.filter(ae_title__in=[f"{m}{n}" for m in MODALITIES for n in range(10)]))
    rows, first = [], at.replace(hour=12, minute=0, second=0, microsecond=0)
    for number in range(bookings):
        device = devices[number % 60]
        place = number // 60  # 36 a day, in their order, one in twelve left out
        day, turn = divmod(place, 33)
        start = first + timedelta(days=day % 365, minutes=20 * (turn + dice.randint(0, 2)))
        rows.append(ScheduledStep(procedure=requested, number=f"B{number}", state="scheduled", modality=device.modality,
                                  device=device, station_aes=[device.ae_title], start=start, minutes=20))  # fmt: skip
    ScheduledStep.objects.bulk_create(rows, batch_size=2000)


def measure(label: str, questions: list[SlotQuestion], at: datetime) -> None:
    """Ask each and print how long it took."""
    took = []
    for question in questions:
        begun = clock.perf_counter()
        answer = find_slots(question, at=at)
        took.append((clock.perf_counter() - begun) * 1000)
        assert answer.visits, "nothing found"
    took.sort()
    print(
        f"{label}: median {took[len(took) // 2]:.1f} ms, p95 {took[int(len(took) * 0.95)]:.1f} ms,"
        f" worst {took[-1]:.1f} ms"
    )


def main() -> None:
    """Build, then ask."""
    call_command("migrate", verbosity=0)
    at, dice = now(), random.Random(5)
    if not Device.objects.exists():
        build(int(sys.argv[1]) if len(sys.argv) > 1 else 120_000, at)
    known = {p.modality: p for p in Procedure.objects.filter(code__startswith="P")}
    site_ids = frozenset({SiteFactory().pk})

    def ask(*modalities: str) -> SlotQuestion:
        earliest = at + timedelta(days=dice.randint(0, 60))
        return SlotQuestion(procedures=tuple(known[m] for m in modalities), site_ids=site_ids, earliest=earliest,
                            latest=at + timedelta(days=365))  # fmt: skip

    measure("one exam, ten devices", [ask(dice.choice(MODALITIES)) for _ in range(200)], at)
    measure("three exams, thirty devices", [ask("US", "CT", "MR") for _ in range(100)], at)
    Device.objects.filter(ae_title__regex="^(CT|MR|US|DX|MG|NM)[0-9]$").update(modality="CT")
    measure("one exam, sixty devices", [ask("CT") for _ in range(100)], at)


if __name__ == "__main__":
    main()
