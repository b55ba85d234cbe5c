"""Who asks by FHIR: a person, a program by its API token, or an app by the access token that somebody let it have."""

from __future__ import annotations

from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied

from ris.kernel.clock import now
from ris.kernel.errors import Forbidden
from ris.people.api_auth import TokenAuthentication
from ris.people.http import user_of
from ris.people.models import User

from .refusals import HttpRefusal
from .smart.grants import app_bearer, user_of_app


def log_in(request: HttpRequest, *, for_apps: bool = False) -> User:
    """The user of the bearer token; of the session for reading only, since a session's browser can be made to write.

    ``for_apps``: an app's access token counts, too; its user sees what the app's scopes allow.
    """
    if bearer := app_bearer(request):
        user = user_of_app(bearer, at=now())
        if user is None or not for_apps:
            raise _unknown("This access token is unknown or over, or no scope opens this to an app.")
        request.user = user
        return user
    try:
        known = TokenAuthentication().authenticate(request)  # type: ignore[arg-type]  # it reads the headers alone
    except AuthenticationFailed as failure:
        raise _unknown(str(failure.detail)) from None
    except PermissionDenied as failure:
        raise Forbidden(str(failure.detail)) from None
    if known:
        request.user, request.auth = known  # type: ignore[attr-defined]  # as DRF names it
    elif not request.user.is_authenticated or request.method not in ("GET", "HEAD"):
        raise _unknown("Send Authorization: Bearer, with a token of ./bin/ris token USER.")
    return user_of(request)


def _unknown(detail: str) -> HttpRefusal:
    return HttpRefusal(401, "login", detail, headers={"WWW-Authenticate": "Bearer"})
