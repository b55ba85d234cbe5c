"""The reading list among 100,000 open cases: each sort, filter and search, as its page asks for it.

    .venv/bin/python bench/reading_list.py [--items 100000] [--rounds 20]
    DATABASE_URL=postgres://… .venv/bin/python bench/reading_list.py     (an empty database)

Asked is what a person waits for: the ids of a page of 100, its rows with all that they show, and the count of all.
"""

from __future__ import annotations

import argparse
import random
import time
from datetime import timedelta
from typing import Any

from filling.worklist import make_house, make_items, migrate, percentiles, start_django

FAMILIES = ("ZZTEST-ALPHA", "ZZTEST-BRAVO", "ZZTEST-CHARLIE", "ZZTEST-DELTA", "ZZTEST-ECHO")
REASONS = ("COUGH", "TRAUMA", "FOLLOW-UP", "CHEST PAIN", "SCREENING")


def write_entries(seed: int = 1) -> None:
    """A list entry for each case, with words that differ; what the service writes one by one."""
    from worklist.models import ListEntry, ReadingItem

    dice = random.Random(seed)
    entries = []
    for pk, accession in ReadingItem.objects.values_list("pk", "accession").iterator():
        name, reason = f"{dice.choice(FAMILIES)}{pk % 9973}^GIVEN", dice.choice(REASONS)
        entries.append(ListEntry(
            item_id=pk, patient_name=name, exam=f"EXAM {dice.randint(1, 400)}", reason=reason,
            location=f"WARD {dice.randint(1, 30)}", priors=dice.randint(0, 12), images=dice.randint(0, 2),
            words=f"{name.replace('^', ' ')} T{pk:07} {accession} {reason}",
        ))  # fmt: skip
    ListEntry.objects.bulk_create(entries, batch_size=2000)


def questions() -> list[dict[str, str]]:
    from worklist.selectors.list_query import COLUMNS

    sorts = [{"list": "all", "sort": sign + column.key} for column in COLUMNS for sign in ("", "-")]
    lists = [{"list": name} for name in ("reading", "mine", "subspecialty", "all", "unassigned", "overdue")]
    filters: list[dict[str, str]] = [
        {"list": "all", "modality": "CT"}, {"list": "all", "site": "3"}, {"list": "all", "q": "charlie77"},
        {"list": "all", "q": "B000012345"}, {"list": "all", "q": "trauma echo"}, {"list": "all", "q": "nobody"},
        {"list": "all", "q": "cough", "sort": "patient"}, {"list": "reading", "modality": "MR", "sort": "-wait"},
    ]  # fmt: skip
    return [*lists, *sorts, *filters]


CLOCK = time.perf_counter


def ask(viewer: Any, said: dict[str, str], at: Any) -> float:
    from django.core.paginator import Paginator

    from worklist.selectors.list_query import read_list_query, select_list
    from worklist.selectors.lists import rows_of

    began = CLOCK()
    ids = select_list(viewer, read_list_query(said, default="all", search=said.get("q", "")), at=at).values_list(
        "pk", flat=True
    )
    page = Paginator(ids, 100).get_page(1)
    rows_of(page.object_list, at=at)
    return CLOCK() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument(
        "--cpu", action="store_true", help="count processor time of this process (for SQLite): a busy machine"
    )
    given = parser.parse_args()
    if given.cpu:
        global CLOCK
        CLOCK = time.process_time
    start_django()
    migrate()
    from django.db import connection

    from ris.kernel.clock import now
    from worklist.selectors import counts

    at = now()
    viewer = make_house(readers=20)[0]
    make_items(given.items, at)
    write_entries()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    worst = 0.0
    for said in questions():
        taken = [ask(viewer, said, at + timedelta(seconds=n)) for n in range(given.rounds)]
        worst = max(worst, sorted(taken)[int(len(taken) * 0.95)])
        print(f"{percentiles(taken)}  {' '.join(f'{key}={value}' for key, value in said.items())}", flush=True)
    taken = []
    for n in range(given.rounds):
        began = CLOCK()
        counts(viewer, at=at + timedelta(seconds=n))
        taken.append(CLOCK() - began)
    print(f"{percentiles(taken)}  counts of all tabs")
    print(f"worst p95 of any sort, filter or search: {1000 * worst:.0f} ms on {connection.vendor}")


if __name__ == "__main__":
    main()
