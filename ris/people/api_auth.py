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
        found = ApiToken.objects.select_related("user").filter(digest=digest(token.strip()), revoked_at=None).first()
        if found is None or not found.user.is_active:
            raise AuthenticationFailed("This API token is unknown or revoked.")
        at = now()
        ApiToken.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=at - USED_EVERY), pk=found.pk).update(
            last_used_at=at
        )
        return found.user, found

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
