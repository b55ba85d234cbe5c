"""How long a search in a million reports takes, on the database of the settings.

    DATABASE_URL=postgres://… .venv/bin/python bench/report_search.py [--reports 1000000] [--rounds 40]
    RIS_DATA=/tmp/bench .venv/bin/python bench/report_search.py            # SQLite

Fills an empty, migrated database of its own with made-up reports (several minutes), then asks questions of
several kinds as a radiologist of all sites, as one of a single site, and as a referrer. Times are those of the
whole selector: narrowing, ranking, excerpts. Bar: 300 ms at the 95th percentile of each kind.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ris.settings")

import django

django.setup()

from django.db import connection  # noqa: E402
from django.db.models import Model  # noqa: E402

from reporting.models import Report, SearchRow  # noqa: E402
from reporting.search.engines import REBUILD  # noqa: E402
from reporting.search.selectors import read_question, search_reports  # noqa: E402
from reporting.search.terms import language_of, tags_of  # noqa: E402
from ris.audit.services import Actor  # noqa: E402
from ris.catalog.models import Procedure, Site, Subspecialty  # noqa: E402
from ris.orders.models import Order, RequestedProcedure  # noqa: E402
from ris.patients.models import Patient  # noqa: E402
from ris.people.models import User  # noqa: E402
from ris.people.roles import Role  # noqa: E402
from ris.people.selectors import read_permissions_once  # noqa: E402
from ris.people.services import grant  # noqa: E402
from worklist.models import ReadingItem  # noqa: E402

BAR_MS = 300
TODAY = datetime(2026, 3, 10, 12, tzinfo=UTC)
ORGANS = (  # noqa: SIM905
    "liver spleen pancreas kidney lung heart aorta brain femur tibia meniscus ovary uterus prostate bladder"
).split()
FINDINGS = (  # noqa: SIM905
    "cyst nodule mass fracture effusion stenosis edema hemorrhage calcification thrombus abscess metastasis "
    "hernia infarct dissection aneurysm"
).split()
WORDS = (  # noqa: SIM905
    "mild moderate severe small large left right upper lower anterior posterior unchanged new stable chronic acute "
    "focal diffuse normal limits measuring cm mm within without evidence suspicious benign"
).split()
RARE = [f"{a}{b}osis" for a in ["alveo", "bronchi", "chondro", "dermo", "entero", "fibro", "gastro", "hepato"]
        for b in ["calcin", "cyto", "lipo", "myo", "neuro", "osteo", "sclero", "xantho"]]  # fmt: skip
GERMAN = ["Kein Nachweis einer Fraktur. Die Lunge ist frei und nicht gestaut.",
          "Die Leber ist normal groß, ohne Nachweis von Metastasen."]  # fmt: skip
KINDS = {
    "rare word": lambda dice: {"q": dice.choice(RARE)},
    "common word": lambda dice: {"q": dice.choice(["normal", "evidence", "unchanged"])},
    "two words": lambda dice: {"q": f"{dice.choice(ORGANS)} {dice.choice(FINDINGS)}"},
    "phrase": lambda dice: {"q": f'"{dice.choice(ORGANS)} {dice.choice(FINDINGS)}"'},
    "or and not": lambda dice: {"q": f"{dice.choice(FINDINGS)} OR {dice.choice(RARE)} -{dice.choice(ORGANS)}"},
    "beginning": lambda dice: {"q": f"{dice.choice(RARE)[:6]}*"},
    "in the impression": lambda dice: {"q": dice.choice(FINDINGS), "section": "impression"},
    "modality and month": lambda dice: {"q": dice.choice(FINDINGS), "modality": "MR", "since": "2025-06-01",
                                         "until": "2025-06-30"},
    "an author's": lambda dice: {"q": "normal", "author": str(dice.choice(AUTHORS))},
    "missing": lambda dice: {"q": "zzabsent normal"},
}  # fmt: skip
AUTHORS: list[int] = []


def people() -> tuple[list[Site], list[User]]:
    """Ten sites, forty authors who work at all of them, one reader of a single site, one referrer."""
    sites = [Site.objects.create(code=f"s{n}", name=f"Site {n}", accession_prefix=f"S{n}", assigning_authority=f"S{n}")
             for n in range(10)]  # fmt: skip
    actor = Actor.job("bench")
    users = []
    for name, role, at in [*((f"bench{n}", Role.RADIOLOGIST, sites) for n in range(40)),
                           ("single", Role.RADIOLOGIST, sites[:1]), ("referrer", Role.REFERRER, sites)]:  # fmt: skip
        user = User.objects.create(username=name)
        grant(user, roles=(role,), sites=tuple(at), actor=actor, at=TODAY)
        users.append(user)
    return sites, users


def fill(reports: int) -> None:
    """``reports`` signed reports over ten years, newest last, with their orders, items and searched rows."""
    sites, users = people()
    _first_report(sites[0], users[0])
    modality = "CASE n % 4 WHEN 0 THEN 'CT' WHEN 1 THEN 'MR' WHEN 2 THEN 'XR' ELSE 'US' END"
    site = f"{sites[0].pk} + n % 10"
    copy_rows(Order, reports, accession="'B' || n", site_id=site,
              referrer_id=f"CASE WHEN n % 2000 = 0 THEN {users[41].pk} END")  # fmt: skip
    copy_rows(RequestedProcedure, reports, order_id="n", study_uid="'2.25.' || n", modality=modality)
    copy_rows(ReadingItem, reports, procedure_id="n", accession="'B' || n", site_id=site, modality=modality)
    copy_rows(Report, reports, procedure_id="n", item_id="n")
    dice = random.Random(11)
    step = timedelta(days=3650) / reports
    for first in range(1, reports + 1, 2000):
        SearchRow.objects.bulk_create(
            [_row(n, TODAY - step * (reports - n), dice, sites, users)
             for n in range(first, min(first + 2000, reports + 1))], batch_size=2000)  # fmt: skip
        if first % 100_000 == 1:
            print(f"  {first:,}", flush=True)


def _first_report(site: Site, author: User) -> None:
    part = Subspecialty.objects.create(code="body", name="Body")
    kind = Procedure.objects.create(code="X", name="Exam", modality="CT", body_region="ABDOMEN", subspecialty=part,
                                    minutes=15, reading_minutes=5, rvu=1)  # fmt: skip
    patient = Patient.objects.create(family_name="ZZBENCH", given_name="Alpha", sex="F", search_name="ZZBENCH")
    at = TODAY - timedelta(days=3650)
    Order.objects.create(pk=1, site=site, patient=patient, accession="B1", placed_at=at, source="bench", state="active")
    RequestedProcedure.objects.create(pk=1, order_id=1, number="1", study_uid="2.25.1", procedure=kind, code="X",
                                      modality="CT", state="active")  # fmt: skip
    ReadingItem.objects.create(pk=1, procedure_id=1, accession="B1", site=site, modality="CT", state="final",
                               reader=author, opened_at=at, finished_at=at, due_at=at, urgency=4)  # fmt: skip
    Report.objects.create(pk=1, procedure_id=1, item_id=1, author=author, state="final")


def copy_rows(model: type[Model], rows: int, **columns: str) -> None:
    """Copies of row 1 with the keys 2 to ``rows``; ``columns``: SQL of those that differ, with ``n`` for the key."""
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    names = [field.column for field in fields]
    taken = ["n" if field.primary_key else columns.get(field.column, f"t.{field.column}") for field in fields]
    numbers = (
        f"SELECT generate_series(2, {rows}) AS n"
        if connection.vendor == "postgresql"
        else f"WITH RECURSIVE s(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM s WHERE n < {rows}) SELECT n FROM s"
    )
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(taken)}"
            f" FROM ({numbers}) numbers, {table} t WHERE t.id = 1"
        )


def _row(n: int, at: datetime, dice: random.Random, sites: list[Site], users: list[User]) -> SearchRow:
    site, author = sites[n % 10], users[min(39, int(dice.expovariate(0.12)))]
    modality = ("CT", "MR", "XR", "US")[n % 4]
    findings, impression = _texts(dice)
    return SearchRow(pk=n, report_id=n, version_number=1, site=site, modality=modality, author=author, released_at=at,
                     language=language_of(findings), findings=findings, impression=impression,
                     tags=tags_of(site.pk, modality, author.pk, f"{at:%Y%m}"))  # fmt: skip


def _texts(dice: random.Random) -> tuple[str, str]:
    if dice.random() < 0.1:
        return " ".join(dice.choices(GERMAN, k=3)), dice.choice(GERMAN)
    sentences = [
        f"{' '.join(dice.choices(WORDS, k=2))} {dice.choice(ORGANS)} {dice.choice(FINDINGS)} is {dice.choice(WORDS)}."
        for _ in range(8)
    ]
    if dice.random() < 0.02:
        sentences.append(f"There is {dice.choice(RARE)}.")
    impression = dice.choice(["Normal.", f"{dice.choice(ORGANS)} {dice.choice(FINDINGS)}.", "Unchanged."])
    return " ".join(sentences), impression


def measure(rounds: int) -> Iterator[tuple[str, str, float, float, float]]:
    """(viewer, kind of question, median, 95th percentile, longest) in milliseconds."""
    AUTHORS[:] = User.objects.filter(username__in=["bench0", "bench5", "bench30"]).values_list("pk", flat=True)
    for name in ("bench1", "single", "referrer"):
        viewer = User.objects.get(username=name)
        dice = random.Random(5)
        for kind, ask in KINDS.items():
            times = []
            for _ in range(rounds):
                question = read_question(ask(dice))
                began = time.perf_counter()
                with read_permissions_once():
                    search_reports(viewer, question, at=TODAY)
                times.append((time.perf_counter() - began) * 1000)
            yield name, kind, statistics.median(times), statistics.quantiles(times, n=20)[18], max(times)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--reports", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=40)
    args = options.parse_args()
    if not Report.objects.exists():
        began = time.perf_counter()
        fill(args.reports)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE" if connection.vendor == "postgresql" else REBUILD.replace("rebuild", "optimize"))
        if connection.vendor != "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
        print(f"filled in {time.perf_counter() - began:.0f} s")
    print(f"{connection.vendor}, {Report.objects.count():,} reports\n\nviewer | question | median | p95 | longest (ms)")
    worst = 0.0
    for viewer, kind, middle, p95, longest in measure(args.rounds):
        worst = max(worst, p95)
        print(f"{viewer} | {kind} | {middle:.0f} | {p95:.0f} | {longest:.0f}", flush=True)
    print(f"\nworst p95 {worst:.0f} ms, bar {BAR_MS} ms")
    return int(worst > BAR_MS)


if __name__ == "__main__":
    sys.exit(main())
