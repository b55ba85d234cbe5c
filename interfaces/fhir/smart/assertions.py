"""Log-in of an app by a signed assertion: ``private_key_jwt`` (RFC 7523; SMART App Launch, asymmetric)."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
from django.conf import settings
from django.db import IntegrityError, transaction

from ris.kernel.values.webhooks import AddressRefused, choose_ip

from .keys import endpoint
from .models import App, UsedAssertion

KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("RS384", "ES384")
LONGEST = timedelta(minutes=5)
LEEWAY_S = 30
MOST_BYTES = 100_000
TIMEOUT_S = 5.0


def app_of_assertion(assertion: str, *, at: datetime) -> App | None:
    """The active app whose key signed it: issuer and subject are its id, the audience is our token endpoint, it lasts
    at most five minutes, and it was not used before. None otherwise."""
    try:
        header = jwt.get_unverified_header(assertion)
        claims = jwt.decode(assertion, options={"verify_signature": False})
        app = App.objects.select_related("client").filter(pk=str(claims.get("iss", "")), is_active=True).first()
        if app is None or app.kind == App.PUBLIC or header.get("alg") not in ALGORITHMS:
            return None
        claims = _verify(assertion, header, app)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if not _is_short(claims, at) or claims["sub"] != app.pk or not 1 <= len(str(claims["jti"])) <= 500:
        return None
    return app if _use(app, str(claims["jti"]), at) else None


def _verify(assertion: str, header: dict[str, Any], app: App) -> dict[str, Any]:
    """The claims, where one of the app's keys signed them. Raises jwt.PyJWTError."""
    for key in _keys(app):
        if key.get("kid") != header.get("kid"):
            continue
        try:
            verified: dict[str, Any] = jwt.decode(
                assertion, jwt.PyJWK(key, header["alg"]).key, algorithms=[header["alg"]], audience=endpoint("token"),
                leeway=LEEWAY_S, options={"require": ["iss", "sub", "aud", "exp", "jti"]},
            )  # fmt: skip
        except jwt.InvalidSignatureError:
            continue
        return verified
    raise jwt.InvalidSignatureError


def _is_short(claims: dict[str, Any], at: datetime) -> bool:
    ends = datetime.fromtimestamp(int(claims["exp"]), UTC)
    return ends <= at + LONGEST + timedelta(seconds=LEEWAY_S)


def _use(app: App, jti: str, at: datetime) -> bool:
    """Whether this is the first time; of two at once one is."""
    UsedAssertion.objects.filter(expires_at__lt=at).delete()
    digest = hashlib.sha256(jti.encode()).hexdigest()
    try:
        with transaction.atomic():
            UsedAssertion.objects.create(app=app, digest=digest, expires_at=at + 2 * LONGEST)
    except IntegrityError:
        return False
    return True


def _keys(app: App) -> list[dict[str, Any]]:
    """The app's public keys: those of its row, else those at its address; none where that does not answer."""
    if app.jwks or not app.jwks_url:
        return read_keys(app.jwks)
    try:
        return read_keys(_fetch(app.jwks_url))
    except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL):
        return []


def read_keys(jwks: Any) -> list[dict[str, Any]]:
    """The keys of a JWK set (RFC 7517, 5). Raises ValueError for what is none."""
    keys = jwks.get("keys", []) if isinstance(jwks, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise ValueError("no JWK set")
    return keys


def _fetch(address: str) -> Any:
    """GET a JWK set by the policy of addresses that people typed: no redirect, and only where we may call.

    Raises AddressRefused (a ValueError), OSError, httpx.HTTPError.
    """
    url = httpx.URL(address)
    if url.scheme != "https":
        raise AddressRefused(f"{url.host} is not called by https")
    ip = choose_ip(url.host, url.port or 443, settings.RIS.webhook_networks)
    headers = {"Host": url.netloc.decode("ascii"), "Accept": "application/json"}
    with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
        response = client.get(url.copy_with(host=ip), headers=headers, extensions={"sni_hostname": url.host})
        response.raise_for_status()
    if len(response.content) > MOST_BYTES:
        raise ValueError("too long")
    return json.loads(response.content)
