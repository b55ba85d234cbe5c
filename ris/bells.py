"""From a doorbell to a task, without ever holding up whoever rang.

A ring only notes the task's name; a thread of its own sends it. Rings that come
while one is on its way are one ring, and a broker that is down blocks that thread alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from celery import Celery

from ris.kernel import doorbell

log = structlog.get_logger(__name__)

PAUSE = 0.02
"""Seconds between two messages, so a burst of rings is a few messages."""

STALE = 10.0
"""Seconds after which a worker throws an unheard ring away; the clock has looked by then."""


class Bells:
    """Rings in, at most one message for each task and pause out."""

    def __init__(self, send: Callable[[str], object]) -> None:
        self._send = send
        self._rung: set[str] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def ring(self, task: str) -> None:
        """Have ``task`` run soon. Returns at once and raises nothing."""
        with self._changed:
            self._rung.add(task)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="bells", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._rung)
                rung, self._rung = self._rung, set()
            for task in sorted(rung):
                try:
                    self._send(task)
                except Exception as error:  # whatever is wrong with the broker, the clock comes round
                    log.warning("bell.unheard", task=task, error=type(error).__name__)
            pause.wait(PAUSE)


def hang(app: Celery, wakes: dict[str, str]) -> Bells:
    """Answer each doorbell of ``wakes`` by sending the task it names."""
    bells = Bells(lambda task: app.send_task(task, expires=STALE, ignore_result=True))
    for bell, task in wakes.items():
        doorbell.answer(bell, lambda task=task: bells.ring(task))  # type: ignore[misc]
    return bells
