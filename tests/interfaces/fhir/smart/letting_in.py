"""Apps for tests: registered, let in by a person in a browser, and asking by their access tokens."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from django.conf import settings
from django.test import Client

from interfaces.fhir.models import App
from interfaces.fhir.smart.apps import AppIntent, register
from ris.people.models import User
from tests.factories import NOON, TESTER

BACK = "https://app.example/back"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
READS = ("openid", "fhirUser", "launch", "launch/patient", "offline_access", "patient/*.rs", "user/*.rs")


def make_app(kind: str = App.PUBLIC, **said: Any) -> tuple[App, str]:
    """An app and its secret."""
    given = {
        "name": "Viewer", "owner": "ZZTEST clinic", "kind": kind, "scopes": READS, "redirect_uris": (BACK,),
        "launch_url": "https://app.example/launch",
    }  # fmt: skip
    return register(AppIntent(**(given | said)), actor=TESTER, at=NOON)


def browser_of(user: User) -> Client:
    """The user's browser."""
    client = Client()
    client.force_login(user)
    return client


def question(app: App, scope: str, **said: str) -> str:
    """The address at which an app asks to be let in."""
    asked = {
        "response_type": "code", "client_id": app.pk, "redirect_uri": BACK, "scope": scope, "state": "s1",
        "aud": f"{settings.RIS.url.rstrip('/')}/fhir/R4", "code_challenge": CHALLENGE, "code_challenge_method": "S256",
    }  # fmt: skip
    return f"/smart/authorize?{urlencode({name: value for name, value in (asked | said).items() if value})}"


def answered(response: Any) -> dict[str, str]:
    """What the redirect tells the app."""
    assert response.status_code == 302, response.content
    assert response["Location"].startswith(BACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(response["Location"]).query).items()}


def let_in(app: App, user: User, scope: str, *, number: str = "", **said: str) -> str:
    """The code that the app is given when the user lets it in."""
    where = question(app, scope, **said)
    browser = browser_of(user)
    assert browser.get(where).status_code == 200
    told = answered(browser.post(where, {"action": "grant", "number": number}))
    assert told["state"] == "s1"
    return told["code"]


def ask_token(**said: str) -> Any:
    """The answer of the token endpoint."""
    return Client().post("/smart/token", said)


def take_token(app: App, code: str, **said: str) -> dict[str, Any]:
    """What a public app is given for its code."""
    given = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "client_id": app.pk}
    response = ask_token(**(given | {"code_verifier": VERIFIER} | said))
    assert response.status_code == 200, response.content
    found: dict[str, Any] = json.loads(response.content)
    return found


def asking(token: str) -> Client:
    """Asks by an access token."""
    return Client(headers={"Authorization": f"Bearer {token}", "Accept": "application/fhir+json"})


def granted(user: User, scope: str, *, number: str = "", **app: Any) -> Client:
    """Asks as an app that the user let in with these scopes."""
    made, _ = make_app(**({"scopes": tuple(scope.split())} | app))
    return asking(take_token(made, let_in(made, user, scope, number=number))["access_token"])
