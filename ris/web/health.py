"""The health endpoint."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from ris.kernel import heartbeat
from ris.kernel.clock import now


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """For load balancers and monitors: 200 while the database answers, else 503.

    ``sweeps_silent_seconds`` is how long clock, broker and worker were not heard of (null: never).
    """
    try:
        connection.ensure_connection()
        quiet = heartbeat.silence(heartbeat.SWEEPS, at=now())
    except DatabaseError:
        return JsonResponse({"database": "away"}, status=503)
    seconds = round(quiet.total_seconds()) if quiet is not None else None
    return JsonResponse({"database": "ok", "sweeps_silent_seconds": seconds})
