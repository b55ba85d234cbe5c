"""The reading list: what waits, for whom, and why in this order."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from ris.audit.services import record
from ris.catalog.models import Device, Site
from ris.kernel.clock import now
from ris.kernel.errors import Invalid
from ris.kernel.values import id_or_none
from ris.orders.result_delivery import list_deliveries, summarize
from ris.people.http import actor_of, page, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, sites_for

from .. import selectors
from ..models import Presence, ReadingItem
from ..selectors.lists import LISTS, rows_of

ROWS = 200
"""Rows drawn at a time. The list is in reading order, so what is beyond them waits anyway."""

NAMES = {
    "mine": ("Mine", "circle-user"),
    "subspecialty": ("My subspecialty", "stethoscope"),
    "all": ("Everything", "list"),
    "unassigned": ("Unassigned", "circle-help"),
    "overdue": ("Overdue", "alarm-clock"),
    "parked": ("Parked", "circle-pause"),
    "done": ("Done", "circle-check"),
}


@require_safe
@page(Can.SEE_WORKLIST)
def reading_list(request: HttpRequest) -> HttpResponse:
    """One of the lists in reading order. Seeing it is audited once a page."""
    user, name, at = user_of(request), _list_name(request), now()
    items, total = _items(request, user, name)
    sites = list(sites_for(user, Can.SEE_WORKLIST))
    record(actor_of(request), "worklist.view", user, at=at, list=name)
    context = {
        **_row_context(user, name),
        "items": items,
        "delivered": _deliveries(items, name),
        "total": total,
        "sites": sites,
        "modalities": _modalities(sites),
        "query": _query(request, name),
        "chosen": {key: request.GET.get(key, "") for key in ("site", "modality")},
        "tabs": _tabs(request, user, name),
        "presence": Presence.objects.filter(reader=user).first(),
        "presences": Presence.STATES,
    }
    return render(request, "worklist/list.html", context)


@require_safe
@page(Can.SEE_WORKLIST)
def rows(request: HttpRequest) -> HttpResponse:
    """The rows again: all, or only those of ``ids``. One that is missing in the answer left the list."""
    user, name = user_of(request), _list_name(request)
    ids = [pk for part in request.GET.get("ids", "").split(",") if (pk := id_or_none(part))]
    items, _ = _items(request, user, name, only=ids or None)
    context: dict[str, Any] = {**_row_context(user, name), "items": items, "delivered": _deliveries(items, name)}
    if request.GET.get("counts"):
        context["tabs"] = _tabs(request, user, name)
    return render(request, "worklist/rows.html", context)


@require_safe
@page(Can.SEE_WORKLIST)
def peek(request: HttpRequest, item_id: int) -> HttpResponse:
    """What one needs to decide on a case, beside the list."""
    user = user_of(request)
    item = selectors.item_for(user, item_id)
    record(actor_of(request), "item.view", item, patient_id=item.procedure.order.patient_id, at=now())
    return render(request, "worklist/peek.html", {"item": item, **_row_context(user, "")})


def _list_name(request: HttpRequest) -> str:
    default = "mine" if Can.READ_CASES in permissions_of(user_of(request)) else "all"
    name = request.GET.get("list", default)
    if name not in LISTS:
        raise Invalid(f"There is no list called “{name}”.", at="list")
    return name


def _items(
    request: HttpRequest, user: User, name: str, *, only: list[int] | None = None
) -> tuple[list[ReadingItem], int]:
    at = now()
    items = selectors.reading_list(user, list_name=name, at=at)
    if request.GET.get("modality"):
        items = items.filter(modality=request.GET["modality"])
    if site_id := id_or_none(request.GET.get("site", "")):
        items = items.filter(site=site_id)
    if only is not None:
        items = items.filter(pk__in=only)
        # A live update of single rows shows no total: it is not counted.
        return rows_of(items.values_list("pk", flat=True), at=at), len(only)
    return rows_of(items.values_list("pk", flat=True)[:ROWS], at=at), items.count()


def _deliveries(items: list[ReadingItem], name: str) -> dict[int, dict[str, Any]]:
    """By procedure, for the list of what is done: to which systems the report went, and the worst state of all."""
    if name != "done":
        return {}
    deliveries = list_deliveries(item.procedure_id for item in items)
    return {pk: {"deliveries": sent, "state": summarize(sent)} for pk, sent in deliveries.items()}


def _row_context(user: User, name: str) -> dict[str, Any]:
    cans = permissions_of(user)
    return {"viewer": user, "list_name": name, "may_read": Can.READ_CASES in cans}


def _modalities(sites: list[Site]) -> list[str]:
    return sorted(set(Device.objects.filter(site__in=sites).values_list("modality", flat=True)))


def _query(request: HttpRequest, name: str) -> str:
    kept = {key: request.GET[key] for key in ("site", "modality") if request.GET.get(key)}
    return urlencode({"list": name, **kept})


def _tabs(request: HttpRequest, user: User, name: str) -> list[dict[str, Any]]:
    counted = selectors.counts(user, at=now())
    reads = Can.READ_CASES in permissions_of(user)
    return [
        {
            "name": key, "label": label, "icon": symbol, "here": key == name, "query": _query(request, key),
            "items": counted.get(key, {}).get("items"), "stat": counted.get(key, {}).get("stat"),
        }
        for key, (label, symbol) in NAMES.items()
        if reads or key not in ("mine", "subspecialty")
    ]  # fmt: skip
