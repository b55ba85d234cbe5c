"""The forms of log-in, with our throttle around the codes of a second factor."""

from __future__ import annotations

from allauth.account.forms import LoginForm as AllauthLoginForm
from allauth.core import context
from allauth.mfa.base import forms as codes
from django import forms
from django.core.exceptions import ValidationError

from ris.kernel.clock import now

from .adapter import TOO_MANY, address_of
from .policy import has_left
from .throttle import is_throttled, note_failure


class LoginForm(AllauthLoginForm):
    """User name and password. An inactive account is refused like a wrong password."""

    def clean(self) -> dict[str, object]:
        """Check the password. Raises ValidationError, in the same words whatever was wrong."""
        cleaned: dict[str, object] = super().clean()
        if self.user is not None and (not self.user.is_active or has_left(self.user, at=now())):
            name = str(self.cleaned_data["login"])
            note_failure(name, address_of(self.request), user_id=self.user.pk, how="inactive", at=now())
            raise ValidationError("User name or password is wrong.", code="username_password_mismatch")
        return cleaned


class _Throttled(codes.BaseAuthenticateForm):
    def clean_code(self) -> str:
        address, name = address_of(context.request), self.user.get_username()
        if is_throttled(name, address, at=now()):
            raise ValidationError(TOO_MANY, code="too_many_login_attempts")
        try:
            code: str = super().clean_code()
        except ValidationError:
            note_failure(name, address, user_id=self.user.pk, how="code", at=now())
            raise
        return code


class CodeForm(_Throttled, codes.AuthenticateForm):
    """A code of an authenticator app, or a recovery code, while logging in."""

    code = forms.CharField(
        label="Code", widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True})
    )


class CodeAgainForm(_Throttled, codes.ReauthenticateForm):
    """The same before a page that asks anew who is there."""
