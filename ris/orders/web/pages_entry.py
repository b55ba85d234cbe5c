"""Order entry: the patient first, those who may be the same beside; then what, where and when."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.audit.services import record, record_shown
from ris.catalog.models import Procedure, Site
from ris.catalog.selectors import devices_at
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, Invalid, NotFound, Refusal
from ris.kernel.values import day_or_none, id_or_none, read_id
from ris.patients.intents import PatientIntent
from ris.patients.matching import Traits, compare
from ris.patients.models import Patient
from ris.patients.selectors import (
    find_patient,
    patients_matching,
    possible_duplicates,
    visible_patient,
    visible_patients,
)
from ris.patients.services import resolve_patient, traits_known
from ris.people.http import actor_of, go, page, user_of
from ris.people.roles import Can
from ris.people.selectors import permissions_of, require, sites_for

from .. import services
from ..intents import Code, OrderIntent, ProcedureIntent, StepIntent
from ..models import Order
from ..selectors_catalog import search_procedures
from .pages_orders import read_overbook_reason, read_site_moment

CHOSEN_TIME = "chosen-time"
"""Key of the session: site, device and start that were chosen in the calendar for the next order."""


@require_safe
@page(Can.PLACE_ORDERS)
def find(request: HttpRequest) -> HttpResponse:
    """Who is it? Search first; register only who is not there."""
    context = {"sites": sites_for(user_of(request), Can.PLACE_ORDERS), "sexes": Patient.SEXES}
    return render(request, "orders/find.html", context)


@require_POST
@page(Can.PLACE_ORDERS)
def matches(request: HttpRequest) -> HttpResponse:
    """Patients that match what was typed so far."""
    text = request.POST.get("text", "").strip()
    user = user_of(request)
    is_enough = len(text) > 1 or not text.isascii()  # one Han character is a family name
    patients = list(patients_matching(text, user).prefetch_related("identifiers")[:20]) if is_enough else []
    shown = ((patient, patient.pk) for patient in patients)
    record_shown(actor_of(request), "patients.search", shown, at=now())
    return render(request, "orders/matches.html", {"found": patients, "text": text})


@require_POST
@page(Can.PLACE_ORDERS)
def duplicates(request: HttpRequest) -> HttpResponse:
    """Those whom the person about to be registered may be."""
    return render(request, "orders/duplicates.html", {"duplicates": _find_alike(request)})


@require_POST
@page(Can.PLACE_ORDERS)
def register(request: HttpRequest) -> HttpResponse:
    """Register a person, unless somebody alike is known and was not looked at."""
    said = {name: request.POST.get(name, "").strip() for name in ("family_name", "given_name", "number", "sex")}
    site = _read_site(request)
    try:
        if not said["family_name"] or not said["number"]:
            raise Invalid("Give the family name and the number that the site uses for this person.", at="number")
        known = find_patient([(said["number"], site.assigning_authority, "MR")])
        if known is not None:
            return _show_beside(request, known)
        alike = _find_alike(request)
        if alike and not request.POST.get("not_alike"):
            raise Invalid("Somebody alike is registered already: choose them, or say that this is another person.")
        intent = PatientIntent(
            identifiers=((said["number"], site.assigning_authority, "MR"),),
            family_name=said["family_name"],
            given_name=said["given_name"],
            birth_date=_read_birth_date(request),
            sex=said["sex"],
        )
        patient = resolve_patient(intent, actor=actor_of(request), at=now(), authoritative=False)
    except Refusal as refusal:
        context = {"sites": sites_for(user_of(request), Can.PLACE_ORDERS), "sexes": Patient.SEXES, "said": request.POST,
                   "refusal": refusal, "duplicates": _find_alike(request)}  # fmt: skip
        return render(request, "orders/find.html", context, status=400)
    return go(request, reverse("orders:new", args=[patient.pk]))


def _show_beside(request: HttpRequest, known: Patient) -> HttpResponse:
    """The number exists: who has it beside what was entered. A registration never writes to somebody who is known."""
    patient = visible_patients(user_of(request)).filter(pk=known.pk).prefetch_related("identifiers").first()
    if patient is None:
        raise Conflict("This number is another site's patient. Check it, or ask who keeps the patients.", at="number")
    record(actor_of(request), "patient.view", patient, patient_id=patient.pk, at=now())
    entered = Traits(
        family=request.POST.get("family_name", "").strip(), given=request.POST.get("given_name", "").strip(),
        birth_date=_read_birth_date(request), sex=request.POST.get("sex", ""),
    )  # fmt: skip
    comparison = compare(traits_known(patient), entered)
    context = {
        "sites": sites_for(user_of(request), Can.PLACE_ORDERS), "sexes": Patient.SEXES, "said": request.POST,
        "known": patient, "entered": entered, "entered_sex": dict(Patient.SEXES).get(entered.sex, ""),
        "differs": {name.replace(" ", "_"): True for name in comparison.differing},
    }  # fmt: skip
    return render(request, "orders/find.html", context, status=409)


def _find_alike(request: HttpRequest) -> list[Patient]:
    family, given = request.POST.get("family_name", "").strip(), request.POST.get("given_name", "").strip()
    born = _read_birth_date(request)
    if not (family or given) or born is None:
        return []
    patients = possible_duplicates(family_name=family, given_name=given, birth_date=born, viewer=user_of(request))
    return list(patients.prefetch_related("identifiers"))


def _read_birth_date(request: HttpRequest) -> date | None:
    return day_or_none(request.POST.get("birth_date", ""))


def _read_site(request: HttpRequest) -> Site:
    site_id = read_id(request.POST.get("site", ""), at="site")
    require(user_of(request), Can.PLACE_ORDERS, site_id)
    return Site.objects.get(pk=site_id)


@require_http_methods(["GET", "POST"])
@page(Can.PLACE_ORDERS)
def new(request: HttpRequest, patient_id: int) -> HttpResponse:
    """What is to be done, where and when. Modality and duration come from the catalog."""
    user = user_of(request)
    patient = visible_patient(user, patient_id)
    chosen = request.session.get(CHOSEN_TIME) or {}
    context: dict[str, Any] = {
        "patient": patient,
        "sites": sites_for(user, Can.PLACE_ORDERS),
        "priorities": Order.PRIORITIES,
        "start": chosen.get("start") or _suggest_start(sites_for(user, Can.PLACE_ORDERS).first()),
        "chosen": chosen,
        "said": {"site": str(chosen.get("site", ""))},
        "recent": patient.orders.filter(site__in=sites_for(user, Can.SEE_ORDERS)).order_by("-placed_at")[:5],
    }
    if request.method == "POST":
        try:
            intent = _read_intent(request, patient)
            order = services.book_order(
                intent,
                confirmed=bool(request.POST.get("confirmed")),
                overbook_reason=read_overbook_reason(request, intent.site_id),
                actor=actor_of(request),
                at=now(),
            )
        except Refusal as refusal:
            chosen = filter(None, map(id_or_none, request.POST.getlist("procedure")))
            picked = [
                _describe_picked(request, pk) for pk in chosen if Procedure.objects.filter(pk=pk, active=True).exists()
            ]
            context |= {"refusal": refusal, "may_overbook": Can.OVERBOOK in permissions_of(user)}
            context |= {"said": request.POST, "picked": picked,
                        "start": request.POST.get("start", context["start"])}  # fmt: skip
            return render(request, "orders/new.html", context, status=400)
        request.session.pop(CHOSEN_TIME, None)
        return go(request, reverse("orders:detail", args=[order.pk]), f"Ordered: {order.accession}.")
    record(actor_of(request), "patient.view", patient, patient_id=patient.pk, at=now())
    return render(request, "orders/new.html", context)


def _suggest_start(site: Site | None) -> str:
    """In ten minutes by the clock of the site that the form chooses first: time to walk to the device."""
    zone = ZoneInfo(site.time_zone) if site else UTC
    return (now() + timedelta(minutes=10)).astimezone(zone).strftime("%Y-%m-%dT%H:%M")


@require_safe
@page(Can.PLACE_ORDERS)
def procedures(request: HttpRequest) -> HttpResponse:
    """Catalog search, by words or code: exact matches first, then what is ordered most."""
    text = request.GET.get("code", "").strip()
    choices = search_procedures(text) if text else []
    return render(request, "orders/procedures.html", {"found": choices, "text": text})


@require_safe
@page(Can.PLACE_ORDERS)
def pick(request: HttpRequest, procedure_id: int) -> HttpResponse:
    """A procedure that was chosen, with the devices of the site that can do it."""
    return render(request, "orders/picked.html", {"one": _describe_picked(request, procedure_id)})


def _describe_picked(request: HttpRequest, procedure_id: int) -> dict[str, Any]:
    procedure = Procedure.objects.filter(pk=procedure_id, active=True).first()
    if procedure is None:
        raise NotFound("There is no such procedure.")
    said = request.GET if request.method == "GET" else request.POST
    site_id = id_or_none(said.get("site", ""))
    devices = devices_at(site_id, procedure.modality) if site_id else []
    chosen = request.session.get(CHOSEN_TIME) or {}
    device = said.get(f"device-{procedure_id}", "") or chosen.get("device", "")
    return {"procedure": procedure, "devices": devices, "device": device,
            "side": said.get(f"side-{procedure_id}", procedure.laterality)}  # fmt: skip


def _read_intent(request: HttpRequest, patient: Patient) -> OrderIntent:
    site = _read_site(request)
    start = read_site_moment(request, "start", site)
    procedures = []
    for pk in request.POST.getlist("procedure"):
        catalog = Procedure.objects.filter(pk=read_id(pk, at="procedure")).first()
        if catalog is None:
            raise NotFound("There is no such procedure.")
        ae_title = request.POST.get(f"device-{pk}", "")
        step = StepIntent(start=start, station_aes=(ae_title,) if ae_title else ())
        side = request.POST.get(f"side-{pk}", "")
        code = Code(catalog.code, catalog.name, catalog.coding_system)
        procedures.append(ProcedureIntent(code=code, laterality=side, steps=(step,)))
        start += timedelta(minutes=catalog.minutes)  # one after the other

    def said(name: str) -> str:
        return request.POST.get(name, "").strip()

    return OrderIntent(
        site_id=site.pk,
        patient_id=patient.pk,
        source="desk",
        procedures=tuple(procedures),
        priority=said("priority"),
        ordering_provider=said("ordering_provider").replace(", ", "^"),
        reason=said("reason"),
        clinical_info=said("clinical_info"),
        comments=said("comments"),
    )
