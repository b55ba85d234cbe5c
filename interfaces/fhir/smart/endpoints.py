"""Endpoints of the authorization server for programs: token, revocation, introspection, userinfo, keys; discovery."""

from __future__ import annotations

from typing import Any

from allauth.idp.oidc.internal.oauthlib.utils import convert_response, extract_params
from allauth.idp.oidc.views import jwks
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe
from oauthlib.oauth2.rfc6749.errors import OAuth2Error
from oauthlib.openid import Server

from ris.audit.services import Actor, record
from ris.kernel.clock import now

from ..registry import TYPES
from . import assertions
from .access import CLOSED
from .conformance import CAPABILITIES, ENDPOINTS
from .keys import endpoint, fhir_base
from .models import App
from .scopes import PLAIN
from .validator import make_server

Answer = tuple[dict[str, str], Any, int]


@require_safe
def show_configuration(request: HttpRequest) -> HttpResponse:
    """``.well-known/smart-configuration`` (App Launch, 2.1) and ``openid-configuration``; for everybody."""
    resources = [
        f"{context}/{name}.cruds" for context in ("patient", "user", "system") for name in TYPES if name != CLOSED
    ]
    said = {
        "issuer": fhir_base(),
        **{f"{name}_endpoint": endpoint(path) for name, path in ENDPOINTS.items()},
        "jwks_uri": endpoint("jwks"),
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(assertions.ALGORITHMS),
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": [*PLAIN, *resources],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "capabilities": CAPABILITIES,
    }
    return JsonResponse(said, headers={"Access-Control-Allow-Origin": "*"})


@csrf_exempt
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    """An access token for a code, a refresh token, or a program's own assertion; audited, refused ones too."""
    return _answer(request, "create_token_response")


@csrf_exempt
@require_POST
def revoke_token(request: HttpRequest) -> HttpResponse:
    """End a token of one's own (RFC 7009): 200, also for one that is unknown."""
    return _answer(request, "create_revocation_response")


@csrf_exempt
@require_POST
def introspect(request: HttpRequest) -> HttpResponse:
    """What a token is worth (RFC 7662)."""
    return _answer(request, "create_introspect_response")


@csrf_exempt
def userinfo(request: HttpRequest) -> HttpResponse:
    """Who the person is for whom the app asks (OpenID Connect Core, 5.3)."""
    try:
        response: HttpResponse = convert_response(*make_server().create_userinfo_response(*extract_params(request)))
    except OAuth2Error as error:
        return JsonResponse(dict(error.twotuples), status=error.status_code, headers=error.headers)
    return response


def show_keys(request: HttpRequest) -> HttpResponse:
    """Public keys that id tokens are signed by (RFC 7517)."""
    answered: HttpResponse = jwks(request)
    return answered


def _answer(request: HttpRequest, call: str) -> HttpResponse:
    app = None
    if assertion := request.POST.get("client_assertion", ""):
        if request.POST.get("client_assertion_type") == assertions.KIND:
            app = assertions.app_of_assertion(assertion, at=now())
        if app is None:
            return _refuse(request, JsonResponse({"error": "invalid_client"}, status=401))
    server: Server = make_server(app)
    try:
        with transaction.atomic():
            response = convert_response(*getattr(server, call)(*extract_params(request)))
    except OAuth2Error as error:
        response = JsonResponse(dict(error.twotuples), status=error.status_code)
    for name, value in (("Cache-Control", "no-store"), ("Pragma", "no-cache"), ("Content-Type", "application/json")):
        response.headers[name] = value
    return response if response.status_code < 400 else _refuse(request, response)


def _refuse(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The refusal, audited under the app that is named, if there is such a one."""
    known = App.objects.filter(pk=request.POST.get("client_id", "")[:100]).first()
    actor = Actor.peer(known.pk if known else "app", str(request.META.get("REMOTE_ADDR", "")))
    grant = request.POST.get("grant_type", "")[:60].replace("\x00", "")
    record(actor, "smart.refuse", known or App(pk="unknown"), at=now(), status=response.status_code, grant=grant)
    return response
