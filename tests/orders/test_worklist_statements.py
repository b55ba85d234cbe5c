"""Where SQLite begins to look, in a database that nobody ever analysed: what a scanner asks leads to few rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from ris.orders.mwl import query
from ris.orders.mwl.query import find_worklist_rows
from ris.orders.mwl.question import MwlQuestion
from tests.factories import NOON

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.once,
    pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL keeps its own statistics"),
]

STEP = "SEARCH s USING INTEGER PRIMARY KEY"
OF_PROCEDURE = "SEARCH s USING INDEX orders_scheduledstep_procedure_id"


@pytest.mark.parametrize(
    ("asked", "begins", "step"),
    [
        ({"accessions": ("A123",)}, "SEARCH o USING INDEX orders_order_accession", OF_PROCEDURE),
        ({"accessions": ("A12*",)}, "SEARCH o USING INDEX orders_order_accession", OF_PROCEDURE),
        ({"study_uids": ("2.25.1",)}, "SEARCH rp USING INDEX", OF_PROCEDURE),
        ({"patient_ids": ("P1",)}, "SEARCH p USING INTEGER PRIMARY KEY", OF_PROCEDURE),
        ({"patient_names": ("ZZTEST*",)}, "SEARCH p USING INTEGER PRIMARY KEY", OF_PROCEDURE),
        ({"stations": ("CT1",)}, STEP, STEP),
        ({"stations": ("CT1",), "accessions": ("A123",)}, "SEARCH o USING INDEX orders_order_accession", OF_PROCEDURE),
        ({"modalities": ("CT",)}, "SEARCH s USING INDEX step_", "SEARCH s USING INDEX step_"),
        ({"patient_names": ("*A",)}, "SEARCH s USING INDEX step_", "SEARCH s USING INDEX step_"),
    ],
    ids=lambda value: str(value),
)
def test_what_leads_to_few_rows_is_followed_first(
    asked: dict[str, tuple[str, ...]], begins: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[str] = []

    def explained(sql: str, params: list[object]) -> list[tuple[object, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            plans.extend(row[3] for row in cursor.fetchall() if row[1] == 0)
        return []

    monkeypatch.setattr(query, "fetch", explained)
    day = {"start_from": NOON, "start_until": NOON + timedelta(hours=8)} if "stations" in asked else {}

    find_worklist_rows(MwlQuestion(not_before=NOON - timedelta(hours=72), site_id=1, **asked, **day))

    searched = [line for line in plans if line.startswith(("SEARCH", "SCAN")) and " site " not in line]
    assert searched[0].startswith(begins), plans
    assert any(line.startswith(step) for line in searched), plans
    assert not any(line.startswith("SCAN") for line in searched), plans
