"""Locks that last until the end of the transaction."""

from __future__ import annotations

import hashlib

from django.db import connection


def lock_name(name: str) -> None:
    """Let one transaction at a time past this line for ``name``, until it commits or rolls back.

    PostgreSQL: an advisory transaction lock. SQLite: every transaction here begins IMMEDIATE, so
    there is one writer at a time and nothing is left to lock.
    """
    if connection.vendor == "postgresql":
        key = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])
