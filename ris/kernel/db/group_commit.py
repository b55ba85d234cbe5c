"""Group commits: what waits at the same moment is handled in one go, in one transaction of whoever handles it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from .threads import DatabaseExecutor

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Batches(Generic[T]):
    """A thread, or a few, that handles whatever has queued up in one go: a group commit. In order where it is one.

    ``done`` is called, on that thread, with each batch and the error if ``handle`` raised one.
    """

    def __init__(
        self,
        handle: Callable[[list[T]], object],
        done: Callable[[list[T], Exception | None], object],
        *,
        most: int,
        name: str,
        threads: int = 1,
    ) -> None:
        self._handle, self._done, self._most, self._most_drains = handle, done, most, threads
        self._executor = DatabaseExecutor(threads, name)
        self._lock = threading.Lock()
        self._items: deque[T] = deque()
        self._drains = 0

    def submit(self, item: T) -> None:
        """Have the item handled with what else waits. After ``close`` it is dropped."""
        with self._lock:
            self._items.append(item)
            if self._drains >= self._most_drains:
                return
            self._drains += 1
        try:
            self._executor.submit(self._drain)
        except RuntimeError:  # closed: what is in the database is for the next run
            self._end_drain()

    @property
    def busy(self) -> bool:
        """Whether items wait or are in work, as far as can be told from outside."""
        return self._drains > 0

    def close(self) -> None:
        """Finish what is queued, then end the threads and their connections."""
        self._executor.shutdown()

    def _drain(self) -> None:
        while batch := self._take_batch():
            error: Exception | None = None
            try:
                self._handle(batch)
            except Exception as raised:
                error = raised
            try:
                self._done(batch, error)
            except BaseException:  # the loop is closed, or worse; the next submit begins another drain
                self._end_drain()
                raise

    def _end_drain(self) -> None:
        with self._lock:
            self._drains -= 1

    def _take_batch(self) -> list[T]:
        """What waits, up to the most; nothing ends this drain, under the lock that ``submit`` takes."""
        with self._lock:
            batch = [self._items.popleft() for _ in range(min(self._most, len(self._items)))]
            if not batch:
                self._drains -= 1
            return batch


class Background(Generic[T]):
    """One thread for what nobody waits for: at work while it is quiet, and a little even when it is not.

    ``busy`` says whether somebody is being served just now; an item then waits, for ``patience_s``, and goes alone.
    When it is quiet ``handle`` gets up to ``most`` at once.
    """

    def __init__(
        self,
        handle: Callable[[list[T]], object],
        busy: Callable[[], bool],
        *,
        most: int,
        patience_s: float = 0.2,
        name: str,
    ) -> None:
        self._handle, self._busy, self._most, self._patience_s = handle, busy, most, patience_s
        self._closing = False
        self._batches = Batches(self._wait_and_handle, lambda items, error: None, most=most, name=name)

    def submit(self, item: T) -> None:
        """Have the item handled when it is quiet."""
        self._batches.submit(item)

    def close(self) -> None:
        """Finish what is at hand. The rest is in the database, for the next run or the sweep."""
        self._closing = True
        self._batches.close()

    def _wait_and_handle(self, items: list[T]) -> None:
        while items and not self._closing:
            until_s = time.monotonic() + self._patience_s
            while (busy := self._busy()) and time.monotonic() < until_s and not self._closing:
                time.sleep(0.01)  # a hundredth: short beside the patience, long beside a commit
            batch = items[: 1 if busy else self._most]
            del items[: len(batch)]
            try:
                self._handle(batch)
            except Exception as error:  # the sweep finds them
                log.warning("threads.background", error=type(error).__name__)
