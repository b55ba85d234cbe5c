"""API tokens: ``Authorization: Bearer wet_…`` (RFC 6750)."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from ris.kernel.clock import now

from .models import ApiToken, User
from .services import digest

USED_EVERY = timedelta(minutes=1)
"""``last_used_at`` is written at most this often, so reads stay reads."""


class TokenAuthentication(BaseAuthentication):
    """Logs a request in by its bearer token; a wrong, revoked or inactive one is refused with 401."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        row = ApiToken.objects.select_related("user").filter(digest=digest(token.strip()), revoked_at=None).first()
        if row is None or not row.user.is_active:  # one refusal for all: it must not tell which tokens once were
            raise AuthenticationFailed("This API token is unknown or revoked.")
        at = now()
        ApiToken.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=at - USED_EVERY), pk=row.pk).update(
            last_used_at=at
        )
        return row.user, row

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"  # WWW-Authenticate (RFC 6750, 3); without it DRF answers 403 instead of 401
