"""How long the patient search takes: ``python bench/patient_search.py [PATIENTS]`` (1,000,000), on an empty database.

With DATABASE_URL on PostgreSQL, without it on a new SQLite file. Patients have one of 20,000 family names, one of 500
given names, a second one, an ideographic name, a number and a birth date; a tenth has a retired number. Each search
runs through the selector of the page, as a user of one site; median and worst of twenty in ms, and how many rows.
"""

from __future__ import annotations

import statistics
import sys
import time

from filling.worklist import migrate, start_django
from mwl.fill import _hurry, _insert, _text

SEARCHES = {
    "family name": "zzfam01234",
    "family and given": "zzfam01234 given1",
    "given and family begun": "given12 zzfam0",
    "given name alone": "given123",
    "two letters": "zz",
    "number": "P0777777",
    "number begun": "P07777",
    "retired number": "OLD0777777",
    "birth date": "14.07.1945",
    "birth date and name": "zzfam01 14.07.1945",
    "year and name": "given123 1945",
    "ideographic, inner part": "井0",
    "nobody": "zzfam01234 qqqq",
}
REPEATS = 20


def fill(patients: int) -> None:
    """Insert them in SQL, with numbers and five tokens each: as services write them, but in one statement a table."""
    from django.db import transaction

    from ris.patients.models import Identifier, Patient, PatientNameToken

    family, given = _text("ZZFAM", "i % 20000 * 7919 % 20000", 5), _text("GIVEN", "i * 7 % 500", 3)
    middle, inner = _text("MID", "i % 97", 2), _text("井", "i % 1000", 3)
    _hurry()
    with transaction.atomic():
        _insert(
            Patient, patients, family_name=family, given_name=given, middle_name=middle,
            ideographic_name=f"'山' || {inner}", search_name=f"{family} || '^' || {given} || '^' || {middle}",
            birth_date=_birth_date(), sex="'F'",
        )  # fmt: skip
        _insert(Identifier, patients, value=_text("P", "i", 7), authority="'BENCH'", patient_id="i + 1")
        _insert(
            Identifier, patients // 10, id=f"{patients} + i + 1", value=_text("OLD", "i * 10 + 7", 7),
            authority="'BENCH'", retired="TRUE", patient_id="i * 10 + 8",
        )  # fmt: skip
        for number, token in enumerate((family, given, middle, inner, f"'山' || {inner}")):
            _insert(PatientNameToken, patients, id=f"i * 5 + {number + 1}", token=token, patient_id="i + 1")


def _birth_date() -> str:
    from django.db import connection

    if connection.vendor == "postgresql":
        return "DATE '1930-01-01' + i * 31 % 34000"
    return "date('1930-01-01', (i * 31 % 34000) || ' days')"


def measure() -> None:
    """Print a line for each search."""
    from django.contrib.auth.models import Group
    from django.db import connection
    from guardian.shortcuts import assign_perm

    from ris.catalog.models import Site
    from ris.patients.selectors import patients_matching
    from ris.people.models import User
    from ris.people.roles import Role

    site = Site.objects.create(code="bench", name="Bench", accession_prefix="BE", assigning_authority="BENCH")
    user = User.objects.create_user("zzdesk", password=None)
    user.groups.add(Group.objects.get_or_create(name=Role.SCHEDULER.value)[0])
    assign_perm("catalog.work_at", user, site)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    print(f"{connection.vendor}\n{'search':28} {'median ms':>10} {'worst':>8} {'found':>6}")
    for name, text in SEARCHES.items():
        times = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            found = list(patients_matching(text, user).prefetch_related("identifiers")[:20])
            times.append((time.perf_counter() - start) * 1000)
        print(f"{name:28} {statistics.median(times):10.1f} {max(times):8.1f} {len(found):6}")


if __name__ == "__main__":
    start_django()
    migrate()
    fill(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
    measure()
