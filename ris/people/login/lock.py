"""A locked screen: the session stays, nothing is shown. The same person unlocks it, by password, PIN or passkey."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from allauth.account.adapter import get_adapter
from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from ris.audit.services import Actor, record
from ris.kernel.errors import Conflict, Forbidden, Invalid
from ris.people.models import User

from .adapter import TOO_MANY, address_of
from .session import BEGAN, LOCKED, begin_session
from .throttle import forget_failures, is_throttled, note_failure

PIN = re.compile(r"\d{6,12}")
WEAK = re.compile(r"(\d)\1*|0123456789?.*|123456.*|654321.*")
"""PINs of one digit, and counted ones."""


def lock(session: Any, user: User, *, actor: Actor, at: datetime) -> None:
    """Lock the session; audited as ``people.lock`` unless it was locked before."""
    if LOCKED not in session:
        session[LOCKED] = True
        record(actor, "people.lock", user, at=at)


def unlock(request: HttpRequest, user: User, secret: str, *, actor: Actor, at: datetime) -> None:
    """Unlock the request's session by the password or the PIN of its person; audited as ``people.unlock``.

    Raises Forbidden for a wrong secret, and after too many of them.
    """
    if user.pin and PIN.fullmatch(secret):
        _check_pin(user, secret, address_of(request), at=at)
    else:
        _check_secret(request, user, secret)
    finish_unlock(request.session, user, how="pin or password", actor=actor, at=at)


def finish_unlock(session: Any, user: User, *, how: str, actor: Actor, at: datetime) -> None:
    """Unlock a session whose person has shown who they are. The twelve hours still count from the log-in."""
    began_s = session.get(BEGAN)
    begin_session(session, user, at=at)
    if began_s is not None:
        session[BEGAN] = began_s
    forget_failures(user.get_username(), at=at)
    record(actor, "people.unlock", user, at=at, how=how)


def _check_pin(user: User, secret: str, address: str, *, at: datetime) -> None:
    if is_throttled(user.get_username(), address, at=at):
        raise Forbidden(TOO_MANY, code="throttled")
    if not check_password(secret, user.pin):
        note_failure(user.get_username(), address, user_id=user.pk, how="pin", at=at)
        raise Forbidden("The PIN is wrong.", code="wrong-secret")


def _check_secret(request: HttpRequest, user: User, secret: str) -> None:
    try:
        right = get_adapter(request).reauthenticate(user, secret)
    except ValidationError as error:
        raise Forbidden(error.messages[0], code="throttled") from None
    if not right:
        raise Forbidden("The password is wrong.", code="wrong-secret")


def set_pin(user: User, pin: str, *, actor: Actor, at: datetime) -> None:
    """Set the PIN that unlocks the person's own screens, or take it away (empty); audited as ``people.pin``.

    Only its hash is kept. Raises Invalid for one that is short or easily guessed.
    """
    if pin and not PIN.fullmatch(pin):
        raise Invalid("A PIN has 6 to 12 digits.", at="pin")
    if pin and WEAK.fullmatch(pin):
        raise Invalid("This PIN is easily guessed. Take another.", at="pin")
    if not user.is_active:
        raise Conflict("This account is switched off.")
    User.objects.filter(pk=user.pk).update(pin=make_password(pin) if pin else "")
    record(actor, "people.pin", user, at=at, kept=bool(pin))
