"""What nobody answers, and what broke: a page for people, problem details for programs."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from .api_errors import CONTENT_TYPE, problem_body

API = "/api/"


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    if request.path.startswith(API):
        body = problem_body(404, "There is no such address in this API.", code="not-found")
        return JsonResponse(body, status=404, content_type=CONTENT_TYPE)
    return defaults.page_not_found(request, exception)


def broken(request: HttpRequest) -> HttpResponse:
    """500."""
    if request.path.startswith(API):
        body = problem_body(500, "Something is broken here; it is in the log.", code="broken")
        return JsonResponse(body, status=500, content_type=CONTENT_TYPE)
    return defaults.server_error(request)
