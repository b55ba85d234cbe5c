"""The OpenID Connect provider: its signing key, which the database keeps encrypted, and what it says about people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from allauth.idp.oidc.models import Client, PrivateKey, Token
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings

from ris.kernel.clock import now

from .grants import grant_of
from .models import App, SigningKey
from .scopes import FHIR_USER, PROFILE

BASE = "/fhir/R4"
BITS = 3072


class ProviderAdapter(DefaultOIDCAdapter):
    """allauth's adapter; see ``IDP_OIDC_ADAPTER``."""

    def get_issuer(self) -> str:
        """Our FHIR base, under which ``openid-configuration`` is found."""
        return fhir_base()

    def list_private_keys(self, *, did_activate: Any = None, is_active: Any = None) -> list[PrivateKey]:
        """All keys; the first is made when the first is needed."""
        rows = list(SigningKey.objects.order_by("-pk")) or [_make_key()]
        return [PrivateKey(pem=row.pem, issued_at=row.created_at) for row in rows]

    def get_claims(
        self, purpose: Any, user: Any, client: Client, scopes: Iterable[str], email: Any = None, **kwargs: Any
    ) -> dict[str, Any]:
        """``sub``; ``fhirUser`` and ``name`` where their scopes were granted. No e-mail address."""
        claims: dict[str, Any] = {"sub": str(user.pk)}
        if FHIR_USER in scopes:
            claims["fhirUser"] = f"{fhir_base()}/Practitioner/{user.pk}"
        if PROFILE in scopes:
            claims["name"] = user.display_name
        return claims

    def is_introspection_allowed(self, token: Token, *, caller_client: Client) -> bool:
        """An app asks about its own tokens; a backend service, such as an image server, about everybody's."""
        return bool(token.client_id == caller_client.pk or caller_client.smart.kind == App.BACKEND)

    def populate_introspection_response(self, *, response: dict[str, Any], token: Token) -> None:
        """The patient, and a mark for the validator that the grant still stands."""
        grant = grant_of(token)
        response["is_granted"] = grant is not None
        if grant and grant.patient_id:
            response["patient"] = str(grant.patient_id)


def fhir_base() -> str:
    """Our FHIR base as the world knows it (``RIS_URL``): issuer of id tokens, and ``aud`` of authorization requests."""
    return f"{settings.RIS.url.rstrip('/')}{BASE}"


def endpoint(name: str) -> str:
    """The absolute address of an endpoint of the authorization server, such as ``token``."""
    return f"{settings.RIS.url.rstrip('/')}/smart/{name}"


def _make_key() -> SigningKey:
    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return SigningKey.objects.create(pem=pem, created_at=now())
