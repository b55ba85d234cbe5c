"""Several pieces of work in one transaction: what all need is read once, what none reads back is written once.

A service asks for a lock, reads the site, appends to the audit trail, tells an event, and need not know whether
it is alone in its transaction. Where it is not, each of these costs a statement for all instead of one for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")
Work = Callable[[list[Any]], object]


class Together:
    """What the work in one transaction has in common."""

    def __init__(self) -> None:
        self.locked: frozenset[str] = frozenset()
        """Names that the transaction holds (``locks.lock_name``)."""
        self.known: dict[Any, Any] = {}
        """What was read of rows that this kind of work does not change."""
        self._owed: list[tuple[Work, Any]] = []

    def owe(self, work: Work, item: Any) -> None:
        """Defer ``work`` on ``item`` to the end of the batch, once for all items."""
        self._owed.append((work, item))

    @contextmanager
    def part(self) -> Iterator[None]:
        """A piece of it; when it fails, it is as if it had not been (the caller rolls the database back)."""
        locked, owed = self.locked, len(self._owed)
        try:
            yield
        except BaseException:
            self.locked = locked
            del self._owed[owed:]
            raise

    def finish(self) -> None:
        """Do what is owed, each kind of work once for all its items."""
        while self._owed:
            owed, self._owed = self._owed, []
            items: dict[Work, list[Any]] = {}
            for work, item in owed:
                items.setdefault(work, []).append(item)
            for work, of_it in items.items():
                work(of_it)


_present: ContextVar[Together | None] = ContextVar("together", default=None)


@contextmanager
def together() -> Iterator[None]:
    """Let the work in here share. To be entered inside an ``atomic`` block; inside another one it is a part of that."""
    outer = _present.get()
    if outer is not None:
        with outer.part():
            yield
        return
    mine = Together()
    token = _present.set(mine)
    try:
        yield
        mine.finish()
    finally:
        _present.reset(token)


def present() -> Together | None:
    """What is shared here; None where work is alone."""
    return _present.get()


def at_end(work: Callable[[list[T]], object], item: T) -> None:
    """Have ``work`` called with this and all like items before the transaction ends; alone, at once."""
    shared = _present.get()
    if shared is None:
        work([item])
    else:
        shared.owe(work, item)
