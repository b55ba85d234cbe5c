"""Watches the sweeps, and does their work while the broker is away, so that nothing owed waits for Redis.

Celery's clock and workers need the broker. While it is away, the roles that listen look into the tables themselves:
deliveries to subscribers that are overdue first, and every other sweep once the heartbeat says that nobody sweeps.
All of it may run any number of times at once, so a worker that is back in the meantime does no harm.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections

from ris.celery import EVERY, app
from ris.kernel import health
from ris.kernel.clock import now
from ris.kernel.models import Delivery
from ris.kernel.relay import deliver_owed

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0  # as often as the clock's own sweep of deliveries (ris.celery.EVERY)
OVERDUE = timedelta(seconds=4)
"""A worker delivers within two seconds of the bell or of its clock; a delivery twice as late has lost both."""
SILENT = timedelta(seconds=40)
"""Two and a half heartbeats (15 s each): the sweeps are not only slow."""
WATCH_EVERY = timedelta(seconds=30)


class FallbackSweeps:
    """The sweeps that are overdue; keeps when each was last done by this process."""

    def __init__(self, since: datetime) -> None:
        self._since = since
        self._done_at: dict[str, datetime] = {}

    def look(self, at: datetime) -> list[str]:
        """Do the work of overdue tasks; return their names."""
        done = [name for name, run in (("ris.kernel.tasks.deliver", deliver_overdue),) if run(at)]
        if self._nobody_sweeps(at):
            done += [name for name in EVERY if name not in (*done, "ris.kernel.tasks.beat") and self._run_due(name, at)]
        return done

    def _nobody_sweeps(self, at: datetime) -> bool:
        silent = health.silence(health.SWEEPS, at=at)
        return at - self._since > SILENT and (silent is None or silent > SILENT)

    def _run_due(self, name: str, at: datetime) -> bool:
        if at - self._done_at.get(name, self._since) < timedelta(seconds=EVERY[name]):
            return False
        self._done_at[name] = at
        try:
            app.tasks[name]()  # called as a function: no broker is asked
        except DatabaseError:
            raise
        except Exception as error:  # one sweep that fails keeps no other from its turn
            log.error("sweep.failed", task=name, error=type(error).__name__)
        return True


def deliver_overdue(at: datetime) -> bool:
    """Deliver what has been due for longer than any worker lets it wait; whether there was any."""
    overdue = Delivery.objects.filter(state=Delivery.OWED, due_at__lte=at - OVERDUE)
    return overdue.exists() and deliver_owed(at=at) > 0


def watch_sweeps(stop: threading.Event, *, every_s: float = LOOK_EVERY_S) -> None:
    """Until ``stop``: raise the alarm when the sweeps are silent or the disk is full, and do overdue work."""
    since = watched_at = now()
    fallback = FallbackSweeps(since)
    away = False
    while not stop.wait(every_s):
        at = now()
        try:
            if at - watched_at >= WATCH_EVERY:
                watched_at = at
                health.watch(since=since, at=at)
                health.watch_space(settings.RIS.data, at=at)
            if not settings.RIS.embedded:  # embedded: the broker is in this process and cannot be away
                done = fallback.look(at)
                if done:
                    log.info("sweep.fallback", tasks=len(done))
            away = False
        except DatabaseError as error:
            if not away:  # one line an outage, not one every two seconds
                log.warning("watch.no-database", error=type(error).__name__)
            away = True
        finally:
            close_old_connections()


def start_watching(stop: threading.Event, watch: Callable[[threading.Event], None] = watch_sweeps) -> threading.Thread:
    """Have the sweeps watched on a thread of this process."""
    thread = threading.Thread(target=watch, args=[stop], name="watch", daemon=True)
    thread.start()
    return thread
