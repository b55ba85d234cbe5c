"""Authorization code with PKCE: who lets an app in, what it is told, what it may read then, and how it ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from django.test import Client

from interfaces.fhir.models import App, Launch
from interfaces.fhir.smart.grants import end_grants
from reporting.models import ReportVersion
from ris.audit.models import AuditEvent
from ris.people.login.leavers import leave
from ris.people.roles import Role
from tests.factories import NOON, TESTER, SiteFactory, make_order, make_user
from tests.reporting.written import signed
from tests.worklist.reading import make_reader

from . import letting_in
from .letting_in import answered, ask_token, asking, browser_of, let_in, make_app, question, take_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def version() -> ReportVersion:
    return signed(make_reader())


def launch(app: App, version: ReportVersion) -> tuple[str, dict[str, str]]:
    where = f"/smart/open/{app.pk}/exam/{version.report.procedure_id}/"
    response = browser_of(version.author).get(where)
    assert response.status_code == 302, response.content
    told = {name: values[0] for name, values in parse_qs(urlsplit(response["Location"]).query).items()}
    return response["Location"], told


def test_an_app_opened_for_an_exam_reads_its_report_and_knows_its_context(version: ReportVersion) -> None:
    app, _ = make_app(launch_url="https://app.example/launch?tenant=1")
    report, patient = version.report, version.report.procedure.order.patient
    address, told = launch(app, version)
    assert address.startswith("https://app.example/launch?tenant=1&iss=") and told["iss"].endswith("/fhir/R4")
    number = patient.identifiers.get().value
    assert number not in address and report.procedure.order.accession not in address
    scope = "launch openid fhirUser patient/DiagnosticReport.rs patient/Patient.r"
    shown = browser_of(version.author).get(question(app, scope, launch=told["launch"])).content.decode()
    assert "read and search DiagnosticReport of this patient" in shown and "Let Viewer in?" in shown
    given = take_token(app, let_in(app, version.author, scope, launch=told["launch"]))
    assert given["patient"] == str(patient.pk) and given["need_patient_banner"] is False
    assert {"reference": f"DiagnosticReport/{report.pk}"} in given["fhirContext"]
    assert given["scope"] == scope and "refresh_token" not in given and given["expires_in"] == 900
    key = jwt.PyJWK(Client().get("/smart/jwks").json()["keys"][0])
    claims = jwt.decode(given["id_token"], key.key, algorithms=["RS256"], audience=app.pk)
    assert claims["fhirUser"].endswith(f"/fhir/R4/Practitioner/{version.author_id}") and claims["iss"] == told["iss"]
    app_client = asking(given["access_token"])
    read = app_client.get(f"/fhir/R4/DiagnosticReport/{report.pk}")
    assert read.status_code == 200 and read.json()["subject"]["reference"] == f"Patient/{patient.pk}"
    assert app_client.get("/smart/userinfo").json()["sub"] == str(version.author_id)
    event = AuditEvent.objects.filter(action="fhir.read").latest("pk")
    assert (event.user_id, event.detail["client"], event.patient_id) == (version.author_id, app.pk, patient.pk)
    assert AuditEvent.objects.filter(action="smart.token", detail__client=app.pk).count() == 1
    assert app_client.get("/api/orders/", headers={"Accept": "*/*"}).status_code == 401, "its token is none of our API"


def test_a_launch_counts_once_for_whom_it_was_made_and_for_five_minutes(version: ReportVersion) -> None:
    app, _ = make_app()
    _, told = launch(app, version)
    other = make_reader("other")
    assert answered(browser_of(other).get(question(app, "launch patient/*.rs", launch=told["launch"])))["error"]
    let_in(app, version.author, "launch patient/*.rs", launch=told["launch"])
    again = browser_of(version.author).get(question(app, "launch patient/*.rs", launch=told["launch"]))
    assert answered(again)["error"] == "invalid_request"
    _, late = launch(app, version)
    Launch.objects.update(created_at=NOON - timedelta(days=1000))
    assert answered(browser_of(version.author).get(question(app, "launch patient/*.rs", launch=late["launch"])))[
        "error"
    ]
    far = make_reader("far", sites=(SiteFactory(code="south"),))
    where = f"/smart/open/{app.pk}/exam/{version.report.procedure_id}/"
    assert browser_of(far).get(where).status_code == 404
    assert "/login/" in Client().get(where)["Location"]


def test_who_is_asked_for_a_patient_names_one_that_they_may_see(version: ReportVersion) -> None:
    app, _ = make_app()
    patient = version.report.procedure.order.patient
    number = patient.identifiers.get().value
    far = make_reader("far", sites=(SiteFactory(code="south"),))
    where = question(app, "launch/patient patient/Patient.rs")
    assert browser_of(far).post(where, {"action": "grant", "number": number}).status_code == 400
    given = take_token(app, let_in(app, version.author, "launch/patient patient/Patient.rs", number=number))
    assert given["patient"] == str(patient.pk) and given["need_patient_banner"] is True
    other = make_order(placer_number="P2").patient
    client = asking(given["access_token"])
    assert [entry["resource"]["id"] for entry in client.get("/fhir/R4/Patient").json()["entry"]] == [str(patient.pk)]
    assert other.pk == patient.pk or client.get(f"/fhir/R4/Patient/{other.pk}").status_code == 404


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"aud": "https://elsewhere.example/fhir"}, "invalid_request"),
        ({"scope": "system/*.rs"}, "invalid_scope"),
        ({"response_type": "token"}, "unauthorized_client"),
    ],
)
def test_a_question_that_is_not_in_order_is_sent_back(said: dict[str, str], error: str) -> None:
    app, _ = make_app()
    response = browser_of(make_reader()).get(question(app, said.pop("scope", "user/Patient.rs"), **said))
    assert response.status_code == 302 and f"error={error}" in response["Location"].replace("#", "?"), response[
        "Location"
    ]


def test_nothing_is_sent_to_an_address_that_was_not_registered_nor_by_an_app_that_is_off() -> None:
    app, _ = make_app()
    browser = browser_of(make_reader())
    assert browser.get(question(app, "user/Patient.rs", redirect_uri="https://evil.example/")).status_code == 400
    App.objects.update(is_active=False)
    assert browser.get(question(app, "user/Patient.rs")).status_code == 400
    assert answered(_deny(make_app()[0], browser)) == {"error": "access_denied", "state": "s1"}


def _deny(app: App, browser: Client) -> Any:
    return browser.post(question(app, "user/Patient.rs"), {"action": "deny"})


def test_a_code_counts_once_with_its_verifier_and_a_second_use_ends_its_tokens(
    version: ReportVersion, django_capture_on_commit_callbacks: Any
) -> None:
    app, _ = make_app()
    code = let_in(app, version.author, "user/Patient.rs")
    said = {"grant_type": "authorization_code", "code": code, "redirect_uri": letting_in.BACK, "client_id": app.pk}
    assert ask_token(**said, code_verifier="w" * 64).json()["error"] == "invalid_grant"
    client = asking(take_token(app, code)["access_token"])
    assert client.get("/fhir/R4/Patient").status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        assert ask_token(**said, code_verifier=letting_in.VERIFIER).status_code == 400
    assert client.get("/fhir/R4/Patient").status_code == 401
    assert AuditEvent.objects.filter(action="smart.refuse", actor=app.pk).count() == 2


def test_refresh_tokens_are_rotated_and_end_with_the_app_and_with_who_leaves(version: ReportVersion) -> None:
    app, _ = make_app()
    given = take_token(app, let_in(app, version.author, "offline_access user/Patient.rs"))

    def refresh(token: str) -> Any:
        return ask_token(grant_type="refresh_token", refresh_token=token, client_id=app.pk)

    second = refresh(given["refresh_token"]).json()
    assert refresh(given["refresh_token"]).json()["error"] == "invalid_grant"
    assert asking(second["access_token"]).get("/fhir/R4/Patient").status_code == 200
    leave(version.author, reason="test", actor=TESTER, at=NOON)
    assert asking(second["access_token"]).get("/fhir/R4/Patient").status_code == 401
    assert refresh(second["refresh_token"]).status_code == 400
    scheduler = make_user("desk", Role.SCHEDULER, sites=(SiteFactory(),))
    third = take_token(app, let_in(app, scheduler, "offline_access user/Patient.rs"))
    end_grants(app, actor=TESTER, at=NOON)
    assert asking(third["access_token"]).get("/fhir/R4/Patient").status_code == 401
    assert refresh(third["refresh_token"]).status_code == 400


def test_a_confidential_app_proves_itself_and_may_end_and_ask_about_its_own_tokens(version: ReportVersion) -> None:
    app, secret = make_app(App.CONFIDENTIAL)
    code = let_in(app, version.author, "offline_access user/Patient.rs")
    said = {"grant_type": "authorization_code", "code": code, "redirect_uri": letting_in.BACK, "client_id": app.pk}
    assert ask_token(**said, code_verifier=letting_in.VERIFIER).status_code == 401
    given = take_token(app, code, client_secret=secret)
    own = {"client_id": app.pk, "client_secret": secret, "token": given["access_token"]}
    told = Client().post("/smart/introspect", own).json()
    assert told["active"] and told["client_id"] == app.pk and told["scope"] == "offline_access user/Patient.rs"
    other, other_secret = make_app(App.CONFIDENTIAL)
    foreign = own | {"client_id": other.pk, "client_secret": other_secret}
    assert Client().post("/smart/introspect", foreign).json() == {"active": False}
    assert Client().post("/smart/revoke", own | {"token": given["refresh_token"]}).status_code == 200
    assert Client().post("/smart/introspect", own).json() == {"active": False}
    assert asking(given["access_token"]).get("/fhir/R4/Patient").status_code == 401
