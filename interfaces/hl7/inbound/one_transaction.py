"""One message, one transaction: the services' own savepoints are left out while a message is applied.

Each service is atomic by itself, which inside a transaction costs two statements.
While a message is applied nothing is caught and carried on from: it is applied
whole, or rolled back whole to the savepoint around it. So the inner ones buy nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections


@contextmanager
def no_savepoints() -> Iterator[None]:
    """Let ``atomic`` blocks that begin in here set no savepoint on this thread's connection.

    To be entered inside an ``atomic`` block, and not from code that catches database errors and goes on.
    """
    wrapper: Any = connections["default"]
    if "_savepoint_allowed" in vars(wrapper):
        yield
        return
    wrapper._savepoint_allowed = lambda: False  # what `atomic` asks, on every database
    try:
        yield
    finally:
        del wrapper._savepoint_allowed
