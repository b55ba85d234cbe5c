"""What a session holds of its person: since when, last seen when, after how long its screens lock."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

from ris.people.models import User

from .policy import idle_limit_s

SEEN = "seen"
"""Key in a session: when its person was last seen, in whole seconds since 1970."""
BEGAN = "began"
"""Key in a session: when its person logged in, in whole seconds since 1970."""
IDLE = "idle"
"""Key in a session: seconds without activity after which it locks."""
FACTOR = "factor"
"""Key in a session: present once no rule demands a second factor that the person lacks."""
LOCKED = "locked"
"""Key in a session: present while it is locked."""


def begin_session(session: Any, user: User, *, at: datetime) -> None:
    """Note that the person has just logged in."""
    session.pop(LOCKED, None)
    session[BEGAN] = session[SEEN] = int(at.timestamp())
    session[IDLE] = idle_limit_s(user)
    session.pop(FACTOR, None)


def note_seen(session: Any, user: User, at_s: int) -> None:
    """Note that the person did something; a changed rule on idle screens counts from now on."""
    session[SEEN] = at_s
    session.setdefault(BEGAN, at_s)
    session[IDLE] = idle_limit_s(user)
    session.pop(FACTOR, None)


def is_over(session: Mapping[str, Any], at_s: float | None = None) -> bool:
    """Whether the log-in is older than ``settings.LONGEST_SESSION``, whatever was done since."""
    now_s = time.time() if at_s is None else at_s
    began_s = session.get(BEGAN)
    return began_s is not None and now_s - began_s > settings.LONGEST_SESSION.total_seconds()


def is_locked(session: Mapping[str, Any], at_s: float | None = None) -> bool:
    """Whether a session was locked, or its person did nothing for too long; for requests and open websockets.

    A session without :data:`SEEN` has only just begun. ``at_s``: seconds since 1970; None: now.
    """
    if LOCKED in session:
        return True
    now_s = time.time() if at_s is None else at_s
    seen_s = session.get(SEEN)
    limit_s = session.get(IDLE, settings.IDLE_LOCK.total_seconds())
    return seen_s is not None and now_s - seen_s > limit_s
