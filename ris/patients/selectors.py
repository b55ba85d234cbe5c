"""Questions about patients."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django.db.models import Q, QuerySet

from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import sites_for

from .models import Identifier, Patient
from .names import fold


def find_patient(identifiers: Iterable[tuple[str, str, str]]) -> Patient | None:
    """The living patient who has one of these (value, authority, kind), earlier ones first."""
    for value, authority, _ in identifiers:
        found = Identifier.objects.select_related("patient").filter(value=value, authority=authority).first()
        if found:
            return survivor(found.patient)
    return None


def survivor(patient: Patient) -> Patient:
    """The patient, or whom they were merged into, however often."""
    while patient.merged_into is not None:
        patient = patient.merged_into
    return patient


def visible_patients(viewer: User) -> QuerySet[Patient]:
    """Living patients who were ever at a site of the viewer's, and those whom no site knows yet."""
    sites = sites_for(viewer, Can.SEE_ORDERS)
    living = Patient.objects.filter(merged_into=None)
    if not sites.exists():
        return living.none()
    here = Q(visits__site__in=sites) | Q(orders__site__in=sites)
    nowhere = Q(visits__isnull=True, orders__isnull=True)
    return living.filter(here | nowhere).distinct()


def patients_matching(text: str, viewer: User) -> QuerySet[Patient]:
    """Visible patients whose identifier is ``text``, or whose name begins with its words.

    ``text`` may be ``family, given``, ``family given``, or an identifier.
    """
    words = fold(text.replace(",", " ")).split()
    if not words:
        return Patient.objects.none()
    by_name = Q(search_name__startswith=words[0])
    for word in words[1:]:
        by_name &= Q(search_name__contains=f"^{word}") | Q(search_name__contains=f" {word}")
    matching = visible_patients(viewer).filter(by_name | Q(identifiers__value=text.strip()))
    return matching.order_by("search_name", "birth_date", "pk")


def possible_duplicates(
    *, family_name: str, given_name: str, birth_date: date | None, viewer: User
) -> QuerySet[Patient]:
    """Visible patients born the same day whose family or given name begins alike: shown before one is added."""
    family, given = fold(family_name)[:4], fold(given_name)[:3]
    alike = Q(search_name__startswith=family) | Q(search_name__contains=f"^{given}")
    return visible_patients(viewer).filter(alike, birth_date=birth_date).order_by("search_name")[:20]
