"""What every edge does first: turn a request into who is asking and from where, and whether they are still there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest

from ris.audit.services import Actor

from .models import User

SEEN = "seen"
"""Of a session: when its person was last seen, in whole seconds since 1970."""


def user_of(request: Any) -> User:
    """The logged-in user of a Django or DRF request; the edge has made sure that there is one."""
    return cast(User, request.user)


def actor_of(request: HttpRequest | Any) -> Actor:
    """Who acts, with the address they come from."""
    return Actor.of_user(user_of(request), str(request.META.get("REMOTE_ADDR", "")))


def is_idle(session: Mapping[str, Any], at_s: float | None = None) -> bool:
    """Whether a session's person did nothing for ``settings.IDLE_LOG_OFF``; for requests and for open websockets.

    One that was not seen yet has only just begun. ``at_s``: seconds since 1970; None: now.
    """
    seen_s = session.get(SEEN)
    now_s = time.time() if at_s is None else at_s
    return seen_s is not None and now_s - seen_s > settings.IDLE_LOG_OFF.total_seconds()
