"""Threads that talk to the database for an event loop, each over one connection that it keeps.

``DatabaseExecutor`` is the one pool of threads (a ``concurrent.futures.Executor``);
``ris.kernel.db.group_commit`` decides what it runs next. None of them serves requests of pages: those have Django's
own connections.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager, nullcontext
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

import structlog
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connection, connections

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
Job = Callable[[], None]

AWAY_S = 1.0
"""After a failed connect nobody else tries for so long, so what waits is refused at once and not one by one."""

_writer_lock = threading.Lock()
_away_until_s = 0.0


def writers_turn() -> AbstractContextManager[Any]:
    """Hold the turn of the only writer on SQLite; nothing elsewhere.

    Ours queue here, where waking takes microseconds, not at SQLite's lock, which is polled.
    """
    return _writer_lock if connection.vendor == "sqlite" else nullcontext()


def ensure_database() -> None:
    """Connect this thread if it is not. Raises OperationalError; at once while the database was just found away."""
    global _away_until_s
    if connection.connection is None and time.monotonic() < _away_until_s:
        raise OperationalError("the database was away a moment ago")
    try:
        connection.ensure_connection()
    except (OperationalError, InterfaceError):
        _away_until_s = time.monotonic() + AWAY_S
        raise


def run_with_retry(job: Callable[[], T]) -> T:
    """Run ``job``; if a connection that was open turns out to be broken, once more over a new one.

    Raises what ``job`` does; OperationalError when no connection can be had, after one try to connect.
    """
    was_open = connection.connection is not None
    try:
        ensure_database()
        with writers_turn():
            return job()
    except (OperationalError, InterfaceError):
        connection.close()
        if not was_open:
            raise
    ensure_database()
    with writers_turn():
        return job()


class DatabaseExecutor(Executor):
    """Runs jobs on a few threads, each of which keeps its database connection between jobs.

    Of several idle threads the one that worked last takes the next job: its connection, with the statements prepared
    on it, is still warm in the processor's cache, while a turn for everybody would find each cold. A job that raises
    a database error costs its thread the connection, so that a restarted database is found again.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._idle: list[SimpleQueue[Job | None]] = []
        self._closing = False
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True) for number in range(1, threads + 1)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have ``fn`` called on one of the threads. Raises RuntimeError after ``shutdown``."""
        future: Future[T] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                if isinstance(error, DatabaseError):
                    connections.close_all()
                future.set_exception(error)
            else:
                future.set_result(result)

        self._put(job)
        return future

    def give(self, fn: Callable[[], object]) -> None:
        """Have ``fn`` called soon; nobody waits for it. A failure is logged without its text, which may name people."""
        self.submit(fn).add_done_callback(_log_failure)

    def ask(self, fn: Callable[[], T], *, timeout_s: float = 60) -> T:
        """Call ``fn`` on one of the threads and return or raise what it does. Raises TimeoutError."""
        return self.submit(fn).result(timeout=timeout_s)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False, timeout_s: float = 10) -> None:
        """Finish what was submitted (unless cancelled), then end the threads and their connections."""
        with self._lock:
            self._closing = True
            if cancel_futures:
                self._waiting.clear()
            idle, self._idle = self._idle, []
        for mailbox in idle:
            mailbox.put(None)
        for thread in self._threads if wait else ():
            thread.join(timeout_s)

    def _put(self, job: Job) -> None:
        with self._lock:
            if self._closing:
                raise RuntimeError("the threads are shut down")
            if not self._idle:
                self._waiting.append(job)
                return
            mailbox = self._idle.pop()
        mailbox.put(job)

    def _run(self) -> None:
        mailbox: SimpleQueue[Job | None] = SimpleQueue()
        try:
            while (job := self._next(mailbox)) is not None:
                job()
        finally:
            connections.close_all()

    def _next(self, mailbox: SimpleQueue[Job | None]) -> Job | None:
        """The longest waiting job, or the first that comes; None when closing."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            if self._closing:
                return None
            self._idle.append(mailbox)
        return mailbox.get()


def _log_failure(future: Future[Any]) -> None:
    error = future.exception()
    if error is not None:
        log.error("threads.job-failed", error=type(error).__name__)
