"""The box that Ctrl K opens on every page: a patient, an accession number, or a page of the navigation."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.templatetags.times import age, day
from ris.orders.selectors import orders_for
from ris.patients.selectors import patients_matching
from ris.people.http import actor_of, page, user_of
from ris.people.models import User
from ris.people.navigation import NAVIGATION
from ris.people.roles import Can
from ris.people.selectors import permissions_of
from worklist.selectors import visible_items

MOST_PATIENTS, MOST_ORDERS, SHORTEST = 6, 5, 2


@dataclass(frozen=True, slots=True)
class Goal:
    """Where one can go. ``kind``: its icon; ``detail`` tells it from those that are called alike."""

    kind: str
    label: str
    detail: str
    url: str


@require_POST
@page()
def go_to(request: HttpRequest) -> HttpResponse:
    """What fits the words (``q``), as options of a list box. By POST: the words may be a name, and no address has one.

    Patients are found by the selector that the patient search uses; seeing them is audited as it is there.
    """
    user, text = user_of(request), " ".join(request.POST.get("q", "").split())[:120]
    cans = permissions_of(user)
    goals = _pages(text, cans)
    if len(text) >= SHORTEST:
        goals = [*_cases(text, user, cans), *goals]
        patients = _patients(text, user, cans)
        if patients:
            record(actor_of(request), "patients.search", user, at=now(), found=len(patients))
        goals = [*goals[:MOST_ORDERS], *patients, *goals[MOST_ORDERS:]]
    return render(request, "ui/go_to.html", {"goals": goals, "text": text})


def _pages(text: str, cans: frozenset[Can]) -> list[Goal]:
    words = text.lower().split()
    links = [link for section in NAVIGATION.values() for link in section if link.cans & cans]
    fitting = [link for link in links if all(word in link.label.lower() for word in words)]
    return [Goal(link.icon, link.label, f"G {link.key.upper()}", reverse(link.route)) for link in fitting]


def _cases(text: str, user: User, cans: frozenset[Can]) -> list[Goal]:
    """By accession number or placer number: the case in the reading room for who reads, else the order."""
    if Can.SEE_WORKLIST in cans:
        items = visible_items(user).filter(Q(accession__istartswith=text)).select_related("procedure", "site")
        cases = [
            Goal("book-open-text", f"{item.accession} {item.procedure}", item.site.code,
                 reverse("reporting:room", args=[item.pk]))
            for item in items.order_by("accession", "pk")[:MOST_ORDERS]
        ]  # fmt: skip
        if cases:
            return cases
    if Can.SEE_ORDERS not in cans:
        return []
    orders = orders_for(user).filter(Q(accession__istartswith=text) | Q(placer_number__iexact=text))
    return [
        Goal("clipboard-list", f"{order.accession} Order", order.site.code, reverse("orders:detail", args=[order.pk]))
        for order in orders.select_related("site").order_by("accession")[:MOST_ORDERS]
    ]


def _patients(text: str, user: User, cans: frozenset[Can]) -> list[Goal]:
    if Can.SEE_ORDERS not in cans:
        return []
    found = patients_matching(text, user).prefetch_related("identifiers")[:MOST_PATIENTS]
    return [
        Goal(
            "circle-user", patient.display_name,
            f"{day(patient.birth_date)} ({age(patient.birth_date)}) {patient.sex} "
            + ", ".join(identifier.value for identifier in patient.identifiers.all()),
            reverse("orders:patient", args=[patient.pk]),
        )
        for patient in found
    ]  # fmt: skip
