"""Content-Security-Policy: the nonce of one answer, the websocket's address, and a view's own stricter policy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from ris.web.middleware import SecurityHeaders

pytestmark = pytest.mark.once


def _directives(view: Callable[[HttpRequest], HttpResponse], *, secure: bool = False) -> dict[str, str]:
    request = RequestFactory().get("/", secure=secure, headers={"host": "localhost"})
    answer = SecurityHeaders(view)(request)
    assert answer["Permissions-Policy"].startswith("camera=()")
    return dict(directive.split(" ", 1) for directive in answer["Content-Security-Policy"].split("; "))


def _with_nonce(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(request.csp_nonce))  # type: ignore[attr-defined]


def test_a_nonce_that_a_template_reads_is_in_the_header_and_another_in_the_next_answer() -> None:
    request = RequestFactory().get("/", headers={"host": "localhost"})
    answer = SecurityHeaders(_with_nonce)(request)
    assert f"script-src 'self' 'nonce-{answer.content.decode()}'" in answer["Content-Security-Policy"]
    assert len(answer.content) >= 16  # CSP 3, 8.1: at least 128 bits
    assert _directives(_with_nonce)["script-src"] != _directives(_with_nonce)["script-src"]


def test_an_answer_in_which_nobody_reads_the_nonce_allows_none() -> None:
    assert _directives(lambda request: HttpResponse())["script-src"] == "'self'"


@pytest.mark.parametrize(("secure", "scheme"), [(False, "ws"), (True, "wss")])
def test_the_websocket_of_this_very_server_is_allowed(secure: bool, scheme: str) -> None:
    directives = _directives(lambda request: HttpResponse(), secure=secure)
    assert directives["connect-src"] == f"'self' {scheme}://localhost"


def test_a_stricter_policy_of_a_view_stays() -> None:
    strict = {"Content-Security-Policy": "default-src 'none'; sandbox allow-downloads"}
    directives = _directives(lambda request: HttpResponse(headers=strict))
    assert directives == {"default-src": "'none'", "sandbox": "allow-downloads"}
