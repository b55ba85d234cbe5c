"""The authorization server: oauthlib's endpoints over allauth's clients and tokens, with what SMART asks beyond them.

What of allauth is internal is used here, in :mod:`.endpoints` and :mod:`.consent` only (ADR 0011).
"""

from __future__ import annotations

import secrets
import uuid
from datetime import timedelta
from typing import Any

from allauth.idp.oidc.internal.oauthlib.request_validator import OAuthLibRequestValidator
from allauth.idp.oidc.internal.oauthlib.server import claim_authorization_code, validate_code_challenge_method
from allauth.idp.oidc.internal.oauthlib.utils import get_validator_context
from allauth.idp.oidc.models import Client
from oauthlib.common import Request
from oauthlib.openid import Server

from ris.audit.services import Actor, record
from ris.kernel.clock import now

from .context import Context, read_context, say_context
from .grants import PREFIX, grant_of
from .models import App, Grant
from .scopes import OFFLINE, ONLINE, PATIENT, SYSTEM, USER, keep_allowed

PERSONS_TOKEN_S, PROGRAMS_TOKEN_S = 900, 300
REFRESHED_FOR = {OFFLINE: timedelta(days=180), ONLINE: timedelta(hours=12)}
"""How long a grant is refreshed: while away, or for a shift."""
PROGRAM = Client.GrantType.CLIENT_CREDENTIALS


class SmartValidator(OAuthLibRequestValidator):
    """allauth's validator for active apps; ``app``: the one that an assertion of this request proved, if any."""

    def __init__(self, app: App | None = None) -> None:
        super().__init__()
        self.app = app

    def _lookup_client(self, request: Request, client_id: Any) -> Client | None:
        cache = get_validator_context().clients
        if client_id not in cache:
            rows = Client.objects.filter(smart__is_active=True).select_related("smart__account")
            cache[client_id] = rows.filter(pk=str(client_id)).first()
        return cache[client_id]

    def authenticate_client(self, request: Request, *args: Any, **kwargs: Any) -> bool:
        """By the assertion; by the secret only where the app has no key."""
        if self.app is not None:
            client = self._lookup_client(request, self.app.pk)
            if client is None or request.client_id not in (None, client.pk):
                return False
            self._use_client(request, client)
        elif not super().authenticate_client(request, *args, **kwargs) or has_key(request.client.smart):
            return False
        request.client_id = request.client.pk
        if request.grant_type == PROGRAM:
            request.user = request.client.smart.account
            return bool(request.user and request.user.is_active)
        return True

    def client_authentication_required(self, request: Request, *args: Any, **kwargs: Any) -> bool:
        """Also where an assertion came with it."""
        return self.app is not None or super().client_authentication_required(request, *args, **kwargs)

    def get_authorization_code_scopes(
        self, client_id: Any, code: Any, redirect_uri: Any, request: Request
    ) -> list[str]:
        """Scopes of a code; of an app that says who it is by its assertion only, too."""
        known = client_id or (self.app.pk if self.app else None)
        scopes: list[str] = super().get_authorization_code_scopes(known, code, redirect_uri, request)
        return scopes

    def is_pkce_required(self, client_id: Any, request: Request) -> bool:
        """Of every app (App Launch, 2.0.6)."""
        return True

    def validate_scopes(
        self, client_id: Any, scopes: list[str], client: Any, request: Request, *a: Any, **k: Any
    ) -> bool:
        """Grant what of it the app may have (the answer says what); refuse where that is nothing."""
        contexts = (SYSTEM,) if request.grant_type == PROGRAM else (PATIENT, USER)
        request.scopes = keep_allowed(scopes, request.client.get_scopes(), contexts)
        return bool(request.scopes)

    def save_authorization_code(self, client_id: Any, code: Any, request: Request, *args: Any, **kwargs: Any) -> None:
        """With the grant, which holds the launch context."""
        super().save_authorization_code(client_id, code, request, *args, **kwargs)
        context: Context = request.smart_context
        make_grant(get_validator_context().grant_id, request, context)

    def validate_code(
        self, client_id: Any, code: Any, client: Any, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        """Only while its grant stands."""
        if not super().validate_code(client_id, code, client, request, *args, **kwargs):
            return False
        grant = Grant.objects.filter(pk=get_validator_context().grant_id, user__is_active=True)
        return bool(grant.exists())

    def validate_refresh_token(self, refresh_token: Any, client: Any, request: Request, *a: Any, **k: Any) -> bool:
        """Only while its grant stands, and for as long as was consented to."""
        if not super().validate_refresh_token(refresh_token, client, request, *a, **k):
            return False
        token = get_validator_context().refresh_token
        grant = grant_of(token)
        lasts = [REFRESHED_FOR[scope] for scope in token.get_scopes() if scope in REFRESHED_FOR]
        return grant is not None and bool(lasts) and now() < grant.created_at + max(lasts)

    def save_bearer_token(self, token: dict[str, Any], request: Request, *args: Any, **kwargs: Any) -> None:
        """Keep the tokens; add the launch context to the answer (App Launch, 2.0.11)."""
        context = get_validator_context()
        if not REFRESHED_FOR.keys() & set(request.scopes):
            token.pop("refresh_token", None)
        if context.refresh_token is not None:
            context.grant_id = context.refresh_token.get_grant_id()
        if context.grant_id is None:
            context.grant_id = make_grant(uuid.uuid4().hex, request, Context()).pk
        super().save_bearer_token(token, request, *args, **kwargs)
        grant = Grant.objects.select_related("user", "procedure__order").get(pk=context.grant_id)
        token.update(say_context(read_context(grant), grant.user, request.scopes))
        record(
            Actor(grant.user.username, grant.user.pk, client=grant.app_id), "smart.token", grant.app,
            patient_id=grant.patient_id, at=now(), grant=request.grant_type, scopes=request.scopes,
        )  # fmt: skip

    def validate_bearer_token(self, token: Any, scopes: Any, request: Request) -> bool:
        """Only while its grant stands."""
        valid = super().validate_bearer_token(token, scopes, request)
        return bool(valid and grant_of(get_validator_context().access_token))

    def introspect_token(
        self, token: Any, hint: Any, request: Request, *args: Any, **kwargs: Any
    ) -> dict[str, Any] | None:
        """What allauth says, with the launch context; None (not active) where the grant is over."""
        claims: dict[str, Any] | None = super().introspect_token(token, hint, request, *args, **kwargs)
        return claims if claims is not None and claims.pop("is_granted", False) else None


def has_key(app: App) -> bool:
    """Whether the app proves itself by a key: then no secret counts."""
    return app.kind == App.BACKEND or bool(app.jwks or app.jwks_url)


def make_grant(grant_id: str, request: Request, context: Context) -> Grant:
    """The row of what a person, or an account, lets an app do; audited where it is answered."""
    return Grant.objects.create(
        pk=grant_id, app=request.client.smart, user=request.user, patient_id=context.patient_id,
        procedure_id=context.procedure_id, is_launched=context.is_launched, created_at=now(),
    )  # fmt: skip


def make_server(app: App | None = None) -> Server:
    """The endpoints for one request: authorization code with PKCE S256, refresh, client credentials."""
    server = Server(
        SmartValidator(app),
        token_expires_in=lambda request: PROGRAMS_TOKEN_S if request.grant_type == PROGRAM else PERSONS_TOKEN_S,
        token_generator=lambda request: PREFIX + secrets.token_urlsafe(32),
        refresh_token_generator=lambda request: secrets.token_urlsafe(32),
    )
    for grant in (server.auth_grant, server.openid_connect_auth):
        grant.custom_validators.pre_auth.append(validate_code_challenge_method)
        grant.custom_validators.post_token.append(claim_authorization_code)
    return server
