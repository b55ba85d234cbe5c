"""Values in addresses and forms that no row can hold: NUL characters, which PostgreSQL has not, and too large ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse

from ris.kernel.errors import Invalid
from ris.kernel.values import MOST_ID
from ris.people.http import refused

from .api_errors import API, CONTENT_TYPE, problem_body

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class PossibleValues:
    """Answers what no row can hold before any view: 404 for too large an id, 400 and its name for a NUL in a text."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Raise Http404 for an id in the address that no table has; refuse a NUL in the query or form; else None."""
        if any(isinstance(value, int) and value > MOST_ID for value in kwargs.values()):
            raise Http404
        name = next(_bad_names(request), None)
        if name is None:
            return None
        refusal = Invalid("NUL characters are not allowed. Take them out.", at=name.replace("\x00", ""))
        if request.path.startswith(API):
            body = problem_body(400, refusal.detail, code=refusal.code, at=refusal.at)
            return JsonResponse(body, status=400, content_type=CONTENT_TYPE)
        return refused(request, refusal)


def _bad_names(request: HttpRequest) -> Iterator[str]:
    given = [request.GET]
    if request.method == "POST" and request.content_type in FORMS:
        given.append(request.POST)
    for said in given:
        yield from (name for name, values in said.lists() if any("\x00" in text for text in (name, *map(str, values))))
