"""What every request passes, in the order of ``settings.MIDDLEWARE``; the rest of that list is other packages'."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils.translation import activate
from django_structlog.middlewares import RequestMiddleware

from ris.kernel.errors import Invalid, Refusal
from ris.kernel.values import MOST_ID
from ris.people.http import refused
from ris.people.selectors import read_permissions_once

from .api_errors import API, CONTENT_TYPE, FHIR, problem_body

PERMISSIONS_POLICY = "camera=(), geolocation=(), payment=(), usb=()"
"""Devices of the workstation that no page of ours uses (W3C Permissions Policy)."""

_TOKEN_IN_PATH = re.compile(r"(?<=/critical/link/)[^/]+|(?<=/shared/)(?!open/)[^/]+")
"""Paths with a secret in them: whoever reads the log must not be able to open what it opens."""

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class SecurityHeaders(CSPMiddleware):
    """Sets Content-Security-Policy (``settings.CONTENT_SECURITY_POLICY``) and Permissions-Policy on every answer.

    A view that serves a file from outside sets a stricter policy itself; that one stays. A template that reads
    ``request.csp_nonce`` gets its nonce into the header; none is there that nobody reads.
    """

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        """The policy, with the address of the page's own websocket."""
        parts = super().get_policy_parts(request, response, report_only)
        # CSP 3 lets 'self' cover ws: and wss:. Browsers that follow CSP 2 do not, so the address is named beside it.
        websocket = f"{'wss' if request.is_secure() else 'ws'}://{request.get_host()}"
        return replace(parts, update={**(parts.update or {}), "connect-src": [websocket]})

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Add both headers, and keep what is shown of patients out of caches and off the disks of shared computers."""
        response.headers["Permissions-Policy"] = PERMISSIONS_POLICY
        # RFC 9111, 5.2.2.5. Static files and whatever else may be kept say so themselves.
        response.headers.setdefault("Cache-Control", "no-store")
        return super().process_response(request, response)


class Middleware:
    """A middleware that passes every request on; subclasses change what they are for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)


class PermissionsReadOnce(Middleware):
    """A page that asks a dozen times what its user may do reads it from the database once.

    A permission that is taken away while a request runs counts from the next request on.
    """

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with read_permissions_once():
            return self.get_response(request)


class Language(LocaleMiddleware):
    """Pages in the language that the person chose in their profile, else in the browser's, else in the site's.

    Programs are answered in English, whatever their library asks for.
    """

    def process_request(self, request: HttpRequest) -> None:
        """Activate the language of this request."""
        if request.path.startswith((API, FHIR)):
            activate("en")
            request.LANGUAGE_CODE = "en"
            return
        super().process_request(request)
        user = getattr(request, "user", None)
        chosen = getattr(user, "language", "") if user is not None and user.is_authenticated else ""
        if chosen in dict(settings.LANGUAGES):
            activate(chosen)
            request.LANGUAGE_CODE = chosen


class RequestLog(RequestMiddleware):
    """One line a request: who, which path, which status. No query string and no body: they may name patients.

    Nor a token that stands in a path: whoever reads the log could open what it opens.
    """

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {_TOKEN_IN_PATH.sub('…', request.path)}"


class RefusalPages(Middleware):
    """Turns a Refusal that a view let through into a page, a toast or problem details with 400, 403, 404 or 409."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer a refusal with its page, or as JSON where that is asked for. None for other errors."""
        return refused(request, exception) if isinstance(exception, Refusal) else None


class PossibleValues(Middleware):
    """Answers what no row can hold before any view: 404 for too large an id, 400 and its name for a NUL in a text.

    PostgreSQL stores no NUL (U+0000) in a text; SQLite does, and would give an answer that PostgreSQL cannot give.
    """

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Raise Http404 for an id in the address that no table has; refuse a NUL in the query or form; else None."""
        if any(isinstance(value, int) and value > MOST_ID for value in kwargs.values()):
            raise Http404
        name = next(_names_with_nul(request), None)
        if name is None:
            return None
        refusal = Invalid("NUL characters are not allowed. Take them out.", at=name.replace("\x00", ""))
        if request.path.startswith(FHIR):  # it says so in its own words
            return None
        if request.path.startswith(API):
            body = problem_body(400, refusal.detail, code=refusal.code, at=refusal.at)
            return JsonResponse(body, status=400, content_type=CONTENT_TYPE)
        return refused(request, refusal)


def _names_with_nul(request: HttpRequest) -> Iterator[str]:
    fields = [request.GET]
    # Reading POST consumes the body: a JSON body belongs to its parser, which refuses NUL by itself.
    if request.method == "POST" and request.content_type in FORMS:
        fields.append(request.POST)
    for field in fields:
        yield from (name for name, values in field.lists() if any("\x00" in text for text in (name, *map(str, values))))
