"""The address book on screen: search, look at entries that messages made, link accounts, merge doubles, retire."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from ris.kernel.clock import now
from ris.kernel.errors import Invalid
from ris.kernel.values import id_or_none, read_id

from ..http import actor_of, go, page
from ..models import User
from ..roles import Can
from . import selectors, services

KEEPERS = (Can.LEAD_READING, Can.SET_UP)
"""Who keeps the address book: to link an account gives it the sight of somebody's orders."""


@require_safe
@page(*KEEPERS)
def address_book(request: HttpRequest) -> HttpResponse:
    """Entries by name, number or NPI; ``?show=new``: those that a person should look at."""
    text, unreviewed = request.GET.get("q", "").strip(), request.GET.get("show") == "new"
    rows = selectors.practitioners_matching(text, unreviewed=unreviewed)
    context = {
        "page": Paginator(rows, 50).get_page(request.GET.get("page")),
        "text": text,
        "unreviewed": unreviewed,
        "open_count": selectors.practitioners_matching(unreviewed=True).count(),
    }
    return render(request, "people/address_book.html", context)


@require_safe
@page(*KEEPERS)
def practitioner(request: HttpRequest, practitioner_id: int) -> HttpResponse:
    """One entry with its numbers, account and possible doubles."""
    row = selectors.get_practitioner(practitioner_id)
    context = {
        "practitioner": row,
        "doubles": selectors.doubles_of(row)[:20],
        "accounts": User.objects.filter(is_active=True).order_by("last_name", "first_name", "username")[:500],
    }
    return render(request, "people/practitioner.html", context)


@require_POST
@page(*KEEPERS)
def link(request: HttpRequest, practitioner_id: int) -> HttpResponse:
    """Say whose account it is; an empty one: nobody's."""
    account_id = id_or_none(request.POST.get("account", ""))
    services.link_account(practitioner_id, account_id, actor=actor_of(request), at=now())
    return _back(request, practitioner_id, "Linked: the orders are theirs to see." if account_id else "No account.")


@require_POST
@page(*KEEPERS)
def merge(request: HttpRequest, practitioner_id: int) -> HttpResponse:
    """Merge a double into this entry."""
    double_id = read_id(request.POST.get("double", ""), at="double")
    services.merge_practitioners(practitioner_id, double_id, actor=actor_of(request), at=now())
    return _back(request, practitioner_id, "Merged.")


@require_POST
@page(*KEEPERS)
def retire(request: HttpRequest, practitioner_id: int) -> HttpResponse:
    """Retire the entry or, with ``state=active``, reinstate it."""
    reinstated = request.POST.get("state") == "active"
    change = services.reinstate_practitioner if reinstated else services.retire_practitioner
    change(practitioner_id, actor=actor_of(request), at=now())
    return _back(request, practitioner_id, "Active again." if reinstated else "Retired.")


@require_POST
@page(*KEEPERS)
def correct(request: HttpRequest, practitioner_id: int) -> HttpResponse:
    """Write name, NPI and telephone numbers: somebody has looked at the entry."""
    family, given = (request.POST.get(name, "").strip() for name in ("family", "given"))
    if "^" in family + given:
        raise Invalid("A name has no “^”.", at="family")
    services.correct_practitioner(
        practitioner_id,
        name=f"{family}^{given}".strip("^"),
        npi=request.POST.get("npi", "").strip(),
        phones=[phone.strip() for phone in request.POST.get("phones", "").split(",") if phone.strip()],
        actor=actor_of(request),
        at=now(),
    )
    return _back(request, practitioner_id, "Saved.")


def _back(request: HttpRequest, practitioner_id: int, text: str) -> HttpResponse:
    return go(request, reverse("people:practitioner", args=[practitioner_id]), text)
