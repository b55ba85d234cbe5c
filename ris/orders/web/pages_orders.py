"""Orders on screen: found, looked at, held, cancelled, moved to another time or device."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.audit.services import record, record_shown
from ris.catalog.models import Site
from ris.catalog.selectors import devices_at
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, Invalid
from ris.kernel.models import Record
from ris.kernel.values import id_or_none, read_id, read_moment
from ris.patients.selectors import patients_matching, visible_patient
from ris.people.http import STATUS, actor_of, go, page, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, require, sites_for

from .. import selectors, services, states
from ..models import Order, ScheduledStep

MOST_PATIENTS = 200
"""Patients whose orders a search shows: a common name fits more, and nobody reads them."""


@require_http_methods(["GET", "POST"])
@page(Can.SEE_ORDERS)
def order_list(request: HttpRequest) -> HttpResponse:
    """Orders, newest first. A search is POSTed, so that no log or history keeps what was looked for."""
    user = user_of(request)
    text = request.POST.get("text", "").strip()
    orders = _filter(request, selectors.orders_for(user))
    if text:
        orders = orders.filter(_match(user, text))
    record(actor_of(request), "orders.view", user, at=now(), searched=bool(text))
    shown = Paginator(orders, 60).get_page(request.GET.get("page"))
    if text:
        found = ((order, order.patient_id) for order in shown)
        record_shown(actor_of(request), "orders.search", found, at=now())
    chosen = {key: request.GET.get(key, "") for key in ("site", "state", "flagged")}
    context = {
        "page": shown,
        "text": text,
        "chosen": chosen,
        "query": urlencode({k: v for k, v in chosen.items() if v}) + "&",
        "sites": sites_for(user, Can.SEE_ORDERS),
        "may_place": Can.PLACE_ORDERS in permissions_of(user),
    }
    return render(request, "orders/list.html", context)


def _filter(request: HttpRequest, orders: QuerySet[Order]) -> QuerySet[Order]:
    if site_id := id_or_none(request.GET.get("site", "")):
        orders = orders.filter(site=site_id)
    if request.GET.get("state") in (states.ACTIVE, states.HELD, states.CANCELLED):
        orders = orders.filter(state=request.GET["state"])
    return orders.exclude(flags=[]) if request.GET.get("flagged") else orders


def _match(user: User, text: str) -> Q:
    patients = list(patients_matching(text, user).values_list("pk", flat=True)[:MOST_PATIENTS])
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
        "has_begun": ScheduledStep.objects.filter(procedure__order=order, state__in=states.BEGUN).exists(),
        "may_read": Can.SEE_WORKLIST in permissions_of(user),
        "waiting": states.WAITING,
    }
    return render(request, "orders/detail.html", context)


@require_safe
@page(Can.SEE_ORDERS)
def patient(request: HttpRequest, patient_id: int) -> HttpResponse:
    """A patient with their orders at the viewer's sites. Audited."""
    user = user_of(request)
    person = visible_patient(user, patient_id)
    record(actor_of(request), "patient.view", person, patient_id=person.pk, at=now())
    context = {
        "patient": person,
        "orders": selectors.orders_for(user).filter(patient=person)[:100],
        "appointments": selectors.appointments_for(user, person)[:50],
        "merges": selectors.list_merges(user, person),
        "may_separate": Can.SEPARATE_PATIENTS in permissions_of(user),
        "may_place": Can.PLACE_ORDERS in permissions_of(user),
        "may_mark": Can.MARK_CONFIDENTIAL in permissions_of(user),
        "sees_reports": Can.SEE_REPORTS in permissions_of(user),
    }
    return render(request, "orders/patient.html", context)


@require_POST
@page(Can.PLACE_ORDERS)
def cancel(request: HttpRequest, order_id: int) -> HttpResponse:
    """Cancel it, with a reason."""
    order = _get_changeable(request, order_id)
    services.cancel_order(order.pk, reason=_read_reason(request), actor=actor_of(request), at=now())
    return go(request, reverse("orders:detail", args=[order.pk]), "The order is cancelled; it is off every worklist.")


@require_POST
@page(Can.PLACE_ORDERS)
def hold(request: HttpRequest, order_id: int) -> HttpResponse:
    """Put it on hold, with a reason."""
    order = _get_changeable(request, order_id)
    services.hold_order(order.pk, reason=_read_reason(request), actor=actor_of(request), at=now())
    return go(request, reverse("orders:detail", args=[order.pk]), "On hold: the scanners do not see it.")


@require_POST
@page(Can.PLACE_ORDERS)
def release(request: HttpRequest, order_id: int) -> HttpResponse:
    """Take it off hold."""
    order = _get_changeable(request, order_id)
    services.release_order(order.pk, actor=actor_of(request), at=now())
    return go(request, reverse("orders:detail", args=[order.pk]), "Active again.")


@require_http_methods(["GET", "POST"])
@page(Can.PLACE_ORDERS)
def reschedule(request: HttpRequest, step_id: int) -> HttpResponse:
    """Move a waiting step to another time or device."""
    user = user_of(request)
    step = selectors.step_for(user, step_id, Can.PLACE_ORDERS)
    order = step.procedure.order
    start = step.start.astimezone(ZoneInfo(order.site.time_zone)).strftime("%Y-%m-%dT%H:%M")
    context: dict[str, Any] = {
        "step": step, "order": order, "patient": order.patient, "visit": order.visit, "start": start,
        "device_id": step.device_id, "devices": devices_at(order.site_id, step.modality),
    }  # fmt: skip
    if request.method == "POST":
        try:
            device_id = read_id(request.POST.get("device", ""), at="device")
            services.rebook_step(
                step.pk, start=read_site_moment(request, "start", order.site), device_id=device_id,
                confirmed=bool(request.POST.get("confirmed")),
                overbook_reason=read_overbook_reason(request, order.site_id), actor=actor_of(request), at=now(),
            )  # fmt: skip
        except (Invalid, Conflict) as refusal:
            context |= {"refusal": refusal, "may_overbook": Can.OVERBOOK in permissions_of(user)}
            context |= {"start": request.POST.get("start", start),
                        "device_id": id_or_none(request.POST.get("device", ""))}  # fmt: skip
            return render(request, "orders/reschedule.html", context, status=STATUS[type(refusal)])
        return go(request, reverse("orders:detail", args=[order.pk]), "Moved.")
    record(actor_of(request), "order.view", order, patient_id=order.patient_id, at=now())
    return render(request, "orders/reschedule.html", context)


def read_site_moment(request: HttpRequest, name: str, site: Site) -> datetime:
    """A ``datetime-local`` field by the site's clock. Raises Invalid, also for an hour that a clock change skips."""
    zone = ZoneInfo(site.time_zone)
    with timezone.override(zone):  # a text without an offset is by this clock
        moment = read_moment(request.POST.get(name, ""), at=name)
    # An hour that a clock change skips comes back from UTC as another one.
    if moment.tzinfo is zone and moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment.replace(
        tzinfo=None
    ):
        raise Invalid(f"The clocks change then in {site.name}: there is no such hour. Give another.", at=name)
    return moment


def read_overbook_reason(request: HttpRequest, site_id: int) -> str:
    """Why a time is booked that is not free; empty where that was not said. Raises unless the user may overbook."""
    reason = request.POST.get("overbook_reason", "").strip()[:120]
    if reason:
        require(user_of(request), Can.OVERBOOK, site_id)
    return reason


def _get_changeable(request: HttpRequest, order_id: int) -> Order:
    require(user_of(request), Can.PLACE_ORDERS)
    return selectors.order_for(user_of(request), order_id, Can.PLACE_ORDERS)


def _read_reason(request: HttpRequest) -> str:
    reason = request.POST.get("reason", "").strip()[:250]
    if not reason:
        raise Invalid("Say why.", at="reason")
    return reason
