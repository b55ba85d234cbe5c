"""Backend services: a signed assertion for a short token; what is refused; as whom it acts; Authlib as the judge."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import httpx
import pytest
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from django.test import Client
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from interfaces.fhir.models import App
from interfaces.fhir.smart.keys import endpoint
from ris.audit.models import AuditEvent
from ris.kernel.errors import Invalid
from ris.people.models import User
from ris.people.roles import Role
from tests.factories import SiteFactory, make_user
from tests.reporting.written import signed
from tests.worklist.reading import make_reader

from .letting_in import asking, make_app

pytestmark = pytest.mark.django_db
KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
RSA = RSAKey.generate_key(2048, {"kid": "r1"}, private=True)
EC = ECKey.generate_key("P-384", {"kid": "e1"}, private=True)
PUBLIC = json.dumps({"keys": [RSA.as_dict(private=False), EC.as_dict(private=False)]})


def make_backend(account: User, scopes: str = "system/DiagnosticReport.rs") -> App:
    app, secret = make_app(
        App.BACKEND,
        scopes=tuple(scopes.split()),
        redirect_uris=(),
        launch_url="",
        jwks=PUBLIC,
        account=account.username,
    )
    assert secret == ""
    return app


def assertion(app: App, key: Any = EC, algorithm: str = "ES384", **said: Any) -> str:
    claims = {
        "iss": app.pk,
        "sub": app.pk,
        "aud": endpoint("token"),
        "exp": int(time.time()) + 240,
        "jti": uuid.uuid4().hex,
    }
    return jwt.encode({"alg": algorithm, "kid": key.kid}, claims | said, key, algorithms=[algorithm])


def ask(text: str, scope: str = "system/DiagnosticReport.rs") -> Any:
    said = {"grant_type": "client_credentials", "scope": scope, "client_assertion_type": KIND, "client_assertion": text}
    return Client().post("/smart/token", said)


def test_a_program_reads_as_its_account_at_its_sites_and_is_audited_as_that_app() -> None:
    version = signed(make_reader())
    account = make_user("robot", Role.RADIOLOGIST, sites=(SiteFactory(),))
    app = make_backend(account)
    for key, algorithm in ((RSA, "RS384"), (EC, "ES384")):
        given = ask(assertion(app, key, algorithm)).json()
        assert given["expires_in"] == 300 and "refresh_token" not in given and "patient" not in given
    client = asking(given["access_token"])
    assert client.get(f"/fhir/R4/DiagnosticReport/{version.report_id}").status_code == 200
    assert client.get("/fhir/R4/Patient").status_code == 403
    event = AuditEvent.objects.filter(action="fhir.read").latest("pk")
    assert (event.user_id, event.detail["client"]) == (account.pk, app.pk)
    far = make_backend(make_user("far", Role.RADIOLOGIST, sites=(SiteFactory(code="south"),)))
    given = ask(assertion(far)).json()
    assert asking(given["access_token"]).get(f"/fhir/R4/DiagnosticReport/{version.report_id}").status_code == 404
    User.objects.filter(pk=account.pk).update(is_active=False)
    assert client.get("/fhir/R4/DiagnosticReport").status_code == 401
    assert ask(assertion(app)).status_code == 401


def test_an_assertion_that_is_used_old_long_or_somebody_elses_is_refused() -> None:
    app = make_backend(make_user("robot", Role.RADIOLOGIST, sites=(SiteFactory(),)))
    other = RSAKey.generate_key(2048, {"kid": "r1"}, private=True)
    text = assertion(app)
    assert ask(text).status_code == 200
    now = int(time.time())
    refused = [
        text,
        assertion(app, aud="https://elsewhere.example/token"),
        assertion(app, exp=now - 60),
        assertion(app, exp=now + 3600),
        assertion(app, sub="somebody"),
        assertion(app, iss="somebody"),
        assertion(app, jti=""),
        assertion(app, other, "RS384"),
        assertion(app, RSA, "RS256"),
        text[:-6] + "AAAAAA",
        "no.assertion",
    ]
    for one in refused:
        answered = ask(one)
        assert (answered.status_code, answered.json()["error"]) == (401, "invalid_client")
    assert ask(assertion(app), "system/Patient.rs").json()["error"] == "invalid_scope"
    assert ask(assertion(app), "user/DiagnosticReport.rs").json()["error"] == "invalid_scope"
    said = {"grant_type": "client_credentials", "scope": "system/DiagnosticReport.rs", "client_id": app.pk}
    assert Client().post("/smart/token", said | {"client_secret": ""}).status_code == 401


def test_keys_are_read_from_an_address_that_we_may_call_and_from_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_backend(make_user("robot", Role.RADIOLOGIST, sites=(SiteFactory(),)))
    App.objects.update(jwks={}, jwks_url="https://127.0.0.1/jwks")
    called: list[httpx.Request] = []

    def answer(transport: Any, request: httpx.Request) -> httpx.Response:
        called.append(request)
        return httpx.Response(200, json=json.loads(PUBLIC), request=request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", answer)
    assert ask(assertion(app)).status_code == 401 and called == [], "an internal address is not called"
    App.objects.update(jwks_url="https://8.8.8.8/jwks")
    assert ask(assertion(app)).status_code == 200
    assert [str(request.url) for request in called] == ["https://8.8.8.8/jwks"]


def test_a_client_of_anothers_making_is_given_a_token() -> None:
    """Authlib's OAuth2Client with private_key_jwt, as it is; its requests are carried into Django by a transport."""
    app = make_backend(make_user("robot", Role.RADIOLOGIST, sites=(SiteFactory(),)))

    def carry(request: httpx.Request) -> httpx.Response:
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        path = request.url.raw_path.decode()
        answered = Client().generic(
            request.method, path, request.content, request.headers.get("content-type", ""), headers=headers
        )
        return httpx.Response(answered.status_code, headers=dict(answered.headers), content=answered.content)

    with OAuth2Client(app.pk, RSA.as_pem(private=True).decode(), token_endpoint_auth_method="private_key_jwt",
                      scope="system/DiagnosticReport.rs", transport=httpx.MockTransport(carry)) as client:  # fmt: skip
        client.register_client_auth_method(
            PrivateKeyJWT(endpoint("token"), headers={"kid": "r1"}, alg="RS384", claims={"exp": int(time.time()) + 200})
        )
        given = client.fetch_token(endpoint("token"), grant_type="client_credentials")
        assert given["scope"] == "system/DiagnosticReport.rs"
        assert client.get(endpoint("x").replace("/smart/x", "/fhir/R4/DiagnosticReport")).json()["type"] == "searchset"


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ({"jwks": ""}, "jwks"),
        ({"jwks": json.dumps({"keys": [RSA.as_dict(private=True)]})}, "jwks"),
        ({"jwks": "", "jwks_url": "http://keys.example/jwks"}, "jwks_url"),
        ({"account": "nobody"}, "account"),
        ({"scopes": ("user/Patient.rs",)}, "scopes"),
        ({"owner": ""}, "owner"),
        (
            {"kind": App.PUBLIC, "jwks": "", "redirect_uris": ("http://app.example/",), "scopes": ("openid",)},
            "redirect_uris",
        ),
    ],
)
def test_an_app_that_is_not_whole_is_not_registered(said: dict[str, Any], at: str) -> None:
    make_user("robot", Role.RADIOLOGIST)
    given: dict[str, Any] = {
        "jwks": PUBLIC,
        "account": "robot",
        "scopes": ("system/*.rs",),
        "redirect_uris": (),
        "launch_url": "",
    }
    with pytest.raises(Invalid) as refused:
        make_app(said.pop("kind", App.BACKEND), **(given | said))
    assert refused.value.at == at
    assert not App.objects.exists()
