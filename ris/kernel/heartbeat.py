"""Heartbeats: a row that somebody renews, so that their silence is noticed.

The sweeps are what makes a lost bell harmless. If the clock, the broker or the
workers stop, no bell says so: whoever still runs looks at the row instead.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from .alarms import clear_alarm, raise_alarm
from .models import Heartbeat

SWEEPS = "sweeps"
SILENT_AFTER = timedelta(seconds=90)
SILENT_ALARM = "sweeps-silent"


def note_beat(name: str, *, at: datetime) -> None:
    """Note that ``name`` lives."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": at})


def silence(name: str, *, at: datetime) -> timedelta | None:
    """How long ``name`` has been silent; None when it was never heard."""
    last = Heartbeat.objects.filter(name=name).values_list("at", flat=True).first()
    return at - last if last else None


def watch(*, since: datetime, at: datetime) -> bool:
    """Raise the alarm when the sweeps were not heard for too long, clear it when they are; say if all is well.

    ``since``: when the watcher began to listen, so that a system that has just started is given its time.
    """
    quiet = silence(SWEEPS, at=at)
    if quiet is not None and quiet <= SILENT_AFTER:
        clear_alarm(SILENT_ALARM, SWEEPS, at=at)
        return True
    if at - since <= SILENT_AFTER:
        return True
    detail = "No sweep was heard of for 90 seconds: look at the roles beat and worker, and at Redis."
    raise_alarm(SILENT_ALARM, SWEEPS, detail=detail, at=at)
    return False
