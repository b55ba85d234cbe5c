"""Threads that talk to the database for an event loop, each over one connection that it keeps."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection, connections

log = structlog.get_logger(__name__)

T = TypeVar("T")
Job = tuple[Callable[[], Any], "Future[Any]"]

_turn = threading.Lock()


def writers_turn() -> AbstractContextManager[Any]:
    """SQLite has one writer at a time; ours queue here, where waking is quick, not at its lock, which is polled."""
    return _turn if connection.vendor == "sqlite" else nullcontext()


def over_database(job: Callable[[], T]) -> T:
    """Run ``job``; if its connection turns out to be broken, once more over a new one."""
    for attempt in (1, 2):
        try:
            with writers_turn():
                return job()
        except (OperationalError, InterfaceError):
            connection.close()
            if attempt == 2:
                raise
    raise AssertionError("unreachable")


class Workers:
    """A few such threads at one queue. Close it, or its connections stay open."""

    def __init__(self, count: int, name: str) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{n}", daemon=True) for n in range(1, count + 1)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Callable[[], T]) -> Future[T]:
        """Queue a job; the future has its result or its error."""
        future: Future[T] = Future()
        self._jobs.put((job, future))
        return future

    def close(self, seconds: float = 10) -> None:
        """Finish what is queued, then end the threads and their connections."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(seconds)

    def _run(self) -> None:
        try:
            while (taken := self._jobs.get()) is not None:
                job, future = taken
                try:
                    future.set_result(over_database(job))
                except BaseException as error:
                    future.set_exception(error)
        finally:
            connections.close_all()


class Batches(Generic[T]):
    """A thread, or a few, that handles whatever has queued up in one go: a group commit. In order where it is one.

    ``done`` is told, on that thread, of each batch, with the error if ``handle`` raised one.
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
        self._handle, self._done, self._most = handle, done, most
        self._items: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        self._at_work = 0
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{n}", daemon=True) for n in range(1, threads + 1)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, item: T) -> None:
        """Queue an item; returns at once."""
        self._items.put(item)

    @property
    def busy(self) -> bool:
        """Whether somebody waits for it, as far as can be told from outside."""
        return self._at_work > 0 or not self._items.empty()

    def close(self, seconds: float = 10) -> None:
        """Finish what is queued, then end the threads and their connections."""
        for _ in self._threads:
            self._items.put(None)
        for thread in self._threads:
            thread.join(seconds)

    def _run(self) -> None:
        try:
            while (first := self._items.get()) is not None:
                self._at_work += 1
                batch = [first, *_waiting(self._items, self._most - 1)]
                error: Exception | None = None
                try:
                    self._handle(batch)
                except Exception as raised:
                    error = raised
                self._at_work -= 1
                self._done(batch, error)
        finally:
            connections.close_all()


class Later(Generic[T]):
    """One thread for what nobody waits for: at work while it is quiet, and a little even when it is not.

    ``busy`` says whether somebody is being served just now; an item then waits, for ``patience`` seconds, and
    goes alone. When it is quiet ``handle`` gets up to ``most`` at once.
    """

    def __init__(
        self,
        handle: Callable[[list[T]], object],
        busy: Callable[[], bool],
        *,
        most: int,
        patience: float = 0.2,
        name: str,
    ) -> None:
        self._handle, self._busy, self._most, self._patience = handle, busy, most, patience
        self._items: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, item: T) -> None:
        """Queue an item; returns at once."""
        self._items.put(item)

    def close(self, seconds: float = 10) -> None:
        """Finish what is at hand. The rest is in the database, for the next run or the sweep."""
        self._closing = True
        self._items.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            while (first := self._items.get()) is not None and not self._closing:
                until = time.monotonic() + self._patience
                while (busy := self._busy()) and time.monotonic() < until and not self._closing:
                    time.sleep(0.01)
                try:
                    self._handle([first, *_waiting(self._items, 0 if busy else self._most - 1)])
                except Exception as error:
                    log.warning("hl7.later", error=type(error).__name__)
        finally:
            connections.close_all()


def _waiting(items: queue.SimpleQueue[T | None], most: int) -> list[T]:
    """Up to so many that are queued already; the end of the queue stays in it."""
    found: list[T] = []
    while len(found) < most:
        try:
            item = items.get_nowait()
        except queue.Empty:
            break
        if item is None:
            items.put(None)
            break
        found.append(item)
    return found
