"""Locks that last until the end of the transaction."""

from __future__ import annotations

import hashlib

from django.db import connection

from .batch import current_batch
from .prepared import ask


def lock_name(*names: str) -> None:
    """Let one transaction at a time past this line for each of ``names``, until it commits or rolls back.

    Several are taken in an order of their own, so that two who want the same do not wait for each other.

    PostgreSQL: an advisory transaction lock. SQLite: every transaction here begins IMMEDIATE, so
    there is one writer at a time and nothing is left to lock.
    """
    if connection.vendor != "postgresql":
        return
    batch = current_batch()
    if batch is not None:
        names = tuple(name for name in names if name not in batch.locked)
    if names:
        digests = (hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names)
        keys = sorted(int.from_bytes(digest, "big", signed=True) for digest in digests)
        ask(f"SELECT {', '.join(['pg_advisory_xact_lock(%s)'] * len(keys))}", keys)
    if batch is not None:
        batch.locked |= set(names)
