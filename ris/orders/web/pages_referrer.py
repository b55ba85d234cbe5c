"""What a referrer is shown: the orders that they gave, or get copies of, and how far each is."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ris.audit.services import record
from ris.kernel.clock import now
from ris.people.http import actor_of, page, user_of
from ris.people.roles import Can

from .. import selectors


@require_safe
@page(Can.SEE_REPORTS)
def own_orders(request: HttpRequest) -> HttpResponse:
    """Orders whose referrer the viewer is, or of whose report they get a copy, newest first. Audited."""
    user = user_of(request)
    record(actor_of(request), "orders.view-own", user, at=now())
    shown = Paginator(selectors.own_orders_for(user), 50).get_page(request.GET.get("page"))
    return render(request, "orders/mine.html", {"page": shown})


@require_safe
@page(Can.SEE_REPORTS)
def own_order(request: HttpRequest, order_id: int) -> HttpResponse:
    """One of them, with its exams. NotFound for any other order. Audited."""
    order = selectors.own_order_for(user_of(request), order_id)
    record(actor_of(request), "order.view", order, patient_id=order.patient_id, at=now())
    return render(request, "orders/my_order.html", {"order": order, "patient": order.patient, "visit": order.visit})
