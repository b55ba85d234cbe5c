"""A sealed administrator, for when the identity provider is away: opened on the server only, for hours, and alarmed."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.db import transaction

from ris.audit.services import Actor, record
from ris.catalog.models import Site
from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.errors import Invalid
from ris.kernel.values import check_reason
from ris.people.models import User
from ris.people.roles import Role
from ris.people.services import grant

from .leavers import leave
from .policy import SEALED
from .throttle import forget_failures

ALARM = "administrator-unsealed"
LONGEST_HOURS = 12


@transaction.atomic
def open_seal(*, hours: int, reason: str, actor: Actor, at: datetime) -> str:
    """Switch the account on and return its password, which is new each time and shown once.

    It closes by itself after ``hours``. Audited as ``people.seal-open``; the alarm stays open as long as the account.
    Raises Invalid without a reason, or for more than :data:`LONGEST_HOURS`.
    """
    if not reason.strip():
        raise Invalid("Say why it is opened.", at="reason")
    check_reason(reason)
    if not 1 <= hours <= LONGEST_HOURS:
        raise Invalid(f"It stays open for 1 to {LONGEST_HOURS} hours.", at="hours")
    user, _ = User.objects.get_or_create(
        username=SEALED, defaults={"first_name": "Sealed", "last_name": "Administrator"}
    )
    password = secrets.token_urlsafe(18)
    user.set_password(password)  # ends what sessions there were, too
    user.is_active, user.leaves_at = True, at + timedelta(hours=hours)
    user.save()
    grant(user, roles=[Role.ADMINISTRATOR], sites=Site.objects.all(), actor=actor, at=at)
    forget_failures(SEALED, at=at)
    record(actor, "people.seal-open", user, reason=reason.strip(), at=at, hours=hours)
    raise_alarm(ALARM, SEALED, detail=f"Opened by {actor.name} for {hours} h: {reason.strip()}", at=at)
    return password


@transaction.atomic
def seal(*, actor: Actor, at: datetime) -> bool:
    """Switch the account off, with its sessions and tokens, and clear the alarm; whether it was open."""
    user = User.objects.filter(username=SEALED, is_active=True).first()
    if user is not None:
        leave(user, reason="sealed again", actor=actor, at=at)
        user.set_unusable_password()
        user.save(update_fields=["password"])
    clear_alarm(ALARM, SEALED, at=at)
    return user is not None


def open_until(*, at: datetime) -> datetime | None:
    """Until when the account is open; None while it is sealed."""
    user = User.objects.filter(username=SEALED, is_active=True, leaves_at__gt=at).first()
    return user.leaves_at if user else None


def note_closed(*, at: datetime) -> None:
    """Clear the alarm once the account has closed by itself."""
    if open_until(at=at) is None:
        clear_alarm(ALARM, SEALED, at=at)
