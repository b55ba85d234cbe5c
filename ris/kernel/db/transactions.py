"""Batches and locks that last until the end of the transaction.

A batch is several pieces of work in one transaction: what all need is read once, what none reads back written once.

A service takes a lock, reads the site, appends to the audit trail, emits an event, and need not know whether it is
alone in its transaction. In a batch each of these costs one statement for all pieces instead of one for each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from django.db import connection, transaction

from .prepared import ask

T = TypeVar("T")
Work = Callable[[list[Any]], object]


class Batch:
    """What the pieces of work in one transaction share."""

    def __init__(self) -> None:
        self.locked: frozenset[str] = frozenset()
        """Names that the transaction holds (``lock_name``)."""
        self.known: dict[Any, Any] = {}
        """What was read of rows that this kind of work does not change."""
        self._deferred: list[tuple[Work, Any]] = []

    def defer(self, work: Work, item: Any) -> None:
        """Have ``work`` called with the item, and with all like it, at the end of the batch."""
        self._deferred.append((work, item))

    @contextmanager
    def piece(self) -> Iterator[None]:
        """One piece of work. When it fails, what it locked and deferred is dropped; its caller rolls the rest back."""
        locked, deferred = self.locked, len(self._deferred)
        try:
            yield
        except BaseException:
            self.locked = locked
            del self._deferred[deferred:]
            raise

    def finish(self) -> None:
        """Do what was deferred, each kind of work once for all its items, in the order of their first items."""
        while self._deferred:  # what is done here may defer more
            deferred, self._deferred = self._deferred, []
            items_by_work: dict[Work, list[Any]] = {}
            for work, item in deferred:
                items_by_work.setdefault(work, []).append(item)
            for work, items in items_by_work.items():
                work(items)


_current: ContextVar[Batch | None] = ContextVar("batch", default=None)


@contextmanager
def open_batch() -> Iterator[None]:
    """Let the work in here be a batch, inside an ``atomic`` block; inside another batch it is one piece of that."""
    outer = _current.get()
    if outer is not None:
        with outer.piece():
            yield
        return
    batch = Batch()
    token = _current.set(batch)
    try:
        yield
        batch.finish()
    finally:
        _current.reset(token)


def current_batch() -> Batch | None:
    """The batch that this work is a piece of; None where it is alone in its transaction."""
    return _current.get()


@contextmanager
def all_or_none() -> Iterator[None]:
    """``transaction.atomic``, but that a piece of a batch needs no savepoint within its own.

    Who catches its refusal inside a batch, and goes on, needs an ``atomic`` of their own around it.
    """
    with transaction.atomic(savepoint=current_batch() is None):
        yield


def defer(work: Callable[[list[T]], object], item: T) -> None:
    """Have ``work`` called with this and all like items at the end of the batch; at once where there is no batch."""
    batch = _current.get()
    if batch is None:
        work([item])
    else:
        batch.defer(work, item)


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
