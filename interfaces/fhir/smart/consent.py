"""The authorization endpoint (App Launch, 2.0.9): who is there lets an app in, or not, after reading what it wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from allauth.idp.oidc.internal.oauthlib.utils import convert_response, extract_headers, get_uri
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from oauthlib.oauth2.rfc6749.errors import FatalClientError, InvalidRequestError, OAuth2Error

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, Invalid
from ris.patients.models import Patient
from ris.people.http import actor_of, page, user_of

from ..registry import TYPES
from . import context as launches
from .context import Context
from .keys import fhir_base
from .models import App, Launch
from .scopes import LAUNCH_PATIENT, say_scope
from .validator import make_server


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an app asks for, once it was found to be in order."""

    app: App
    scopes: list[str]
    info: dict[str, Any]
    launch: Launch | None

    @property
    def asks_patient(self) -> bool:
        """Whether the person has to name a patient."""
        return self.launch is None and LAUNCH_PATIENT in self.scopes

    def url(self, **more: str) -> str:
        """The app's redirect URI with an answer and the ``state`` that it sent."""
        state = {"state": self.info["state"]} if self.info.get("state") else {}
        return _join(self.info["redirect_uri"], more | state)


def _join(address: str, more: dict[str, str]) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(more)}"


@page()
def authorize(request: HttpRequest) -> HttpResponse:
    """GET shows what the app wants; POST lets it in or does not. Whatever follows goes to its redirect URI only."""
    try:
        wanted = _read(request)
    except FatalClientError as error:
        raise Invalid(f"This app is not let in: {error.description or error.error}.", at="client_id") from None
    except OAuth2Error as error:
        return _send_back(error.in_uri(error.redirect_uri))
    if request.method != "POST":
        return _ask(request, wanted)
    if request.POST.get("action") != "grant":
        record(actor_of(request), "smart.deny", wanted.app, at=now())
        return _send_back(wanted.url(error="access_denied"))
    try:
        context = _context(request, wanted)
    except Invalid as refusal:
        return _ask(request, wanted, refusal.detail)
    return _grant(request, wanted, context)


def _read(request: HttpRequest) -> Wanted:
    """Raise FatalClientError where the app or its redirect URI is not known, else OAuth2Error."""
    scopes, info = make_server().validate_authorization_request(get_uri(request), "GET", "", extract_headers(request))
    asked = info.pop("request")
    app: App = asked.client.smart
    aud = request.GET.get("aud", "").rstrip("/")
    if aud not in (fhir_base(), request.build_absolute_uri("/fhir/R4")):
        raise InvalidRequestError(f"aud must be {fhir_base()}", request=asked)
    value = request.GET.get("launch", "")
    launch = launches.find_launch(value, app.pk, user_of(request), at=now()) if value else None
    if value and launch is None:
        raise InvalidRequestError("This launch is used, or too old: open the app anew", request=asked)
    return Wanted(app, asked.scopes or scopes, info, launch)


def _ask(request: HttpRequest, wanted: Wanted, error: str = "") -> HttpResponse:
    patient = wanted.launch.patient if wanted.launch else None
    shown = {
        "app": wanted.app, "patient": patient, "asks_patient": wanted.asks_patient, "error": error,
        "lines": [say_scope(scope) for scope in wanted.scopes], "host": urlsplit(wanted.info["redirect_uri"]).netloc,
    }  # fmt: skip
    response = render(request, "fhir/consent.html", shown, status=400 if error else 200)
    parts = urlsplit(wanted.info["redirect_uri"])
    origin = f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else f"{parts.scheme}:"
    response._csp_update = {"form-action": [origin]}  # type: ignore[attr-defined]  # browsers hold forms to it
    return response


def _context(request: HttpRequest, wanted: Wanted) -> Context:
    """For which patient the app is let in. Raises Invalid where the person named none that they may see."""
    if wanted.launch is not None:
        return Context(wanted.launch.patient_id, wanted.launch.procedure_id, is_launched=True)
    if not wanted.asks_patient:
        return Context()
    number = request.POST.get("number", "").strip()
    rows = TYPES["Patient"].visible(user_of(request)).filter(identifiers__value=number)
    found: list[Patient] = list(rows.distinct()[:2]) if number and "\x00" not in number else []
    if len(found) != 1:
        raise Invalid("There is no such patient, or there are several with this number. Look it up on their page.")
    return Context(found[0].pk)


@transaction.atomic
def _grant(request: HttpRequest, wanted: Wanted, context: Context) -> HttpResponse:
    at = now()
    if wanted.launch is not None and not launches.use_launch(wanted.launch, at=at):
        raise Conflict("The app was let in already. Open it anew.")
    record(actor_of(request), "smart.grant", wanted.app, patient_id=context.patient_id, at=at, scopes=wanted.scopes)
    credentials = wanted.info | {"user": user_of(request), "smart_context": context}
    answered = make_server().create_authorization_response(
        get_uri(request), "GET", "", extract_headers(request), scopes=wanted.scopes, credentials=credentials
    )
    response: HttpResponse = convert_response(*answered)
    response.headers["Cache-Control"] = "no-store"
    return response


def _send_back(address: str) -> HttpResponse:
    # Not HttpResponseRedirect: the scheme may be an app's own.
    return HttpResponse(status=302, headers={"Location": address, "Cache-Control": "no-store"})
