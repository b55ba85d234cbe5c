"""How many FHIR reads and searches one process answers a second, on the database of the settings.

    RIS_DATA=/tmp/bench .venv/bin/python bench/fhir.py [--reports 20000] [--rounds 300]         # SQLite
    DATABASE_URL=postgres://… .venv/bin/python bench/fhir.py                                      # an empty database

Fills an empty database of its own with made-up patients, orders, exams and signed reports (four of each patient),
then asks in one process through the whole stack of Django: token, permissions, search, JSON, audit. Ids are drawn at
run time; only answers of 200 count. ``cpu`` is the processor time of this process for one request, which other work
on the machine does not change; ``1 / cpu`` is what a process can answer on a core of its own, not counting HTTP's
server and, on PostgreSQL, the database's processes. HAPI's published figure is 3,058 CRUD requests a second on 8 vCPU,
database included: 380 a vCPU.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ris.settings")
os.environ.setdefault("RIS_DATA", tempfile.mkdtemp(prefix="wetread-bench-"))

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from reporting.models import Report, ReportVersion  # noqa: E402
from ris.audit.services import Actor  # noqa: E402
from ris.catalog.models import Procedure, Site, Subspecialty  # noqa: E402
from ris.orders.models import Order, RequestedProcedure, Study  # noqa: E402
from ris.patients.models import Identifier, Patient  # noqa: E402
from ris.people.models import User  # noqa: E402
from ris.people.roles import Role  # noqa: E402
from ris.people.services import grant, issue_token  # noqa: E402
from worklist.models import ReadingItem  # noqa: E402

HAPI = 380
TODAY = datetime(2026, 3, 10, 12, tzinfo=UTC)
BENCH = Actor.job("bench")
AT_ONCE = 2000


def fill(reports: int) -> str:
    """The house and its reports; returns the token of a radiologist of all sites."""
    sites = [
        Site.objects.create(code=f"s{n}", name=f"Site {n}", accession_prefix=f"S{n}", assigning_authority=f"S{n}")
        for n in range(10)
    ]
    reader = User.objects.create(username="bench", first_name="Ben", last_name="Zztest")
    grant(reader, roles=(Role.RADIOLOGIST,), sites=tuple(sites), actor=BENCH, at=TODAY)
    part = Subspecialty.objects.create(code="body", name="Body")
    kind = Procedure.objects.create(
        code="X",
        name="CT abdomen",
        cpt="74150",
        modality="CT",
        body_region="ABDOMEN",
        subspecialty=part,
        minutes=15,
        reading_minutes=5,
        rvu=1,
    )
    for first in range(0, reports, AT_ONCE):
        _fill_some(range(first, min(first + AT_ONCE, reports)), sites, reader, kind)
    return issue_token(reader, label="bench", actor=BENCH, at=TODAY)


def _fill_some(numbers: range, sites: list[Site], reader: User, kind: Procedure) -> None:
    people = Patient.objects.bulk_create(
        Patient(family_name=f"ZZTEST{n}", given_name="Alpha", sex="F", search_name=f"ZZTEST{n}^ALPHA")
        for n in numbers[::4]
    )
    Identifier.objects.bulk_create(Identifier(patient=one, value=f"M{one.pk}", authority="S0") for one in people)
    moments = {n: TODAY - timedelta(minutes=n) for n in numbers}
    orders = Order.objects.bulk_create(
        Order(
            site=sites[n % 10],
            patient=people[(n - numbers[0]) // 4],
            accession=f"B{n}",
            placed_at=moments[n],
            source="bench",
            state="active",
            filler_number=f"F{n}",
        )
        for n in numbers
    )
    procedures = RequestedProcedure.objects.bulk_create(
        RequestedProcedure(
            order=order,
            state="active",
            number="1",
            study_uid=f"2.25.{order.pk}",
            code="X",
            modality="CT",
            procedure=kind,
        )
        for order in orders
    )
    pairs = list(zip(orders, procedures, strict=True))
    Study.objects.bulk_create(
        Study(study_uid=p.study_uid, procedure=p, first_seen_at=o.placed_at, instances=300) for o, p in pairs
    )
    items = ReadingItem.objects.bulk_create(
        ReadingItem(
            procedure=p,
            accession=o.accession,
            site=o.site,
            modality="CT",
            opened_at=o.placed_at,
            due_at=o.placed_at,
            state="final",
            reader=reader,
        )
        for o, p in pairs
    )
    written = Report.objects.bulk_create(
        Report(procedure=item.procedure, item=item, author=reader, state="final", impression="Normal.")
        for item in items
    )
    ReportVersion.objects.bulk_create(
        ReportVersion(
            report=one,
            number=1,
            kind="final",
            findings="No acute abnormality. " * 20,
            impression="Normal.",
            author=reader,
            signed_at=one.item.opened_at,
            sha256="0" * 64,
        )
        for one in written
    )


def questions(reports: int, dice: random.Random) -> dict[str, Callable[[], str]]:
    """Name → an address, another one each time."""
    patients = list(Patient.objects.values_list("pk", flat=True))
    ids = {model: list(model.objects.values_list("pk", flat=True)) for model in (Report, RequestedProcedure)}
    return {
        "read Patient": lambda: f"Patient/{dice.choice(patients)}",
        "read ServiceRequest": lambda: f"ServiceRequest/{dice.choice(ids[RequestedProcedure])}",
        "read ImagingStudy": lambda: f"ImagingStudy/{dice.choice(ids[RequestedProcedure])}",
        "search Patient by identifier": lambda: f"Patient?identifier=S0|M{dice.choice(patients)}",
        "search DiagnosticReport by patient, category": lambda: (
            f"DiagnosticReport?patient={dice.choice(patients)}&category=LP29684-5"
        ),
        "search ServiceRequest by accession": lambda: f"ServiceRequest?identifier=B{dice.randrange(reports)}",
        "newest 50 ServiceRequests": lambda: "ServiceRequest",
        "newest 50 ImagingStudies": lambda: "ImagingStudy",
        "newest 20 DiagnosticReports": lambda: "DiagnosticReport?_count=20",
    }


def measure(client: Client, ask: Callable[[], str], rounds: int) -> tuple[float, list[float]]:
    """Processor seconds of one request, and the sorted wall times in ms."""
    walls = []
    for _ in range(5):
        client.get(f"/fhir/R4/{ask()}")
    began = time.process_time()
    for _ in range(rounds):
        start = time.perf_counter()
        answer = client.get(f"/fhir/R4/{ask()}")
        walls.append((time.perf_counter() - start) * 1000)
        assert answer.status_code == 200, answer.content[:300]
    return (time.process_time() - began) / rounds, sorted(walls)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=300)
    asked = parser.parse_args()
    call_command("migrate", verbosity=0)
    token = fill(asked.reports)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    client = Client(headers={"Authorization": f"Bearer {token}", "Host": "localhost"})
    print(f"{connection.vendor}, {asked.reports:,} reports, {asked.rounds} requests a line")
    print(f"{'':46}{'cpu ms':>8}{'1/cpu':>8}{'/HAPI':>7}{'p50 ms':>9}{'p95 ms':>9}")
    for name, ask in questions(asked.reports, random.Random(7)).items():
        cpu, walls = measure(client, ask, asked.rounds)
        p95 = walls[int(len(walls) * 0.95)]
        rate = 1 / cpu
        print(
            f"{name:46}{cpu * 1000:8.2f}{rate:8.0f}{rate / HAPI:7.2f}{statistics.median(walls):9.1f}{p95:9.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
