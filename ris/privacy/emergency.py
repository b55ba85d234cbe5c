"""Emergency access (break-glass) on screen: asked for, ended by hand."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from ris.access.models import EmergencyAccess
from ris.access.selectors import running_accesses
from ris.access.services import LASTS, end_access, open_access
from ris.kernel.clock import now
from ris.kernel.errors import Invalid
from ris.people.http import actor_of, go, page, user_of
from ris.people.login.token_pages import privileged
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of

from .selectors import patient_to_open


@never_cache
@require_http_methods(["GET", "POST"])
@page(Can.BREAK_GLASS)
def break_glass(request: HttpRequest) -> HttpResponse:
    """A patient's number, or an accession number, and why; POST opens it after asking anew who is there."""
    return _open(request) if request.method == "POST" else _form(request)


@privileged
def _open(request: HttpRequest) -> HttpResponse:
    user, at = user_of(request), now()
    why, words = request.POST.get("why", ""), request.POST.get("reason", "")
    try:
        patient = patient_to_open(user, request.POST.get("number", ""), actor=actor_of(request), at=at)
        open_access(user, patient.pk, why=why, words=words, actor=actor_of(request), at=at)
    except Invalid as refusal:
        return _form(request, refusal)
    minutes = int(LASTS.total_seconds() // 60)
    return go(request, _begin(user, patient.pk), f"Open to you for {minutes} minutes. The privacy officers know.")


def _begin(user: User, patient_id: int) -> str:
    """Where somebody goes on who has just been given a patient."""
    sees_orders = Can.SEE_ORDERS in permissions_of(user)
    return reverse("orders:patient", args=[patient_id]) if sees_orders else reverse("reporting:results")


def _form(request: HttpRequest, refusal: Invalid | None = None) -> HttpResponse:
    context = {
        "reasons": EmergencyAccess.REASONS,
        "running": running_accesses(user_of(request), now()),
        "minutes": int(LASTS.total_seconds() // 60),
        "refusal": refusal,
        "said": request.POST if refusal else {},
    }
    return render(request, "privacy/break_glass.html", context, status=400 if refusal else 200)


@require_POST
@page(Can.BREAK_GLASS)
def end(request: HttpRequest, access_id: int) -> HttpResponse:
    """End one's own before its time."""
    end_access(user_of(request), access_id, actor=actor_of(request), at=now())
    return go(request, reverse("people:home"), "The emergency access is over.")
