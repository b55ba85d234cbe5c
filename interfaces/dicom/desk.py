"""The desk: a few threads that talk to the database, so that nobody else on this side has to.

Each keeps its connection between jobs (opening one costs more than most answers) and gives it up
after a database error, so that a restarted database is found again.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

import structlog
from django.db import Error as DatabaseError
from django.db import connections

log = structlog.get_logger(__name__)
T = TypeVar("T")


class Desk:
    """Runs jobs on ``threads`` threads. Jobs of one caller are its own business to order."""

    def __init__(self, threads: int) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [Thread(target=self._work, name=f"dicom-desk-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        try:
            while (job := self._jobs.get()) is not None:
                job()
        finally:
            connections.close_all()

    def give(self, job: Callable[[], None]) -> None:
        """Have a job done soon. Its failure is logged, without its words: they may name a patient."""

        def guarded() -> None:
            try:
                job()
            except DatabaseError as error:
                log.error("dicom.database", error=type(error).__name__)
                connections.close_all()
            except Exception as error:
                log.error("dicom.job-failed", error=type(error).__name__)

        self._jobs.put(guarded)

    def ask(self, question: Callable[[], T]) -> T:
        """Run ``question`` on one of the threads and wait for what it returns or raises."""
        future: Future[T] = Future()

        def job() -> None:
            try:
                future.set_result(question())
            except BaseException as error:
                if isinstance(error, DatabaseError):
                    connections.close_all()
                future.set_exception(error)

        self._jobs.put(job)
        return future.result(timeout=60)

    def close(self) -> None:
        """Finish what was given, then close the database connections."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(timeout=10)
