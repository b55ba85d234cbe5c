"""The reading list: what waits, for whom, and why in this order."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ris.audit.services import record
from ris.catalog.models import Device, Site
from ris.kernel.clock import now
from ris.kernel.values import id_or_none
from ris.orders.result_delivery import list_deliveries, summarize
from ris.people.http import actor_of, go, page, user_of
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of, sites_of

from .. import selectors, services
from ..models import Presence, ReadingItem
from ..selectors.access import colleagues
from ..selectors.list_query import COLUMNS, ListQuery, count_view, read_list_query, select_list, views_for
from ..selectors.lists import list_standing, rows_of

ROWS = 100
"""Rows of a page."""

NAMES = {
    "reading": ("For me first", "list-checks"),
    "mine": ("Mine", "circle-user"),
    "subspecialty": ("My subspecialty", "stethoscope"),
    "all": ("Everything", "list"),
    "unassigned": ("Unassigned", "circle-help"),
    "overdue": ("Overdue", "alarm-clock"),
    "parked": ("Parked", "circle-pause"),
    "done": ("Done", "circle-check"),
}
OF_READERS = ("reading", "mine", "subspecialty")


@require_safe
@page(Can.SEE_WORKLIST)
def reading_list(request: HttpRequest) -> HttpResponse:
    """One of the lists, filtered and sorted as the address says. Seeing it is audited once a page."""
    user, query, at = user_of(request), _query(request), now()
    shown, items = _page_of(request, user, query)
    sites = sites_of(user)  # the page is for those who may see the worklist, and sites are granted to people
    record(actor_of(request), "worklist.view", user, at=at, list=query.name)
    context = {
        **_row_context(user, query), "items": items, "page": shown, "sites": sites,
        "delivered": _deliveries(items, query.name), "modalities": _modalities(sites),
        "views": list(views_for(user)), "colleagues": [person for person in colleagues(user) if person != user],
        "heads": _heads(query), "all_columns": COLUMNS, "tabs": _tabs(user, query),
        "presence": Presence.objects.filter(reader=user).first(), "presences": Presence.STATES,
    }  # fmt: skip
    return render(request, "worklist/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Can.SEE_WORKLIST)
def rows(request: HttpRequest) -> HttpResponse:
    """The rows of the page again: all, or only those of ``ids``. One that is missing in the answer left the list.

    Words searched for (``q``) come by POST: they may name a patient, and no address does.
    """
    user, query = user_of(request), _query(request)
    ids = [pk for part in request.GET.get("ids", "").split(",") if (pk := id_or_none(part))]
    if ids:  # a live update of single rows shows no total: it is not counted
        items = _rows(user, query, select_list(user, query, at=now()).filter(pk__in=ids).values_list("pk", flat=True))
        shown = None
    else:
        shown, items = _page_of(request, user, query)
        # A search, a filter and a page that was stale show other patients; live updates would only flood the trail.
        record(actor_of(request), "worklist.view", user, at=now(), list=query.name)
    context: dict[str, Any] = {
        "page": shown,
        **_row_context(user, query), "items": items, "delivered": _deliveries(items, query.name)
    }  # fmt: skip
    if request.GET.get("counts"):
        context["tabs"] = _tabs(user, query)
    return render(request, "worklist/rows.html", context)


@require_POST
@page(Can.SEE_WORKLIST)
def save_view(request: HttpRequest) -> HttpResponse:
    """Keep the list as it is shown under a name; with ``shared`` for everybody."""
    user, query = user_of(request), read_list_query(request.POST, default="all")
    view = services.save_view(user, name=request.POST.get("name", ""), query=query.address(),
                              shared=bool(request.POST.get("shared")), actor=actor_of(request), at=now())  # fmt: skip
    return go(request, f"{reverse('worklist:list')}?{view.query}", f"Kept as “{view.name}”.")


@require_POST
@page(Can.SEE_WORKLIST)
def delete_view(request: HttpRequest, view_id: int) -> HttpResponse:
    """Forget one's own view."""
    services.delete_view(view_id, owner=user_of(request), actor=actor_of(request), at=now())
    return go(request, reverse("worklist:list"), "The view is deleted.")


@require_safe
@page(Can.SEE_WORKLIST)
def show_views(request: HttpRequest) -> HttpResponse:
    """The views that the user sees, each with its count at this moment."""
    user, at = user_of(request), now()
    views = [{"view": view, "count": count_view(user, view, at=at)} for view in views_for(user)]
    return render(request, "worklist/views.html", {"views": views, "viewer": user})


@require_safe
@page(Can.SEE_WORKLIST)
def peek(request: HttpRequest, item_id: int) -> HttpResponse:
    """What one needs to decide on a case, beside the list."""
    user = user_of(request)
    item = selectors.item_for(user, item_id)
    record(actor_of(request), "item.view", item, patient_id=item.procedure.order.patient_id, at=now())
    return render(request, "worklist/peek.html", {"item": item, **_row_context(user, ListQuery(""))})


def _query(request: HttpRequest) -> ListQuery:
    default = "reading" if Can.READ_CASES in permissions_of(user_of(request)) else "all"
    return read_list_query(request.GET, default=default, search=request.POST.get("q", ""))


def _page_of(request: HttpRequest, user: User, query: ListQuery) -> tuple[Page[Any], list[ReadingItem]]:
    ids = select_list(user, query, at=now()).values_list("pk", flat=True)
    shown = Paginator(ids, ROWS).get_page(request.GET.get("page"))
    return shown, _rows(user, query, shown.object_list)


def _rows(user: User, query: ListQuery, ids: Any) -> list[ReadingItem]:
    items = rows_of(ids, at=now())
    for item in items:
        item.standing = list_standing(item, user, query.name)
    return items


def _deliveries(items: list[ReadingItem], name: str) -> dict[int, dict[str, Any]]:
    """By procedure, for the list of what is done: to which systems the report went, and the worst state of all."""
    if name != "done":
        return {}
    deliveries = list_deliveries(item.procedure_id for item in items)
    return {pk: {"deliveries": sent, "state": summarize(sent)} for pk, sent in deliveries.items()}


def _row_context(user: User, query: ListQuery) -> dict[str, Any]:
    cans = permissions_of(user)
    return {"viewer": user, "query": query, "list_name": query.name, "may_read": Can.READ_CASES in cans}


def _modalities(sites: tuple[Site, ...]) -> list[str]:
    return sorted(set(Device.objects.filter(site__in=sites).values_list("modality", flat=True)))


def _heads(query: ListQuery) -> list[dict[str, Any]]:
    """The chosen columns, each with the address that sorts by it, the other way round on a second press."""
    heads = []
    for column in COLUMNS:
        if column.key in query.columns:
            down, up = query.sort == "-" + column.key, query.sort == column.key
            address = query.address(sort="-" + column.key if up else "" if down else column.key)
            heads.append({"column": column, "down": down, "up": up, "address": address})
    return heads


def _tabs(user: User, query: ListQuery) -> list[dict[str, Any]]:
    counted = selectors.counts(user, at=now())
    reads = Can.READ_CASES in permissions_of(user)
    return [
        {
            "name": key, "label": label, "icon": symbol, "here": key == query.name, "query": query.address(list=key),
            "items": counted.get(key, {}).get("items"), "stat": counted.get(key, {}).get("stat"),
        }
        for key, (label, symbol) in NAMES.items()
        if reads or key not in OF_READERS
    ]  # fmt: skip
