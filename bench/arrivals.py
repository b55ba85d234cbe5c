"""Arrivals of a national day, compressed: from "exam completed" to "suggested to a reader".

    .venv/bin/python bench/arrivals.py [--arrivals 20000] [--minutes 20] [--readers 300]
    DATABASE_URL=postgres://… REDIS_URL=redis://… .venv/bin/python bench/arrivals.py    (an empty database)

On SQLite one process both takes exams in and delivers, as the embedded way does. With DATABASE_URL and REDIS_URL, two
Celery workers and a beat are started, as in a hospital. The arrivals follow a day whose peak hour is three times the
mean, squeezed into the given minutes; if the machine cannot keep up, that is what the p95 shows.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
import uuid
from typing import Any

from filling.worklist import ROOT, make_house, migrate, percentiles, start_django

SHAPE = [1, 1, 1, 1, 1, 2, 3, 5, 8, 9, 9, 9, 9, 9, 9, 8, 6, 4, 3, 3, 2, 2, 1, 1]


def moments(arrivals: int, seconds: float, seed: int = 3) -> list[float]:
    """When each comes, in seconds from the start."""
    dice = random.Random(seed)
    hours = dice.choices(range(24), SHAPE, k=arrivals)
    return sorted((hour + dice.random()) / 24 * seconds for hour in hours)


def make_procedures(number: int) -> list[tuple[int, int, str]]:
    """(procedure, order, accession) of exams that are about to be completed, a patient each."""
    from ris.catalog.models import Procedure, Site
    from ris.kernel.clock import now
    from ris.orders.models import Order, RequestedProcedure
    from ris.patients.models import Patient

    dice, at = random.Random(5), now()
    sites, kinds, found = list(Site.objects.all()), list(Procedure.objects.all()), []
    for begin in range(0, number, 2000):
        size = min(2000, number - begin)
        patients = Patient.objects.bulk_create(Patient(family_name="ZZTEST", given_name="Bench") for _ in range(size))
        orders = Order.objects.bulk_create(
            Order(
                site=dice.choice(sites), patient=patient, accession=f"A{begin + n:09}", placed_at=at, source="bench",
                state="active", priority=dice.choices(["STAT", "HIGH", "ROUTINE"], [15, 10, 75])[0],
            )
            for n, patient in enumerate(patients)
        )  # fmt: skip
        procedures = RequestedProcedure.objects.bulk_create(
            RequestedProcedure(
                order=order, state="active", number="1", study_uid=f"2.25.{uuid.uuid4().int}", code="X",
                modality="CT", procedure=dice.choice(kinds),
            )
            for order in orders
        )  # fmt: skip
        found += [(p.pk, o.pk, o.accession) for p, o in zip(procedures, orders, strict=True)]
    return found


def complete(procedure: tuple[int, int, str]) -> None:
    from django.db import transaction

    from ris.kernel.clock import now
    from ris.kernel.events import emit
    from ris.orders.events import ExamCompleted

    procedure_id, order_id, accession = procedure
    with transaction.atomic():
        emit(ExamCompleted(stream=accession, at=now(), order_id=order_id, procedure_id=procedure_id))


def workers() -> list[subprocess.Popen[bytes]]:
    celery = [sys.executable, "-m", "celery", "-A", "ris"]
    quiet: dict[str, Any] = {"cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    crew = [subprocess.Popen([*celery, "worker", "-c", "1", "-n", f"bench{n}@%h"], **quiet) for n in range(2)]
    schedule = os.path.join(os.environ["RIS_DATA"], "beat")
    return [*crew, subprocess.Popen([*celery, "beat", "-s", schedule], **quiet)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arrivals", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--readers", type=int, default=300)
    said = parser.parse_args()
    start_django()
    from django.db import connection

    from ris.kernel.clock import now
    from ris.kernel.models import Delivery, Record
    from ris.kernel.relay import deliver_owed

    migrate()
    make_house(said.readers)
    exams, due = make_procedures(said.arrivals), moments(said.arrivals, said.minutes * 60)
    served = connection.vendor == "postgresql"
    crew = workers() if served else []
    if crew:
        time.sleep(8)
    try:
        begin = time.monotonic()
        for when, exam in zip(due, exams, strict=True):
            while (wait := begin + when - time.monotonic()) > 0:
                if served:
                    time.sleep(wait)
                elif not deliver_owed(at=now(), limit=1):
                    time.sleep(min(wait, 0.002))
            complete(exam)
        offered = time.monotonic() - begin
        while Delivery.objects.filter(state="owed").exists():
            if served:
                time.sleep(0.2)
            else:
                deliver_owed(at=now())
        took = time.monotonic() - begin
    finally:
        for one in crew:
            one.terminate()
        for one in crew:
            one.wait()
    opened = dict(Record.objects.filter(kind="ExamCompleted").values_list("stream", "written_at"))
    given = dict(Record.objects.filter(kind="ItemAssigned").order_by("-pk").values_list("stream", "written_at"))
    delays = [(given[key] - opened[key]).total_seconds() for key in opened if key in given]
    print(
        f"{connection.vendor}, {'two workers and a beat' if served else 'one process'}, {said.readers} readers: "
        f"{len(opened)} arrivals in {offered:.0f} s, all done after {took:.0f} s ({len(opened) / took:.1f}/s)"
    )
    print(f"  event → suggested: {percentiles(delays)}  ({len(delays)} of {len(opened)} suggested)")


if __name__ == "__main__":
    main()
