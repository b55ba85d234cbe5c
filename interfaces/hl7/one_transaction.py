"""One message, one transaction: the services' own savepoints are left out while a message is applied.

Each service is atomic by itself, which inside a transaction costs two statements.
While a message is applied nothing is caught and carried on from: it is applied
whole, or rolled back whole to the savepoint around it. So the inner ones buy nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def no_savepoints() -> Iterator[None]:
    """Let ``atomic`` blocks that begin in here set no savepoint on this thread's connection.

    To be entered inside an ``atomic`` block, and not from code that catches database errors and goes on.
    """
    features = connection.features
    before = features.uses_savepoints
    features.uses_savepoints = False
    try:
        yield
    finally:
        features.uses_savepoints = before
