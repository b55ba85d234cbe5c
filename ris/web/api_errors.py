"""Refusals of the API as problem details (RFC 9457): one shape for all that can go wrong.

``{"type": "about:blank", "title": "Conflict", "status": 409, "detail": "…", "code": "conflict", "at": "OBR-18"}``;
``at`` is there where a field is to blame, ``errors`` where several are.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from ris.kernel.errors import Refusal
from ris.people.http import STATUS

API = "/api/"
"""Where the paths of the API begin."""
FHIR = "/fhir/"
"""Where the paths of the FHIR server begin."""

CONTENT_TYPE = "application/problem+json"


def problem_body(status: int, detail: str, *, code: str, at: str = "", **more: Any) -> dict[str, Any]:
    """The members of a problem; ``at`` only where there is one."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, "code": code}
    return body | ({"at": at} if at else {}) | more


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. None (a 500 without details) for an error that the caller did not cause."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, Refusal):
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 400)
        body, headers = problem_body(status, error.detail, code=error.code, at=error.at), {}
    elif isinstance(error, exceptions.APIException):
        body, headers = _of_drf(error), _headers_of(error)
    else:
        return None
    set_rollback()  # as DRF's own handler does: the request's transaction, where ATOMIC_REQUESTS opens one
    return Response(body, status=body["status"], headers=headers, content_type=CONTENT_TYPE)


def _of_drf(error: exceptions.APIException) -> dict[str, Any]:
    if not isinstance(error, exceptions.ValidationError):
        return problem_body(error.status_code, str(error.detail), code=str(error.default_code).replace("_", "-"))
    errors = [{"at": at, "detail": detail} for at, detail in _flat(error.detail)]
    first = errors[0] if errors else {"at": "", "detail": "What was sent is not valid."}
    more = {"errors": errors} if len(errors) > 1 else {}
    return problem_body(error.status_code, first["detail"], code="invalid", at=first["at"], **more)


def _flat(detail: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """DRF's nested lists and dicts as ``("procedures[0].code", "This field is required.")``."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            if isinstance(name, int):  # DRF's form of a list of which only some are wrong
                yield from _flat(inner, f"{at}[{name}]")
            else:
                yield from _flat(inner, at if name == "non_field_errors" else f"{at}.{name}".lstrip("."))
    elif isinstance(detail, list):
        for number, inner in enumerate(detail):
            nested = isinstance(inner, (dict, list))
            yield from _flat(inner, f"{at}[{number}]" if nested and at else at)
    else:
        yield at, str(detail)


def _headers_of(error: exceptions.APIException) -> dict[str, str]:
    headers: dict[str, str] = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = error.auth_header  # type: ignore[attr-defined]
    if getattr(error, "wait", None):
        headers["Retry-After"] = f"{error.wait:.0f}"  # type: ignore[attr-defined]
    return headers
