"""Who works here no more: everything of theirs ends in one transaction, at once or when a locum's time is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from allauth.idp.oidc.models import Token
from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.events import Event, emit
from ris.people.models import ApiToken, User

from .sessions import end_sessions


@dataclass(frozen=True, kw_only=True)
class PersonLeft(Event):
    """Somebody works here no more: their account is off. What they hold goes to others. Stream: ``person:<id>``."""

    user_id: int


@transaction.atomic
def leave(user: User, *, reason: str, actor: Actor, at: datetime) -> None:
    """Switch the account off, end its API tokens, its sessions and what apps may do for it, and take its PIN.

    Audited as ``people.leave``.

    Cases that the person holds go to a lead, drafts and all, once the relay has brought PersonLeft. Idempotent.
    """
    User.objects.filter(pk=user.pk).update(is_active=False, pin="")
    user.is_active = False
    tokens = ApiToken.objects.filter(user=user, revoked_at=None).update(revoked_at=at)
    apps, _ = Token.objects.filter(user=user).delete()  # of apps that they let in
    sessions = end_sessions(user, actor=actor, at=at)
    record(actor, "people.leave", user, at=at, reason=reason, tokens=tokens, apps=apps, sessions=sessions)
    emit(PersonLeft(stream=f"person:{user.pk}", at=at, user_id=user.pk))


def end_locums(*, at: datetime) -> int:
    """Let everybody leave whose ``leaves_at`` has come; say how many."""
    over = list(User.objects.filter(is_active=True, leaves_at__lte=at))
    for user in over:
        leave(user, reason="the locum's time is over", actor=Actor.job("locums"), at=at)
    return len(over)
