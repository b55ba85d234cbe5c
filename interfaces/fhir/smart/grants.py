"""Grants and their access tokens: for whom an app asks now, and how all of it ends."""

from __future__ import annotations

from datetime import datetime, timedelta

from allauth.idp.oidc.models import Token
from django.db import transaction
from django.http import HttpRequest

from ris.audit.services import Actor, record
from ris.people.models import User
from ris.people.services import digest

from ..resources.patient import living_id
from .access import AppLimits
from .models import App, Grant
from .scopes import read_scopes

PREFIX = "wsa_"
"""Begins every access token, so that it is told from an API token without asking the database."""
USED_EVERY = timedelta(minutes=1)
"""``last_used_at`` is written at most this often, so reads stay reads."""


def app_bearer(request: HttpRequest) -> str:
    """The access token of an app in the header Authorization (RFC 6750, 2.1); empty when there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip().startswith(PREFIX) else ""


def user_of_app(bearer: str, *, at: datetime) -> User | None:
    """The user for whom the token's app asks, limited to its scopes, sites and patient; None where it is over."""
    token = Token.objects.filter(type=Token.Type.ACCESS_TOKEN, hash=digest(bearer), expires_at__gt=at).first()
    grant = grant_of(token) if token else None
    if token is None or grant is None:
        return None
    app, user = grant.app, grant.user
    user.limits = AppLimits(
        cans=None,
        site_ids=frozenset(app.sites.values_list("pk", flat=True)) or None,
        client=app.pk,
        scopes=read_scopes(token.get_scopes()),
        patient_id=living_id(grant.patient_id) if grant.patient_id else None,
    )
    if app.last_used_at is None or app.last_used_at < at - USED_EVERY:
        App.objects.filter(pk=app.pk).update(last_used_at=at)
    return user


def grant_of(token: Token) -> Grant | None:
    """The grant of a token, as long as its app and its person (or account) are there."""
    rows = Grant.objects.select_related("app", "user").filter(app__is_active=True, user__is_active=True)
    found: Grant | None = rows.filter(pk=token.get_grant_id() or "", app=token.client_id).first()
    return found


@transaction.atomic
def end_grants(app: App, *, actor: Actor, at: datetime) -> int:
    """Have no token of the app count from now on, refresh tokens and codes included; say how many grants there were."""
    Token.objects.filter(client=app.pk).delete()
    count, _ = Grant.objects.filter(app=app).delete()
    record(actor, "smart.revoke", app, at=at, grants=count)
    return count
