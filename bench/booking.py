"""Double bookings under a race: 64 threads, each for the same slots in its own order; the database is the judge.

    python bench/booking.py [slots]         (default 1000; an empty database named by DATABASE_URL or RIS_DATA)

Prints how many were booked, refused and broken, how long it took, and the overlaps that a self-join finds: 0 is right.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ris.settings")

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from ris.kernel.clock import now  # noqa: E402
from ris.kernel.errors import Conflict  # noqa: E402
from ris.orders.intents import Code, OrderIntent, ProcedureIntent, StepIntent  # noqa: E402
from ris.orders.services import book_order  # noqa: E402
from tests.factories import TESTER, DeviceFactory, PatientFactory, ProcedureFactory, SiteFactory  # noqa: E402
from tests.racing import race  # noqa: E402

OVERLAPS = """
SELECT count(*) FROM orders_scheduledstep a JOIN orders_scheduledstep b ON a.device_id = b.device_id AND a.id < b.id
WHERE a.start < b.reserved_until AND b.start < a.reserved_until
"""


def main() -> None:
    """Race, then judge."""
    slots = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    call_command("migrate", verbosity=0)
    site, at = SiteFactory(), now()
    DeviceFactory(site=site)
    ProcedureFactory()
    first = (at + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    patients = [PatientFactory().pk for _ in range(64)]

    def run(runner: int) -> Counter[str]:
        order, outcomes = list(range(slots)), Counter[str]()
        random.Random(runner).shuffle(order)
        for slot in order:
            step = StepIntent(start=first + timedelta(minutes=15 * slot), station_aes=("CT1",))
            procedure = ProcedureIntent(code=Code("CTHEADWO", "CT head", "L"), steps=(step,))
            intent = OrderIntent(site_id=site.pk, patient_id=patients[runner], source="desk", procedures=(procedure,))
            try:
                book_order(intent, confirmed=True, actor=TESTER, at=at)
                outcomes["booked"] += 1
            except Conflict:
                outcomes["refused"] += 1
        return outcomes

    begun = time.perf_counter()
    outcomes = race(64, run)
    took = time.perf_counter() - begun
    broken = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    total = sum((outcome for outcome in outcomes if isinstance(outcome, Counter)), Counter[str]())
    with connection.cursor() as cursor:
        cursor.execute(OVERLAPS)
        overlaps = cursor.fetchone()[0]
    print(f"{slots} slots, 64 racers, {took:.1f} s: {dict(total)}, {len(broken)} broken, {overlaps} overlaps")
    for error in broken[:3]:
        print(type(error).__name__, error)


if __name__ == "__main__":
    main()
