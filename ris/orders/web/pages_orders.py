"""Orders on screen: found, looked at, held, cancelled, moved."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.audit.services import record
from ris.catalog.selectors import devices_at
from ris.kernel.clock import now
from ris.kernel.errors import Invalid, NotFound
from ris.kernel.models import Record
from ris.kernel.values.moments import read_moment
from ris.kernel.values.numbers import id_or_none, read_id
from ris.patients.models import Patient
from ris.patients.selectors import patients_matching, visible_patients
from ris.people.edge import actor_of, user_of
from ris.people.http import go, page
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, require, sites_for

from .. import selectors, services, states
from ..models import Order

PATIENTS_LOOKED_AT = 200


@require_http_methods(["GET", "POST"])
@page(Can.SEE_ORDERS)
def order_list(request: HttpRequest) -> HttpResponse:
    """Orders, newest first. A search is POSTed, so that no log or history keeps what was looked for."""
    user = user_of(request)
    text = request.POST.get("text", "").strip()
    orders = _filtered(request, selectors.orders_for(user))
    if text:
        orders = orders.filter(_matching(user, text))
    record(actor_of(request), "orders.view", user, at=now(), searched=bool(text))
    chosen = {key: request.GET.get(key, "") for key in ("site", "state", "flagged")}
    context = {
        "page": Paginator(orders, 60).get_page(request.GET.get("page")),
        "text": text,
        "chosen": chosen,
        "query": urlencode({k: v for k, v in chosen.items() if v}) + "&",
        "sites": sites_for(user, Can.SEE_ORDERS),
        "may_place": Can.PLACE_ORDERS in permissions_of(user),
    }
    return render(request, "orders/list.html", context)


def _filtered(request: HttpRequest, orders: QuerySet[Order]) -> QuerySet[Order]:
    if site_id := id_or_none(request.GET.get("site", "")):
        orders = orders.filter(site=site_id)
    if request.GET.get("state") in (states.ACTIVE, states.HELD, states.CANCELLED):
        orders = orders.filter(state=request.GET["state"])
    return orders.exclude(flags=[]) if request.GET.get("flagged") else orders


def _matching(user: User, text: str) -> Q:
    patients = list(patients_matching(text, user).values_list("pk", flat=True)[:PATIENTS_LOOKED_AT])
    return Q(accession__istartswith=text) | Q(placer_number=text) | Q(patient__in=patients)


@require_safe
@page(Can.SEE_ORDERS)
def detail(request: HttpRequest, order_id: int) -> HttpResponse:
    """One order with its procedures, steps and history. Audited."""
    user = user_of(request)
    order = selectors.order_for(user, order_id)
    record(actor_of(request), "order.view", order, patient_id=order.patient_id, at=now())
    context = {
        "order": order,
        "patient": order.patient,
        "visit": order.visit,
        "procedures": order.procedures.prefetch_related("steps__device", "steps__performed", "study"),
        "history": Record.objects.filter(stream=order.accession).order_by("-id")[:60],
        "may_change": Can.PLACE_ORDERS in permissions_of(user)
        and sites_for(user, Can.PLACE_ORDERS).filter(pk=order.site_id).exists(),
        "may_read": Can.SEE_WORKLIST in permissions_of(user),
        "waiting": states.WAITING,
    }
    return render(request, "orders/detail.html", context)


@require_safe
@page(Can.SEE_ORDERS)
def patient(request: HttpRequest, patient_id: int) -> HttpResponse:
    """A patient with their orders at the viewer's sites. Audited."""
    user = user_of(request)
    found = visible_patient(user, patient_id)
    record(actor_of(request), "patient.view", found, patient_id=found.pk, at=now())
    context = {
        "patient": found,
        "orders": selectors.orders_for(user).filter(patient=found)[:100],
        "merges": selectors.list_merges(user, found),
        "may_separate": Can.SEPARATE_PATIENTS in permissions_of(user),
        "may_place": Can.PLACE_ORDERS in permissions_of(user),
    }
    return render(request, "orders/patient.html", context)


def visible_patient(user: User, patient_id: int) -> Patient:
    """Raises NotFound, also for one whom only foreign sites know."""
    found = visible_patients(user).filter(pk=patient_id).first()
    if found is None:
        raise NotFound("There is no such patient.")
    return found


@require_POST
@page(Can.PLACE_ORDERS)
def cancel(request: HttpRequest, order_id: int) -> HttpResponse:
    """Cancel it, with a reason."""
    order = _changeable(request, order_id)
    services.cancel_order(order.pk, reason=_reason(request), actor=actor_of(request), at=now())
    return go(request, reverse("orders:detail", args=[order.pk]), "The order is cancelled; it is off every worklist.")


@require_POST
@page(Can.PLACE_ORDERS)
def hold(request: HttpRequest, order_id: int) -> HttpResponse:
    """Put it on hold, with a reason."""
    order = _changeable(request, order_id)
    services.hold_order(order.pk, reason=_reason(request), actor=actor_of(request), at=now())
    return go(request, reverse("orders:detail", args=[order.pk]), "On hold: the scanners do not see it.")


@require_POST
@page(Can.PLACE_ORDERS)
def release(request: HttpRequest, order_id: int) -> HttpResponse:
    """Take it off hold."""
    order = _changeable(request, order_id)
    services.release_order(order.pk, actor=actor_of(request), at=now())
    return go(request, reverse("orders:detail", args=[order.pk]), "Active again.")


@require_http_methods(["GET", "POST"])
@page(Can.PLACE_ORDERS)
def reschedule(request: HttpRequest, step_id: int) -> HttpResponse:
    """Move a waiting step to another time or device."""
    user = user_of(request)
    step = selectors.step_for(user, step_id, Can.PLACE_ORDERS)
    order = step.procedure.order
    if request.method == "POST":
        device_id = read_id(request.POST.get("device", ""), at="device")
        services.reschedule_step(step.pk, start=local_moment(request, "start"), device_id=device_id,
                                 actor=actor_of(request), at=now())  # fmt: skip
        return go(request, reverse("orders:detail", args=[order.pk]), "Moved.")
    record(actor_of(request), "order.view", order, patient_id=order.patient_id, at=now())
    context: dict[str, Any] = {
        "step": step, "order": order, "patient": order.patient, "visit": order.visit,
        "devices": devices_at(order.site_id, step.modality),
    }  # fmt: skip
    return render(request, "orders/reschedule.html", context)


def local_moment(request: HttpRequest, name: str) -> datetime:
    """A ``datetime-local`` field, in the user's zone. Raises Invalid."""
    return read_moment(request.POST.get(name, ""), at=name)


def _changeable(request: HttpRequest, order_id: int) -> Order:
    require(user_of(request), Can.PLACE_ORDERS)
    return selectors.order_for(user_of(request), order_id, Can.PLACE_ORDERS)


def _reason(request: HttpRequest) -> str:
    reason = request.POST.get("reason", "").strip()[:250]
    if not reason:
        raise Invalid("Say why.", at="reason")
    return reason
