"""The DICOM side on screen: devices and what they asked, why a patient is not on a scanner, priors on their way."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from ris.access.visibility import open_rows
from ris.audit.services import record, record_shown
from ris.catalog.models import Device
from ris.kernel.clock import now
from ris.kernel.errors import NotFound
from ris.kernel.values import id_or_none
from ris.orders.selectors import step_for, steps_for
from ris.orders.states import WAITING
from ris.people.http import actor_of, go, page, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, sites_for
from worklist.models import PriorPlan

from . import selectors
from .models import Rejection
from .prefetch.doubts import accept_prior, doubtful_for
from .prefetch.selectors import list_archive_progress, list_plan_progress
from .scu.c_echo import send_echo

ECHOERS = (Can.PERFORM_EXAMS, Can.SEE_MESSAGES, Can.SET_UP)
WATCHERS = (Can.SET_UP, Can.SEE_MESSAGES, Can.LEAD_READING)


@require_safe
@page(Can.SEE_ORDERS)
def devices(request: HttpRequest) -> HttpResponse:
    """The devices of the viewer's sites: when each was last heard of, and who was turned away."""
    user = user_of(request)
    context = {
        "devices": selectors.devices_seen(user),
        "rejections": Rejection.objects.order_by("-at")[:30] if permissions_of(user) & set(WATCHERS) else [],
    }
    return render(request, "dicom/devices.html", context)


@require_safe
@page(Can.SEE_ORDERS)
def device(request: HttpRequest, device_id: int) -> HttpResponse:
    """One device: how it is spoken to, what it asked, what was refused."""
    user = user_of(request)
    shown = _device(user, device_id)
    steps = steps_for(user).filter(device=shown, state__in=WAITING)[:12]
    waiting = ((step, step.procedure.order.patient_id) for step in steps)
    record_shown(actor_of(request), "step.view", waiting, at=now())
    context = {
        "device": shown,
        "profile": getattr(shown, "dicom_profile", None),
        "page": Paginator(selectors.queries_of(shown).defer("identifier"), 50).get_page(request.GET.get("page")),
        "rejections": selectors.rejections_of(shown)[:20],
        "may_echo": bool(permissions_of(user) & set(ECHOERS)),
        "steps": steps,
    }
    return render(request, "dicom/device.html", context)


@require_POST
@page(*ECHOERS)
def echo_test(request: HttpRequest, device_id: int) -> HttpResponse:
    """Is the device there? A C-ECHO, and what came of it."""
    result = send_echo(_device(user_of(request), device_id), actor=actor_of(request), at=now())
    level = messages.SUCCESS if result.answered else messages.ERROR
    return go(request, reverse("dicom:device", args=[device_id]), result.words, level=level)


def _device(user: User, device_id: int) -> Device:
    device = selectors.devices_seen(user).filter(pk=device_id).first()
    if device is None:
        raise NotFound("There is no such device.")
    return device


@require_safe
@page(Can.SEE_ORDERS)
def explain(request: HttpRequest, step_id: int) -> HttpResponse:
    """Why is my patient not on the scanner? The device's last query, key by key, against the order. Audited."""
    user = user_of(request)
    step = step_for(user, step_id)
    order = step.procedure.order
    record(actor_of(request), "order.view", order, patient_id=order.patient_id, at=now())
    choices = Device.objects.filter(site__in=sites_for(user, Can.SEE_ORDERS), active=True)
    chosen = id_or_none(request.GET.get("device", ""))
    shown = _device(user, chosen) if chosen else step.device or choices.first()
    context = {
        "step": step, "order": order, "patient": order.patient, "visit": order.visit,
        "device": shown, "devices": choices,
        "explanation": selectors.explain_absence(shown, order.accession, at=now()) if shown else None,
    }  # fmt: skip
    return render(request, "dicom/explain.html", context)


@require_safe
@page(*WATCHERS)
def show_prefetch(request: HttpRequest) -> HttpResponse:
    """Priors that are wanted at hand, and what became of that."""
    user = user_of(request)
    state = request.GET.get("state", "")
    plans = PriorPlan.objects.filter(procedure__order__site__in=sites_for(user, Can.SEE_ORDERS))
    plans = open_rows(plans, user, patient="procedure__order__patient", site="procedure__order__site")
    plans = plans.select_related("procedure__order__patient", "prior__order").order_by("-planned_at", "-pk")
    if state:
        plans = plans.filter(state=state)
    states = [PriorPlan.PLANNED, PriorPlan.FETCHED, PriorPlan.FAILED, PriorPlan.DROPPED, PriorPlan.CANCELLED]
    shown = Paginator(plans, 100).get_page(request.GET.get("page"))
    record(actor_of(request), "prefetch.view", user, at=now())
    context = {
        "page": shown, "rows": list_plan_progress(shown), "archives": list_archive_progress(now()),
        "state": state, "states": states, "doubtful": doubtful_for(user)[:100],
        "may_accept": Can.LEAD_READING in permissions_of(user),
        "query": urlencode({"state": state}) + "&" if state else "",
    }  # fmt: skip
    return render(request, "dicom/prefetch.html", context)


@require_POST
@page(Can.LEAD_READING)
def accept(request: HttpRequest, doubt_id: int) -> HttpResponse:
    """A study that may be another patient's is this patient's after all, with a reason."""
    accept_prior(user_of(request), doubt_id, reason=request.POST.get("reason", ""), actor=actor_of(request), at=now())
    return go(request, reverse("dicom:prefetch"), "Accepted: it is ranked and moved with the next search.")
