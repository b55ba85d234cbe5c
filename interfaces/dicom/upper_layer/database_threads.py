"""A few threads that talk to the database, so that the event loop never waits for it.

Each keeps its connection between jobs (opening one costs more than most answers) and gives it up
after a database error, so that a restarted database is found again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread

import structlog
from django.db import Error as DatabaseError
from django.db import connections

log = structlog.get_logger(__name__)
Job = Callable[[], None]


class DatabaseThreads:
    """Runs jobs on ``threads`` threads. Jobs of one caller are its own business to order.

    Of several idle threads the one that worked last takes the next job: its database connection, with the
    statements prepared on it, is still warm in the processor, while a turn for everybody would find each cold.
    """

    def __init__(self, threads: int) -> None:
        self._lock = Lock()
        self._waiting: deque[Job] = deque()
        self._idle: list[SimpleQueue[Job | None]] = []
        self._closing = False
        self._threads = [Thread(target=self._work, name=f"dicom-database-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        mine: SimpleQueue[Job | None] = SimpleQueue()
        try:
            while (job := self._next(mine)) is not None:
                job()
        finally:
            connections.close_all()

    def _next(self, mine: SimpleQueue[Job | None]) -> Job | None:
        """The longest waiting job, or the first that comes; None when closing."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            if self._closing:
                return None
            self._idle.append(mine)
        return mine.get()

    def _put(self, job: Job) -> None:
        with self._lock:
            if not self._idle:
                self._waiting.append(job)
                return
            idle = self._idle.pop()
        idle.put(job)

    def give(self, job: Job) -> None:
        """Queue a job. Its failure is logged by the class of the error: the words may name a patient."""

        def guarded() -> None:
            try:
                job()
            except DatabaseError as error:
                log.error("dicom.database", error=type(error).__name__)
                connections.close_all()
            except Exception as error:
                log.error("dicom.job-failed", error=type(error).__name__)

        self._put(guarded)

    def close(self) -> None:
        """Finish what was given, then close the database connections."""
        with self._lock:
            self._closing = True
            idle, self._idle = self._idle, []
        for one in idle:
            one.put(None)
        for thread in self._threads:
            thread.join(timeout=10)
