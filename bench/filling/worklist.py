"""A database for the worklist's benches: a national day's worth of open cases, and readers on shift."""

from __future__ import annotations

import os
import random
import sys
import tempfile
import uuid
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))


def start_django() -> None:
    """The product's settings on the database of DATABASE_URL (which must be empty), else on a new SQLite file."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ris.settings")
    if not os.environ.get("RIS_DATA"):
        os.environ["RIS_DATA"] = tempfile.mkdtemp(prefix="wetread-bench-")
    import django

    django.setup()


def migrate() -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


POOLS = ("neuro", "chest", "abdomen", "bone", "women", "paediatric", "nuclear")
MODALITIES = ("CT", "MR", "XR", "US", "MG", "NM")


def make_house(readers: int, sites: int = 20) -> list[Any]:
    """Sites, subspecialties, one procedure of each, and readers who are on shift round the clock."""
    from django.contrib.auth.models import Group
    from guardian.shortcuts import assign_perm

    from ris.catalog.models import Procedure, Site, Subspecialty
    from ris.people.models import User
    from ris.people.roles import Role
    from worklist.models import ReaderProfile, Shift, Skill

    places = [
        Site.objects.create(code=f"s{n}", name=f"Site {n}", accession_prefix=f"S{n}", assigning_authority=f"S{n}")
        for n in range(sites)
    ]
    pools = [Subspecialty.objects.create(code=code, name=code.title()) for code in POOLS]
    for pool in pools:
        Procedure.objects.create(
            code=f"X{pool.code}", name=f"Exam, {pool.name}", modality="CT", body_region="CHEST", subspecialty=pool,
            minutes=15, reading_minutes=6, rvu=1,
        )  # fmt: skip
    group = Group.objects.get_or_create(name=Role.RADIOLOGIST.value)[0]
    everybody = Group.objects.create(name="bench")
    for place in places:
        assign_perm("catalog.work_at", everybody, place)
    users = [User.objects.create(username=f"reader{n}") for n in range(readers)]
    for n, user in enumerate(users):
        user.groups.add(group, everybody)
        ReaderProfile.objects.create(user=user, most_claims=30000, most_minutes=30000)
        Shift.objects.create(
            reader=user, name="All day", zone="UTC", first_day=date(2026, 1, 1), start_time=time(0), end_time=time(0),
            rrule="FREQ=DAILY", uid=uuid.uuid4().hex,
        )  # fmt: skip
        for level, pool in ((1, n % 7), (1, (n + 3) % 7), (2, (n + 1) % 7), (2, (n + 5) % 7)):
            Skill.objects.create(reader=user, subspecialty=pools[pool], level=level)
    return users


def make_items(number: int, at: datetime, seed: int = 1) -> None:
    """Open cases of all classes and ages, placed as production places them; a few thousand are late."""
    from django.db import connection

    from ris.catalog.models import Procedure, Site
    from ris.orders.models import Order, RequestedProcedure
    from ris.patients.models import Patient
    from worklist.models import Lane, ReadingItem
    from worklist.rules.policy import PRESET
    from worklist.rules.score import CLASS_SLA, SLOPE, Case, place, reach_of

    dice = random.Random(seed)
    sites, kinds = list(Site.objects.all()), list(Procedure.objects.select_related("subspecialty"))
    patient = Patient.objects.create(family_name="ZZTEST", given_name="Bench")
    lanes: set[int] = set()
    for begin in range(0, number, 5000):
        size = min(5000, number - begin)
        orders = Order.objects.bulk_create(
            Order(
                site=dice.choice(sites), patient=patient, accession=f"B{begin + n:09}", placed_at=at, source="bench",
                state="active", priority="ROUTINE",
            )
            for n in range(size)
        )  # fmt: skip
        procedures = RequestedProcedure.objects.bulk_create(
            RequestedProcedure(
                order=order, state="active", number="1", study_uid=f"2.25.{uuid.uuid4().int}", code="X",
                modality=dice.choice(MODALITIES), procedure=dice.choice(kinds),
            )
            for order in orders
        )  # fmt: skip
        items = []
        for order, procedure in zip(orders, procedures, strict=True):
            urgency = dice.choices([1, 2, 3, 4, 5], [0.2, 4, 2, 10, 84])[0]
            sla = CLASS_SLA[urgency]
            opened = at - timedelta(minutes=dice.uniform(0, sla * 1.04))
            minutes = round(dice.lognormvariate(1.5, 0.7), 1)
            due = opened + timedelta(minutes=sla)
            where = place(Case(PRESET.class_points(urgency), minutes, due, sla), at)
            lanes.add(where.lane)
            pool = procedure.procedure.subspecialty_id
            items.append(
                ReadingItem(
                    procedure=procedure, state="unread", accession=order.accession, site_id=order.site_id,
                    modality=procedure.modality, region="CHEST", subspecialty_id=pool, pool=pool, urgency=urgency,
                    reading_minutes=minutes, opened_at=opened, due_at=due, sla_minutes=sla,
                    weight=PRESET.class_points(urgency), lane=where.lane, rank=where.rank, slope=where.slope,
                    turns_at=where.turns_at,
                )
            )  # fmt: skip
        ReadingItem.objects.bulk_create(items)
    Lane.objects.bulk_create(
        [Lane(number=lane, reach=reach_of(lane), slope=SLOPE) for lane in lanes], ignore_conflicts=True
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def percentiles(values: list[float]) -> str:
    """``p50 1.2 ms, p95 3.4 ms`` of seconds."""
    ordered = sorted(values)
    return f"p50 {1000 * ordered[len(ordered) // 2]:6.2f} ms  p95 {1000 * ordered[int(len(ordered) * 0.95)]:7.2f} ms"
