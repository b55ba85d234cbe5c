from __future__ import annotations

import pytest
from django.db import connection, transaction


@pytest.mark.django_db(transaction=True)
def test_what_is_committed_is_synced_and_what_refers_to_nothing_is_refused() -> None:
    """SQLite by our pragmas; PostgreSQL by its defaults, which nobody may have turned off."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            asked = {
                "journal_mode": "wal",
                "synchronous": 2,  # FULL
                "foreign_keys": 1,
                "busy_timeout": 30_000,
            }
            found = {name: cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in asked}
            assert found == asked
        else:
            cursor.execute("SHOW synchronous_commit")
            assert cursor.fetchone() == ("on",)


@pytest.mark.django_db(transaction=True)
def test_a_transaction_on_sqlite_is_a_writer_from_its_first_statement_on() -> None:
    """So there is no read that turns out stale when the write comes (SQLITE_BUSY_SNAPSHOT)."""
    options = connection.settings_dict["OPTIONS"]
    if connection.vendor == "sqlite":
        assert options["transaction_mode"] == "IMMEDIATE"
        with transaction.atomic():
            assert connection.connection.in_transaction
    else:
        assert options["pool"]["reconnect_timeout"] <= 5
