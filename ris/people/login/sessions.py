"""The open sessions of a person, and how they are ended: by themselves, by an administrator, or with their account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.errors import NotFound
from ris.people.models import User

from .session import is_locked, is_over


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A browser in which the person is logged in. ``since`` is in UTC."""

    session_id: int
    device: str
    address: str
    since: datetime
    locked: bool
    here: bool


def open_sessions(user: User, current_key: str, *, at: datetime) -> list[OpenSession]:
    """The person's sessions that still hold, newest first. ``current_key``: the session that asks."""
    rows = list(UserSession.objects.filter(user=user).order_by("-created_at"))
    kept = Session.objects.filter(session_key__in=[row.session_key for row in rows], expire_date__gt=at)
    bodies = {session.session_key: session.get_decoded() for session in kept}
    at_s = at.timestamp()
    return [
        OpenSession(
            session_id=row.pk,
            device=row.user_agent,
            address=row.ip,
            since=row.created_at,
            locked=is_locked(bodies[row.session_key], at_s),
            here=row.session_key == current_key,
        )
        for row in rows
        if row.session_key in bodies and not is_over(bodies[row.session_key], at_s)
    ]


@transaction.atomic
def end_session(user: User, session_id: int, *, actor: Actor, at: datetime) -> None:
    """End one session of the person; audited as ``people.end-sessions``. Raises NotFound for anybody else's.

    The next request of that browser finds no session; its websockets are closed within five seconds.
    """
    row = UserSession.objects.filter(user=user, pk=session_id).first()
    if row is None:
        raise NotFound("You have no such session.")
    row.end()
    record(actor, "people.end-sessions", user, at=at, count=1)


@transaction.atomic
def end_sessions(user: User, *, but: str = "", actor: Actor, at: datetime) -> int:
    """End all sessions of the person except the one whose key is ``but``; say how many, and audit it."""
    rows = list(UserSession.objects.filter(user=user).exclude(session_key=but))
    for row in rows:
        row.end()
    record(actor, "people.end-sessions", user, at=at, count=len(rows))
    return len(rows)
