"""API tokens: ``Authorization: Bearer wet_…`` (RFC 6750)."""

from __future__ import annotations

from datetime import timedelta

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from ris.kernel.clock import now
from ris.kernel.db.statements import PreparedQuery

from .models import ApiToken, User
from .selectors import user_of_token
from .services import digest

USED_EVERY = timedelta(minutes=1)
"""``last_used_at`` is written at most this often, so reads stay reads."""


_TOKEN = PreparedQuery(lambda digest: ApiToken.objects.filter(digest=digest), related=("user",))
"""Asked by each call; whether it counts still is asked of the row."""


class TokenAuthentication(BaseAuthentication):
    """Logs a request in by its bearer token, within what the token carries.

    A wrong, revoked, expired or inactive one is refused with 401; a write with one that only reads, with 403.
    """

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        row = _TOKEN.first(digest(token.strip()))
        at = now()
        user = user_of_token(row, at=at) if row else None
        if row is None or user is None:  # one refusal for all: it must not tell which tokens once were
            raise AuthenticationFailed("This API token is unknown, revoked or expired.")
        if row.read_only and request.method not in SAFE_METHODS:
            raise PermissionDenied("This API token only reads.")
        if row.last_used_at is None or row.last_used_at < at - USED_EVERY:
            ApiToken.objects.filter(pk=row.pk).update(last_used_at=at)
        return user, row

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"  # WWW-Authenticate (RFC 6750, 3); without it DRF answers 403 instead of 401
