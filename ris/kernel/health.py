"""Health: heartbeats whose silence is noticed, and a disk that is known to be full before it is.

The sweeps are what makes a lost bell harmless. If the clock, the broker or the workers stop, no bell says so: whoever
still runs looks at a row that they renew. A full disk loses nothing, since an acknowledgement follows the commit; what
is missing is a person who makes room, so it is said in the log, as an alarm, and in ``/healthz``.
"""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

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


LOW_ALARM = "disk-low"
LOW_BYTES = 1_000_000_000
"""A day of a large department's messages and reports."""
FULL_BYTES = 50_000_000
"""Less than a checkpoint of the write-ahead log may need."""


def free_bytes(folder: Path) -> int:
    """Bytes that this user may still write to the folder's disk."""
    return shutil.disk_usage(folder).free


def describe_space(folder: Path) -> str:
    """``ok``, ``low`` or ``full``."""
    free = free_bytes(folder)
    return "full" if free < FULL_BYTES else "low" if free < LOW_BYTES else "ok"


def watch_space(folder: Path, *, at: datetime) -> bool:
    """Raise the alarm when the disk of the data folder runs low, clear it when there is room; whether all is well."""
    free = free_bytes(folder)
    if free >= LOW_BYTES:
        clear_alarm(LOW_ALARM, str(folder)[:160], at=at)
        return True
    detail = f"{free // 1_000_000} MB are left on the disk of the data folder: make room, or nothing can be stored."
    raise_alarm(LOW_ALARM, str(folder)[:160], detail=detail, at=at)
    return False
