"""An OpenID provider of another make (oidc-provider-mock, on Authlib) in a thread; it wants PKCE."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from django.test import Client
from oidc_provider_mock import app as make_app
from oidc_provider_mock._server import _threaded_server

from ris.people.providers.configuration import as_allauth, read_providers


class Pkce:
    """WSGI middleware: keeps the challenge of each code (RFC 7636), and refuses a token to who lacks its verifier."""

    def __init__(self, wsgi: Any) -> None:
        self.wsgi, self.challenge, self.checked = wsgi, "", 0

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        query = parse_qs(environ.get("QUERY_STRING", ""))
        if "code_challenge" in query:
            assert query["code_challenge_method"] == ["S256"]
            self.challenge = query["code_challenge"][0]
        if environ["PATH_INFO"].endswith("/token"):
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            verifier = parse_qs(body.decode()).get("code_verifier", [""])[0]
            if create_s256_code_challenge(verifier) != self.challenge:
                start("400 Bad Request", [("Content-Type", "application/json")])
                return [b'{"error": "invalid_grant"}']
            self.checked += 1
            environ["wsgi.input"] = BytesIO(body)
        return self.wsgi(environ, start)


@dataclass
class Hospital:
    """The provider: its people, and whole log-ins of them."""

    url: str
    pkce: Pkce

    def know(self, subject: str, **claims: Any) -> None:
        """Have a person with these claims."""
        said = {"preferred_username": subject, "given_name": "Zz", "family_name": "Test", **claims}
        httpx.put(f"{self.url}/users/{subject}", json=said).raise_for_status()

    def log_in(
        self, subject: str, client: Client | None = None, begin: str = "/login/oidc/hospital/"
    ) -> tuple[Client, Any]:
        """From the button to the end, as a browser goes; the client, and the last answer of ours."""
        browser = client or Client()
        answer = browser.post(begin)
        assert answer.status_code == 302, answer.content.decode()
        where = answer["Location"]
        assert where.startswith(self.url) and "code_challenge=" in where and "state=" in where
        back = httpx.post(where, data={"sub": subject}, follow_redirects=False)
        assert back.status_code in (302, 303), back.text
        parts = urlsplit(back.headers["Location"])
        return browser, browser.get(f"{parts.path}?{parts.query}")


@contextmanager
def running() -> Iterator[Hospital]:
    app = make_app()
    pkce = Pkce(app.wsgi_app)
    app.wsgi_app = pkce  # type: ignore[method-assign]
    with _threaded_server(app=app) as server:
        yield Hospital(f"http://localhost:{server.server_port}", pkce)


@pytest.fixture(scope="session")
def _provider() -> Iterator[Hospital]:
    with running() as hospital:
        yield hospital


@pytest.fixture
def hospital(_provider: Hospital, settings: Any) -> Hospital:
    """The provider, known to the settings."""
    use_providers(settings, [{"id": "hospital", "name": "Hospital log-in", "kind": "oidc", "issuer": _provider.url,
                              "client_id": "wetread", "client_secret": "zz"}])  # fmt: skip
    return _provider


def use_providers(settings: Any, rows: list[dict[str, Any]]) -> None:
    """Have these providers set up."""
    settings.IDENTITY_PROVIDERS = read_providers(json.dumps(rows))
    settings.SOCIALACCOUNT_PROVIDERS = as_allauth(settings.IDENTITY_PROVIDERS.values())
