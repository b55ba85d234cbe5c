"""Registration of apps: made, changed, given a new secret; what they were granted ends with what they may ask for."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

import jwt
from allauth.idp.oidc.models import Client
from django.db import transaction

from ris.audit.services import Actor, record
from ris.catalog.models import Site
from ris.kernel.errors import Invalid, NotFound
from ris.people.models import User

from .assertions import read_keys
from .grants import end_grants
from .models import App
from .scopes import PATIENT, PLAIN, SYSTEM, USER, read_scope

LONGEST_URL = 300
LOOPBACK = ("localhost", "127.0.0.1", "::1")
WEB = ("https", "http")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppIntent:
    """What an app is registered with. ``jwks``: its public keys as JSON text."""

    name: str
    kind: str
    owner: str
    scopes: tuple[str, ...]
    redirect_uris: tuple[str, ...] = ()
    launch_url: str = ""
    jwks: str = ""
    jwks_url: str = ""
    account: str = ""
    sites: tuple[int, ...] = field(default=())
    is_active: bool = True


NEW = AppIntent(name="", kind=App.PUBLIC, owner="", scopes=())
"""What an empty form shows."""


def intent_of(app: App) -> AppIntent:
    """What the app is registered with now."""
    return AppIntent(
        name=app.client.name,
        kind=app.kind,
        owner=app.owner,
        scopes=tuple(app.client.get_scopes()),
        redirect_uris=tuple(app.client.get_redirect_uris()),
        launch_url=app.launch_url,
        jwks=json.dumps(app.jwks) if app.jwks else "",
        jwks_url=app.jwks_url,
        account=app.account.username if app.account else "",
        sites=tuple(app.sites.values_list("pk", flat=True)),
        is_active=app.is_active,
    )


@transaction.atomic
def register(intent: AppIntent, *, actor: Actor, at: datetime) -> tuple[App, str]:
    """Make an app. Returns it and its secret, which cannot be had again (empty where it has a key, or is public)."""
    client = Client(created_at=at)
    app = App(client=client)
    secret = "" if intent.kind != App.CONFIDENTIAL or intent.jwks or intent.jwks_url else secrets.token_urlsafe(32)
    client.set_secret(secret or secrets.token_urlsafe(32))
    _write(app, intent)
    record(actor, "smart.register", app, at=at, kind=intent.kind, scopes=list(intent.scopes))
    return app, secret


@transaction.atomic
def change(app_id: str, intent: AppIntent, *, actor: Actor, at: datetime) -> App:
    """Change an app; its kind stays. All its grants end: people consented to what it was. Raises Invalid, NotFound."""
    app = find_app(app_id)
    if intent.kind != app.kind:
        raise Invalid("The kind of an app stays. Register another one.", at="kind")
    _write(app, intent)
    end_grants(app, actor=actor, at=at)
    record(actor, "smart.change", app, at=at, active=intent.is_active, scopes=list(intent.scopes))
    return app


@transaction.atomic
def renew_secret(app_id: str, *, actor: Actor, at: datetime) -> str:
    """A new secret for a confidential app; the old one counts no more. Raises Invalid where it has none."""
    app = find_app(app_id)
    if app.kind != App.CONFIDENTIAL or app.jwks or app.jwks_url:
        raise Invalid("This app has no secret.", at="kind")
    secret = secrets.token_urlsafe(32)
    app.client.set_secret(secret)
    app.client.save(update_fields=["secret"])
    record(actor, "smart.secret", app, at=at)
    return secret


def find_app(app_id: str) -> App:
    """The app of an id. Raises NotFound."""
    app = App.objects.select_related("client", "account").filter(pk=app_id).first()
    if app is None:
        raise NotFound("There is no such app.")
    return app


def _write(app: App, intent: AppIntent) -> None:
    client = app.client
    grants = Client.GrantType
    client.name, client.type = _text(intent.name, "name", 100), _type(intent.kind)
    client.set_scopes(list(_scopes(intent)))
    client.set_redirect_uris([_redirect(uri, intent.kind) for uri in intent.redirect_uris])
    persons = [grants.AUTHORIZATION_CODE.value, grants.REFRESH_TOKEN.value]
    client.set_grant_types([grants.CLIENT_CREDENTIALS.value] if intent.kind == App.BACKEND else persons)
    if intent.kind != App.BACKEND and not intent.redirect_uris:
        raise Invalid("An app of people needs a redirect URI.", at="redirect_uris")
    client.save()
    app.kind, app.owner, app.is_active = intent.kind, _text(intent.owner, "owner", 120), intent.is_active
    app.launch_url = _address(intent.launch_url, "launch_url") if intent.launch_url else ""
    app.jwks, app.jwks_url = _keys(intent)
    app.account = _account(intent)
    app.client = client
    app.save()
    sites = list(Site.objects.filter(pk__in=intent.sites))
    if len(sites) != len(set(intent.sites)):
        raise Invalid("There is no such site.", at="sites")
    app.sites.set(sites)


def _type(kind: str) -> str:
    if kind not in dict(App.KINDS):
        raise Invalid(f"The kind is one of {', '.join(dict(App.KINDS))}.", at="kind")
    return str(Client.Type.PUBLIC if kind == App.PUBLIC else Client.Type.CONFIDENTIAL)


def _text(text: str, at: str, most: int) -> str:
    if not text.strip() or len(text) > most or "\x00" in text:
        raise Invalid(f"Say it in at most {most} characters.", at=at)
    return text.strip()


def _scopes(intent: AppIntent) -> tuple[str, ...]:
    contexts = (SYSTEM,) if intent.kind == App.BACKEND else (PATIENT, USER)
    for text in intent.scopes:
        scope = read_scope(text)
        if scope.context not in contexts if scope else (text not in PLAIN or intent.kind == App.BACKEND):
            raise Invalid(
                f"“{text[:80]}” is no scope of this kind of app, such as {contexts[0]}/Patient.rs.", at="scopes"
            )
    if not intent.scopes:
        raise Invalid("Say what it may ask for, such as patient/DiagnosticReport.rs.", at="scopes")
    return intent.scopes


def _address(text: str, at: str) -> str:
    parts = urlsplit(text)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if not is_safe or not parts.hostname or len(text) > LONGEST_URL or set(text) & set("\x00\r\n *#"):
        raise Invalid("An address begins with https:// and has no # and no *.", at=at)
    return text


def _redirect(text: str, kind: str) -> str:
    own_scheme = urlsplit(text).scheme
    if kind == App.PUBLIC and "." in own_scheme and len(text) <= LONGEST_URL and not set(text) & set("\x00\r\n *#"):
        return text  # an app of a phone: its scheme is a domain of its own, reversed (RFC 8252, 7.1)
    return _address(text, "redirect_uris")


def _keys(intent: AppIntent) -> tuple[dict[str, object], str]:
    if intent.kind == App.PUBLIC and (intent.jwks or intent.jwks_url):
        raise Invalid("A public app keeps no key.", at="jwks")
    if intent.kind == App.BACKEND and not intent.jwks and not intent.jwks_url:
        raise Invalid("A backend service needs its public keys, or the address where they are.", at="jwks")
    url = _address(intent.jwks_url, "jwks_url") if intent.jwks_url else ""
    if not intent.jwks.strip():
        return {}, url
    try:
        keys = read_keys(json.loads(intent.jwks))
        public = [key for key in keys if jwt.PyJWK(key).key and "d" not in key and "k" not in key]
    except (ValueError, RecursionError, jwt.PyJWTError):
        public, keys = [], []
    if not keys or len(public) != len(keys):
        raise Invalid('Give a JWK set of public keys: {"keys": [{"kty": …, "kid": …}]}.', at="jwks")
    return {"keys": keys}, url


def _account(intent: AppIntent) -> User | None:
    if intent.kind != App.BACKEND:
        return None
    user = User.objects.filter(username=intent.account, is_active=True).first() if intent.account else None
    if user is None or user.is_superuser:
        raise Invalid("Name the account that it acts as, with roles and sites of its own.", at="account")
    return user
