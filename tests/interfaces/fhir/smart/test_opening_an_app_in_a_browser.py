"""An app opened from the reading room: its person reads what it wants, lets it in, and it reads the report."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from interfaces.fhir.models import App
from tests.browsing import log_in
from tests.interfaces.fhir.smart.letting_in import CHALLENGE, VERIFIER
from tests.pages.test_in_a_browser import new_case
from tests.serving import Served

pytestmark = pytest.mark.once
SCOPE = "launch patient/DiagnosticReport.rs"


class Answers(BaseHTTPRequestHandler):
    """The app's own web server: says that it is there."""

    def do_GET(self) -> None:
        """200 for whatever a browser is sent to."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the app")

    def log_message(self, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def app_url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def register(serve: Served, browser: Browser, app_url: str) -> str:
    """The client id of an app that the administrator registers by its form."""
    page = log_in(browser, serve.url, "admin", serve.passwords["admin"])
    page.goto("/smart/apps")
    page.select_option("#kind", App.PUBLIC)
    for name, text in {"name": "ZZTEST viewer", "owner": "ZZTEST clinic", "scopes": SCOPE,
                       "redirect_uris": f"{app_url}/back", "launch_url": f"{app_url}/launch"}.items():  # fmt: skip
        page.fill(f"#{name}", text)
    page.get_by_role("button", name="Register it").click()
    expect(page.get_by_role("status").first).to_contain_text("It is registered")
    return page.locator("dd.mono").first.inner_text()


def told(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def test_an_app_is_opened_from_the_reading_room_let_in_and_reads_the_report(
    serve: Served, browser: Browser, app_url: str
) -> None:
    client_id = register(serve, browser, app_url)
    item_id = new_case(serve, "DEMO-2701")
    page = log_in(browser, serve.url, "radiologist", serve.passwords["radiologist"])
    page.goto(f"/reading/{item_id}/")
    page.keyboard.press("c")
    page.wait_for_selector("#editor")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open in ZZTEST viewer").click()
    app = opened.value
    app.wait_for_url(f"{app_url}/launch?*")
    given = told(app)
    question = httpx.QueryParams(
        response_type="code", client_id=client_id, redirect_uri=f"{app_url}/back", scope=SCOPE, state="s1",
        aud=given["iss"], launch=given["launch"], code_challenge=CHALLENGE, code_challenge_method="S256",
    )  # fmt: skip
    lead = log_in(browser, serve.url, "lead", serve.passwords["lead"])
    lead.goto(f"/smart/authorize?{question}")
    assert told(lead)["error"] == "invalid_request", "the launch is not theirs"
    app.goto(f"{serve.url}/smart/authorize?{question}")
    expect(app.get_by_role("listitem").nth(1)).to_have_text("read and search DiagnosticReport of this patient")
    app.get_by_role("button", name="Let it in").click()
    app.wait_for_url(f"{app_url}/back?*")
    answer = httpx.post(f"{serve.url}/smart/token", data={
        "grant_type": "authorization_code", "code": told(app)["code"], "redirect_uri": f"{app_url}/back",
        "client_id": client_id, "code_verifier": VERIFIER,
    })  # fmt: skip
    token = answer.json()
    (report,) = [one["reference"] for one in token["fhirContext"] if one["reference"].startswith("DiagnosticReport/")]
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    read = httpx.get(f"{serve.url}/fhir/R4/{report}", headers=headers)
    assert read.status_code == 200 and read.json()["subject"]["reference"] == f"Patient/{token['patient']}"
    assert httpx.get(f"{serve.url}/fhir/R4/Patient/{token['patient']}", headers=headers).status_code == 403
