"""Pages of no app: the health endpoint, 404 and 500."""

from __future__ import annotations

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from django.views.decorators.http import require_safe

from ris.kernel import health as kernel_health
from ris.kernel.clock import now

from .api_errors import API, CONTENT_TYPE, FHIR, problem_body


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """For load balancers and monitors: 200 while the database answers and there is room on the disk, else 503.

    ``disk``: ``ok``, ``low`` or ``full``, of the data folder. ``sweeps_silent_seconds`` is how long clock, broker and
    worker were not heard of (null: never).
    """
    space = kernel_health.describe_space(settings.RIS.data)
    try:
        connection.ensure_connection()
        quiet = kernel_health.silence(kernel_health.SWEEPS, at=now())
    except DatabaseError:
        return JsonResponse({"database": "away", "disk": space}, status=503)
    # Silent sweeps are told but are no 503: taking this process out of the balancer would start none of them.
    seconds = round(quiet.total_seconds()) if quiet is not None else None
    body = {"database": "ok", "disk": space, "sweeps_silent_seconds": seconds}
    return JsonResponse(body, status=503 if space == "full" else 200)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: a page for people, problem details for programs."""
    if request.path.startswith(API):
        body = problem_body(404, "There is no such address in this API.", code="not-found")
        return JsonResponse(body, status=404, content_type=CONTENT_TYPE)
    return defaults.page_not_found(request, exception)


def broken(request: HttpRequest) -> HttpResponse:
    """500: a page for people, problem details for programs."""
    if request.path.startswith(API):
        body = problem_body(500, "Something is broken here; it is in the log.", code="broken")
        return JsonResponse(body, status=500, content_type=CONTENT_TYPE)
    if request.path.startswith(FHIR):
        issue = {"severity": "fatal", "code": "exception", "diagnostics": "Something is broken here; it is in the log."}
        body = {"resourceType": "OperationOutcome", "issue": [issue]}
        return JsonResponse(body, status=500, content_type="application/fhir+json")
    return defaults.server_error(request)
