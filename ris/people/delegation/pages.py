"""Whom one lets act for oneself, for whom one may act, and beginning and stopping to do so."""

from __future__ import annotations

from allauth.mfa.utils import is_mfa_enabled
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from ris.kernel.clock import now
from ris.kernel.errors import Conflict
from ris.kernel.values import read_id, read_moment

from ..http import actor_of, go, page, user_of
from ..login.policy import needs_second_factor, provider_asked_factor
from ..login.token_pages import privileged
from . import services

MOST_SHOWN = 100


@page()
def delegations(request: HttpRequest) -> HttpResponse:
    """Delegations given and had; POST gives one, after asking anew who is there."""
    if request.method == "POST":
        return _give(request)
    user, at = user_of(request), now()
    own = user.acting is None
    context = {
        "rows": services.involving(user)[:MOST_SHOWN],
        "usable": set(services.holding(user, at=at).values_list("pk", flat=True)),
        "duties": services.duties_of(user) if own else [],
        "people": services.delegates_for(user) if own else [],
        "at": at,
    }
    return render(request, "people/delegations.html", context)


@privileged
def _give(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    intent = services.DelegationIntent(
        delegate_id=read_id(request.POST.get("delegate", ""), at="delegate"),
        duties=tuple(request.POST.getlist("duties")),
        begins_at=read_moment(request.POST.get("begins_at", ""), at="begins_at"),
        ends_at=read_moment(request.POST.get("ends_at", ""), at="ends_at"),
        reason=request.POST.get("reason", ""),
    )
    row = services.delegate(user, intent, actor=actor_of(request), at=now())
    return go(request, reverse("people:delegations"), f"{row.delegate.display_name} may act for you.")


@require_POST
@page()
def revoke(request: HttpRequest, delegation_id: int) -> HttpResponse:
    """End a delegation that one gave or had."""
    services.revoke_delegation(user_of(request), delegation_id, actor=actor_of(request), at=now())
    return go(request, reverse("people:delegations"), "Ended.")


@require_POST
@page()
def act(request: HttpRequest, delegation_id: int) -> HttpResponse:
    """Act for somebody in this session. What their login rules demand of them is demanded here, too."""
    user = user_of(request)
    row = services.holding(user, at=now()).filter(pk=delegation_id).first()
    has_factor = is_mfa_enabled(user) or provider_asked_factor(request.session)
    if row is not None and needs_second_factor(row.delegator) and not has_factor:
        raise Conflict("Who acts for this person needs a second factor. Set one up under Profile.")
    row = services.begin_acting(request.session, user, delegation_id, actor=actor_of(request), at=now())
    return go(request, "/", f"You act for {row.delegator.display_name}.")


@require_POST
@page()
def stop(request: HttpRequest) -> HttpResponse:
    """Do one's own work again."""
    services.stop_acting(request.session, user_of(request), actor=actor_of(request), at=now())
    return go(request, "/", "You do your own work again.")
