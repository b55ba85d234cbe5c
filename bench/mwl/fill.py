"""Fills a database with worklist entries: ``python bench/mwl/fill.py ENTRIES``, with the server's settings.

Entry ``i`` belongs to one of ``devices`` scanners and one of ``days`` days, twenty to each; ten
neighbours share a family name. So every number of entries has the same three questions: own AE and
day (20 rows), accession number (1), name with a wildcard (10).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

ROWS_A_DAY = 20
MOST_DEVICES = 50


@dataclass(frozen=True)
class Plan:
    entries: int

    @property
    def devices(self) -> int:
        return min(MOST_DEVICES, self.entries // ROWS_A_DAY)

    def station(self, i: int) -> str:
        return f"BENCH{i % self.devices:02d}"

    def day(self, i: int) -> int:
        return i // (self.devices * ROWS_A_DAY)

    def name(self, i: int) -> str:
        return f"ZZBENCH{i // 10:06d}"

    def minute(self, i: int) -> int:
        """Of the day; every seven from midnight on, so that a day's twenty stay in it."""
        return (i // self.devices) % ROWS_A_DAY * 7


def accession(i: int) -> str:
    return f"B{i:07d}"


def first_day() -> date:
    return datetime.now(UTC).date()


def fill(plan: Plan) -> None:
    """Replace all orders, patients and devices of the database by the plan's, and leave nothing to be tidied up.

    Django is set up. Else the database would be busy with its own affairs while it is measured.
    """
    from django.db import connection, transaction

    from ris.catalog.models import Device, Site
    from ris.orders.models import Order, RequestedProcedure, ScheduledStep
    from ris.patients.models import Identifier, Patient

    _hurry()
    with transaction.atomic():
        for model in (ScheduledStep, RequestedProcedure, Order, Identifier, Patient):
            _empty(model)
        site, _ = Site.objects.get_or_create(
            code="bench", defaults={"name": "Bench", "accession_prefix": "BE", "assigning_authority": "BENCH"}
        )
        device_ids = [
            Device.objects.get_or_create(
                ae_title=f"BENCH{n:02d}", defaults={"site": site, "name": f"BENCH{n:02d}", "modality": "CT"}
            )[0].pk
            for n in range(plan.devices)
        ]
        base = min(device_ids)
        noon = datetime.combine(first_day(), datetime.min.time(), UTC)
        start = _start_of_day(connection.vendor, noon, plan)
        _insert(
            Patient,
            plan.entries,
            family_name=_text("ZZBENCH", "i / 10", 6),
            given_name="'Alpha'",
            search_name=f"{_text('ZZBENCH', 'i / 10', 6)} || '^ALPHA'",
            birth_date="'1950-01-02'",
            sex="'F'",
        )
        _insert(
            Identifier, plan.entries, value=_text("P", "i", 7), authority="'BENCH'", kind="'MR'", patient_id="i + 1"
        )
        _insert(
            Order,
            plan.entries,
            site_id=str(site.pk),
            patient_id="i + 1",
            accession=_text("B", "i", 7),
            state="'active'",
            placed_at=f"'{noon:%Y-%m-%d %H:%M:%S}'",
            source="'bench'",
            placer_number=_text("PL", "i", 7),
            placer_authority="'BENCH'",
            filler_number=_text("F", "i", 7),
            ordering_provider="'ZZDOCTOR^BETA'",
            reason="'Made up'",
        )
        _insert(
            RequestedProcedure,
            plan.entries,
            order_id="i + 1",
            number="'1'",
            state="'active'",
            study_uid="'2.25.' || (100000000 + i)",
            code="'CTHEADWO'",
            code_text="'CT head without contrast'",
            coding_system="'L'",
            modality="'CT'",
        )
        _insert(
            ScheduledStep,
            plan.entries,
            procedure_id="i + 1",
            number="'1'",
            state="'scheduled'",
            modality="'CT'",
            device_id=f"{base} + i % {plan.devices}",
            start=start,
            location="'Room 1'",
            station_aes=_json(connection.vendor, plan),
            station_names=_json(connection.vendor, plan),
            description="'CT head without contrast'",
        )
    tidy = ("VACUUM ANALYZE", "CHECKPOINT") if connection.vendor == "postgresql" else ("ANALYZE", _EMPTY_WAL)
    with connection.cursor() as cursor:
        for statement in tidy:
            cursor.execute(statement)


_EMPTY_WAL = "PRAGMA wal_checkpoint(TRUNCATE)"


def _hurry() -> None:
    """Check no reference and wait for no disk, on this connection: it is all known, and can be written again."""
    from django.db import connection

    if connection.vendor == "postgresql":
        hurry = ["SET session_replication_role = replica", "SET maintenance_work_mem = '256MB'"]
    else:
        hurry = ["PRAGMA foreign_keys = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -300000"]
    with connection.cursor() as cursor:
        for statement in hurry:
            cursor.execute(statement)


def _empty(model: Any) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"TRUNCATE {model._meta.db_table} RESTART IDENTITY CASCADE")
        else:
            cursor.execute(f"DELETE FROM {model._meta.db_table}")


def _text(prefix: str, number: str, digits: int) -> str:
    return f"'{prefix}' || substr(CAST({10**digits} + ({number}) AS text), 2)"


def _json(vendor: str, plan: Plan) -> str:
    quoted = f"""'["BENCH' || substr(CAST(100 + i % {plan.devices} AS text), 2) || '"]'"""
    return f"CAST({quoted} AS jsonb)" if vendor == "postgresql" else quoted


def _start_of_day(vendor: str, midnight: datetime, plan: Plan) -> str:
    """``plan.day`` and ``plan.minute``, in SQL."""
    day = f"i / {plan.devices * ROWS_A_DAY}"
    minute = f"((i / {plan.devices}) % {ROWS_A_DAY}) * 7"
    base = f"{midnight:%Y-%m-%d %H:%M:%S}"
    if vendor == "postgresql":
        return f"TIMESTAMP '{base}' AT TIME ZONE 'UTC' + ({day}) * INTERVAL '1 day' + ({minute}) * INTERVAL '1 minute'"
    return f"datetime('{base}', ({day}) || ' days', ({minute}) || ' minutes')"


def _insert(model: Any, count: int, **columns: str) -> None:
    """INSERT … SELECT of ``count`` rows; ``i`` counts from 0, keys from 1, other columns get their default."""
    from django.db import connection

    values = {"id": "i + 1"} | columns
    for field in model._meta.concrete_fields:
        if field.column not in values and not field.generated:
            default = field.get_db_prep_save(field.get_default(), connection)
            values[field.column] = _literal(default)
    names = ", ".join(connection.ops.quote_name(name) for name in values)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} ({names}) WITH RECURSIVE n(i) AS "
            f"(SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {count - 1}) SELECT {', '.join(values.values())} FROM n"
        )


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return str(value)
    return (
        "'{}'".format(str(getattr(value, "obj", value)).replace("'", "''"))
        if not isinstance(getattr(value, "obj", value), list | dict)
        else ("'[]'" if isinstance(getattr(value, "obj", value), list) else "'{}'")
    )


if __name__ == "__main__":
    import django

    django.setup()
    fill(Plan(int(sys.argv[1])))
