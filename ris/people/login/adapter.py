"""How django-allauth does things here: our throttle, our audit, no sign-up and no e-mail."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from ris.kernel.clock import now
from ris.kernel.values import key_ring
from ris.people.models import User

from .policy import came_by_provider
from .throttle import is_throttled, note_failure

QUIET = ("account/messages/logged_in.txt", "account/messages/logged_out.txt")
"""Messages that say what the screen shows anyway."""

TOO_MANY = "Too many wrong attempts. Wait 15 minutes, or ask an administrator."


def address_of(request: HttpRequest) -> str:
    """The browser's network address. A proxy named in RIS_PROXY has been accounted for by the web server."""
    return str(request.META.get("REMOTE_ADDR", ""))


class AccountAdapter(DefaultAccountAdapter):
    """Log-ins by user name and password."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "User name or password is wrong.",
        "enter_current_password": "The password is wrong.",
        "incorrect_password": "The password is wrong.",
        "too_many_login_attempts": TOO_MANY,
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never: administrators make accounts."""
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Raise ValidationError for an account or address with too many failures."""
        if is_throttled(credentials.get("username", ""), address_of(request), at=now()):
            raise ValidationError(TOO_MANY, code="too_many_login_attempts")

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Count and audit a wrong password."""
        name = credentials.get("username", "")
        user = User.objects.filter(username__iexact=name).first()
        note_failure(name, address_of(request), user_id=user.pk if user else None, how="password", at=now())

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Not at once after an identity provider has said who is there: they may have nothing to show here."""
        if came_by_provider(context.request.session, at=now()):
            return False
        return bool(super().is_reauthentication_required(app=app, **kwargs))

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        """To the log-in page, which says nothing of accounts that are switched off."""
        return HttpResponseRedirect(reverse("account_login"))

    def add_message(self, request: HttpRequest, level: int, message_template: str | None = None,
                    message_context: Any = None, extra_tags: str = "", message: str | None = None) -> None:  # fmt: skip
        """Leave out messages of no news."""
        if message_template not in QUIET:
            super().add_message(request, level, message_template, message_context, extra_tags, message)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Back to the profile."""
        return reverse("people:profile")


class SecondFactorAdapter(DefaultMFAAdapter):
    """Second factors under the user name: people here have no e-mail address to show."""

    error_messages = DefaultMFAAdapter.error_messages | {"incorrect_code": "The code is wrong."}

    def _get_user_identifier(self, user: Any) -> str:
        return str(user.get_username())

    def encrypt(self, text: str) -> str:
        """Seeds of one-time passwords and of recovery codes are kept under the key ring."""
        return key_ring.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """The counterpart. Raises KeyMissing."""
        return key_ring.decrypt(encrypted_text)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """The relying party (WebAuthn 5.4.2): passkeys belong to the host name they were made at."""
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        return entity | {"name": "Wetread"}
