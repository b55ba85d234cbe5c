"""Permissions are read once a request."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from ris.people.selectors import read_permissions_once


class PermissionsReadOnce:
    """Middleware: a page that asks a dozen times what its user may do reads it from the database once.

    A permission that is taken away while a request runs counts from the next request on.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with read_permissions_once():
            return self.get_response(request)
