"""How many wrong passwords, PINs and codes are let by, for an account and for an address.

The counts lie in the database, so that they hold across processes and restarts, and whatever Redis does.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.crypto import salted_hmac

from ris.audit.services import Actor, record
from ris.kernel.alarms import raise_alarm

from .models import LoginFailure

WINDOW = timedelta(minutes=15)
MOST_OF_ACCOUNT = 10
"""Failures of one account within :data:`WINDOW`; after them it takes no password, right or wrong."""
MOST_OF_ADDRESS = 60
"""The same of one address. Higher: a whole hospital may come from behind one."""
KEPT = timedelta(days=1)

ALARM = "login-failures"


def account_digest(username: str) -> str:
    """The digest under which failures of a user name are counted; upper and lower case are the same."""
    return salted_hmac("ris.people.login", username.strip().lower(), algorithm="sha256").hexdigest()


def is_throttled(username: str, address: str, *, at: datetime) -> bool:
    """Whether the account or the address has had its failures within :data:`WINDOW`."""
    recent = LoginFailure.objects.filter(at__gt=at - WINDOW)
    if recent.filter(account=account_digest(username)).count() >= MOST_OF_ACCOUNT:
        return True
    return recent.filter(address=address).count() >= MOST_OF_ADDRESS


def note_failure(username: str, address: str, *, user_id: int | None, how: str, at: datetime) -> None:
    """Count and audit (``people.login-failed``) a failure; alarm ``login-failures`` when it was the last allowed.

    ``how``: ``password``, ``pin``, ``code``. ``user_id``: None when there is no such account.
    """
    row = LoginFailure.objects.create(account=account_digest(username), user_id=user_id, address=address, at=at)
    # An unknown name stays out of the audit trail: it may be a password in the wrong field.
    name = username if user_id is not None else "unknown account"
    record(Actor(name, user_id, address), "people.login-failed", row, at=at, how=how)
    LoginFailure.objects.filter(at__lt=at - KEPT).delete()
    recent = LoginFailure.objects.filter(at__gt=at - WINDOW)
    if recent.filter(account=row.account).count() >= MOST_OF_ACCOUNT:
        raise_alarm(ALARM, name, detail=f"{MOST_OF_ACCOUNT} failed log-ins within 15 minutes.", at=at)
    if recent.filter(address=address).count() >= MOST_OF_ADDRESS:
        raise_alarm(ALARM, address, detail=f"{MOST_OF_ADDRESS} failed log-ins within 15 minutes.", at=at)


def forget_failures(username: str, *, at: datetime) -> None:
    """Begin to count anew for an account whose person has logged in. Failures of the address still count."""
    LoginFailure.objects.filter(account=account_digest(username), at__lte=at).update(account="")
