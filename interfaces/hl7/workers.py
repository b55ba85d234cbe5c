"""Threads that talk to the database for an event loop, each over one connection that it keeps."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

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


class Later:
    """One thread for what nobody waits for: at work while it is quiet, and a little even when it is not.

    ``busy`` says whether somebody is being served just now; a job then waits, for ``most`` seconds.
    """

    def __init__(self, busy: Callable[[], bool], *, most: float = 0.2, name: str) -> None:
        self._busy, self._most = busy, most
        self._jobs: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Callable[[], Any]) -> None:
        self._jobs.put(job)

    def close(self, seconds: float = 10) -> None:
        """Finish the job at hand. The rest is in the database, for the next run or the sweep."""
        self._closing = True
        self._jobs.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            while (job := self._jobs.get()) is not None and not self._closing:
                until = time.monotonic() + self._most
                while self._busy() and time.monotonic() < until and not self._closing:
                    time.sleep(0.01)
                try:
                    over_database(job)
                except Exception as error:
                    log.warning("hl7.later", error=type(error).__name__)
        finally:
            connections.close_all()


class Batches:
    """One thread that handles whatever has queued up in one go: a group commit.

    ``handle`` gets the items in order and returns a result for each.
    """

    def __init__(self, handle: Callable[[list[Any]], list[Any]], *, most: int, name: str) -> None:
        self._handle = handle
        self._most = most
        self._items: queue.SimpleQueue[tuple[Any, Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, item: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._items.put((item, future))
        return future

    def close(self, seconds: float = 10) -> None:
        self._items.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            while (first := self._items.get()) is not None:
                batch = [first]
                while len(batch) < self._most and not self._items.empty():
                    more = self._items.get()
                    if more is None:
                        self._items.put(None)
                        break
                    batch.append(more)
                self._handle_batch(batch)
        finally:
            connections.close_all()

    def _handle_batch(self, batch: list[tuple[Any, Future[Any]]]) -> None:
        try:
            results = over_database(lambda: self._handle([item for item, _ in batch]))
        except BaseException as error:
            for _, future in batch:
                future.set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)
