"""Refusals that a page's view let through: said in words, with the right status."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from ris.kernel.errors import Refusal
from ris.people.http import refused


class RefusalPages:
    """Turns a Refusal into a page, a toast or problem details with 400, 403, 404 or 409."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer a refusal with its page, or as JSON where that is asked for. None for other errors."""
        return refused(request, exception) if isinstance(exception, Refusal) else None
