"""Refusals of pages: a page that says what happened and what to do, with the right status."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ris.kernel.errors import Refusal

from .api_errors import status_of


class RefusalPages:
    """Turns a Refusal that a page's view raised into ``refusal.html`` with 400, 403, 404 or 409."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Refusal):
            return None
        status = status_of(exception)
        return render(request, "refusal.html", {"refusal": exception, "status": status.value}, status=status)
