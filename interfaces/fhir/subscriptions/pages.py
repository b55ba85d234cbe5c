"""Subscriptions on screen: who is told of what, what each is owed, and what to do about one that fails."""

from __future__ import annotations

from django.db.models import Count, Min, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import NotFound
from ris.kernel.values import id_or_none, read_reason
from ris.kernel.values.webhooks import host_of
from ris.people.http import actor_of, go, page, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of

from .. import states
from ..models import Notification, Subscription
from . import services

ROWS = 100
STATES = [*states.STANDING, states.OFF]


def _listed() -> QuerySet[Subscription]:
    owed = Q(notifications__state=states.OWED)
    rows = Subscription.objects.exclude(state=states.DELETED).select_related("user", "token")
    return rows.annotate(waiting=Count("notifications", owed), oldest=Min("notifications__created_at", filter=owed))


@require_safe
@page(Can.SEE_MESSAGES)
def subscriptions(request: HttpRequest) -> HttpResponse:
    """All of them, newest first, by state. Whose they are and where they go; nothing of patients."""
    chosen = request.GET.get("state", "")
    rows = _listed().order_by("-pk")
    if chosen:
        rows = rows.filter(state=chosen)
    shown = list(rows[:ROWS])
    for row in shown:
        row.host = host_of(row.endpoint) if row.endpoint else ""  # type: ignore[attr-defined]  # for the template
    record(actor_of(request), "subscriptions.view", user_of(request), at=now())
    return render(request, "fhir/subscriptions.html", {"rows": shown, "state": chosen, "states": STATES})


@require_safe
@page(Can.SEE_MESSAGES)
def subscription(request: HttpRequest, subscription_id: int) -> HttpResponse:
    """One subscription and its queue, newest first."""
    row = _found(subscription_id)
    queue = Notification.objects.filter(subscription=row).order_by("-pk")
    if before := id_or_none(request.GET.get("before", "")):
        queue = queue.filter(pk__lt=before)
    shown = list(queue[: ROWS + 1])
    record(actor_of(request), "subscription.view", row, at=now())
    context = {
        "row": row,
        "host": host_of(row.endpoint) if row.endpoint else "",
        "queue": shown[:ROWS],
        "older": shown[ROWS - 1].pk if len(shown) > ROWS else None,
        "may_mend": Can.MEND_MESSAGES in permissions_of(user_of(request)),
        "is_standing": row.state in states.STANDING,
    }
    return render(request, "fhir/subscription.html", context)


def _found(subscription_id: int) -> Subscription:
    row = _listed().filter(pk=subscription_id).first()
    if row is None:
        raise NotFound("There is no such subscription.")
    return row


@require_POST
@page(Can.MEND_MESSAGES)
def request_anew(request: HttpRequest, subscription_id: int) -> HttpResponse:
    """Shake hands anew and send what is owed, with a reason."""
    services.request_again(
        _found(subscription_id).pk,
        reason=read_reason(request.POST.get("reason", "")),
        actor=actor_of(request),
        at=now(),
    )
    return go(request, reverse("fhir:subscription", args=[subscription_id]), "The receiver is asked again.")


@require_POST
@page(Can.MEND_MESSAGES)
def end(request: HttpRequest, subscription_id: int) -> HttpResponse:
    """Switch it off, with a reason. Its owner can request it again."""
    services.switch_off(
        _found(subscription_id).pk,
        reason=read_reason(request.POST.get("reason", "")),
        actor=actor_of(request),
        at=now(),
    )
    return go(request, reverse("fhir:subscription", args=[subscription_id]), "It is off: nothing more is sent.")
