"""Which identity providers there are: RIS_IDENTITY_PROVIDERS (a JSON list), checked, and as django-allauth reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ris.kernel.errors import Invalid

OIDC, SAML = "oidc", "saml"
REQUIRED = {OIDC: {"issuer", "client_id"}, SAML: {"entity_id", "sso_url", "certificate"}}
OPTIONAL = {"groups", "trusted_email", "second_factor"}
BY_KIND = {OIDC: REQUIRED[OIDC] | {"client_secret", "scopes"}, SAML: REQUIRED[SAML]}
SAML_ATTRIBUTES = {
    "uid": ["urn:oasis:names:tc:SAML:attribute:subject-id"],
    "username": ["urn:oid:0.9.2342.19200300.100.1.1", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"],
    "email": ["urn:oid:0.9.2342.19200300.100.1.3",
              "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"],
    "first_name": ["urn:oid:2.5.4.42", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname"],
    "last_name": ["urn:oid:2.5.4.4", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname"],
}  # fmt: skip
"""Attributes by their names in the SAML attribute profile for LDAP (uid, mail, givenName, sn) and those of ADFS."""


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """A system that says who somebody is. ``options``: what its kind needs, secrets among them."""

    id: str
    name: str
    kind: str
    options: dict[str, Any]
    groups: str
    """Name of the claim or attribute with the groups; ``a.b`` is the member ``b`` of the claim ``a``."""
    trusted_email: bool
    """Its verified e-mail addresses open the account here that has the same one."""
    second_factor: bool
    """It asks for a second factor itself, so a login rule that demands one is met."""

    @property
    def origin(self) -> str:
        """Where browsers are sent, as a source of a Content-Security-Policy."""
        parts = urlsplit(self.options["issuer" if self.kind == OIDC else "sso_url"])
        return f"{parts.scheme}://{parts.netloc}"


def read_providers(text: str) -> dict[str, IdentityProvider]:
    """The providers by id; none for an empty text. Raises Invalid, whose words show no secret."""
    if not text.strip():
        return {}
    try:
        rows = json.loads(text)
    except ValueError:
        raise Invalid("it is no JSON.", at="a list of objects") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Invalid("it is no list of objects.", at="a list of objects")
    providers = [_read(row) for row in rows]
    if len({provider.id for provider in providers}) < len(providers):
        raise Invalid("two providers have the same id.", at="an id of its own for each")
    return {provider.id: provider for provider in providers}


def _read(row: dict[str, Any]) -> IdentityProvider:
    identifier, kind = str(row.get("id", "")), str(row.get("kind", ""))
    # It stands in addresses that are registered with the provider.
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", identifier):
        raise Invalid("a provider has no good id.", at="an id of small letters, digits and hyphens")
    if kind not in BY_KIND:
        raise Invalid(f"the kind of {identifier} is unknown.", at="kind: oidc or saml")
    given = set(row) - {"id", "kind", "name"}
    if missing := REQUIRED[kind] - given:
        raise Invalid(f"{identifier} lacks {', '.join(sorted(missing))}.", at="docs/running.md, Identity providers")
    if unknown := given - BY_KIND[kind] - OPTIONAL:
        raise Invalid(f"{identifier} has unknown {', '.join(sorted(unknown))}.", at="docs/running.md")
    for name in {"issuer", "sso_url"} & given:
        _check_address(identifier, str(row[name]))
    return IdentityProvider(
        id=identifier,
        name=str(row.get("name") or identifier)[:40],
        kind=kind,
        options={name: row[name] for name in BY_KIND[kind] & given},
        groups=str(row.get("groups") or "groups"),
        trusted_email=row.get("trusted_email") is True,
        second_factor=row.get("second_factor") is True,
    )


def _check_address(identifier: str, address: str) -> None:
    parts = urlsplit(address)
    # The token's signature is not checked where TLS says who answers (OpenID Connect Core 1.0, 3.1.3.7, 6).
    local = parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1"}
    if not parts.netloc or (parts.scheme != "https" and not local) or "@" in parts.netloc:
        raise Invalid(f"an address of {identifier} is not https.", at="addresses that begin with https://")


def as_allauth(providers: Iterable[IdentityProvider]) -> dict[str, Any]:
    """``SOCIALACCOUNT_PROVIDERS`` of django-allauth."""
    kinds: dict[str, list[dict[str, Any]]] = {OIDC: [], SAML: []}
    for provider in providers:
        kinds[provider.kind].append(_oidc(provider) if provider.kind == OIDC else _saml(provider))
    return {"openid_connect": {"APPS": kinds[OIDC]}, "saml": {"APPS": kinds[SAML]}}


def _oidc(provider: IdentityProvider) -> dict[str, Any]:
    options = provider.options
    settings: dict[str, Any] = {"server_url": options["issuer"].rstrip("/"), "oauth_pkce_enabled": True}
    settings["scope"] = ["openid", "profile", "email", *options.get("scopes", [])]
    return {"provider_id": provider.id, "name": provider.name, "client_id": options["client_id"],
            "secret": options.get("client_secret", ""), "settings": settings}  # fmt: skip


def _saml(provider: IdentityProvider) -> dict[str, Any]:
    options = provider.options
    idp = {"entity_id": options["entity_id"], "sso_url": options["sso_url"], "x509cert": options["certificate"]}
    # IdP-initiated log-ins would let somebody log a browser in as themselves, unasked.
    advanced = {"strict": True, "want_assertion_signed": True, "reject_idp_initiated_sso": True,
                "reject_deprecated_algorithm": True, "allow_single_label_domains": True}  # fmt: skip
    settings = {"idp": idp, "attribute_mapping": SAML_ATTRIBUTES, "advanced": advanced}
    return {"provider_id": provider.id, "name": provider.name, "client_id": provider.id, "settings": settings}
