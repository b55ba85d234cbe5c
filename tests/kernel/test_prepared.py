"""Statements that are planned once: the setting for it survives a transaction that is rolled back."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from ris.kernel.db.prepared import ask, fetch


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_transaction_does_not_take_the_plan_for_all_values_back() -> None:
    connection.close()  # a new session, that was not asked yet
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        assert fetch("SELECT 1", []) == [(1,)]
        raise ZeroDivisionError
    assert fetch("SELECT 1", []) == [(1,)]
    if connection.vendor == "postgresql":
        assert _setting("plan_cache_mode") == "force_generic_plan"
        assert (_setting("jit"), _setting("max_parallel_workers_per_gather")) == ("off", "0")


@pytest.mark.django_db
def test_a_plain_statement_answers_the_same_whatever_the_session_plans() -> None:
    assert [ask("SELECT %s + 1", [n]) for n in (1, 2**40)] == [[(2,)], [(2**40 + 1,)]]


def _setting(name: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(%s)", [name])
        return str(cursor.fetchone()[0])
