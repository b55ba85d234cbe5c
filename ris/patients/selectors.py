"""Questions about patients."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import reduce
from operator import or_
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from ris.access.visibility import closed_patients, not_confidential, restricted_sites, tied
from ris.kernel.clock import now
from ris.kernel.errors import Conflict, NotFound
from ris.kernel.values import read_words
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import site_ids_for, sites_for

from .intents import names_a_person, series_of
from .matching import fold
from .models import Identifier, Patient, PatientNameToken
from .prepared_queries import ALIAS, AUTHORITY_BY_NAME, AUTHORITY_BY_OID
from .search import PatientSearch, read_search


def find_patient(identifiers: Iterable[tuple[str, str, str]]) -> Patient | None:
    """The living patient who has one of these (value, authority, kind), earlier ones first."""
    for value, authority, kind in identifiers:
        if not names_a_person(kind):
            continue
        rows = Identifier.objects.select_related("patient").filter(value=value, authority=authority)
        identifier = rows.filter(series=series_of(kind)).first()
        if identifier:
            return survivor(identifier.patient)
    return None


def authority_names(name: str, universal_id: str = "") -> tuple[frozenset[str], frozenset[str]]:
    """What else the authority of this namespace, or of this universal id, is called: names, and universal ids.

    A universal id decides: two hospitals may share a namespace.
    """
    alias = None if universal_id else ALIAS.first(name)
    if universal_id:
        authority = AUTHORITY_BY_OID.first(universal_id)
    else:
        authority = alias.authority if alias else AUTHORITY_BY_NAME.first(name)
    names = {authority.name} - {name} if authority else set()
    ids = {universal_id, authority.universal_id if authority else ""} - {""}
    return frozenset(names), frozenset(ids)


def survivor(patient: Patient) -> Patient:
    """The patient, or whom they were merged into, however often."""
    while patient.merged_into is not None:
        patient = patient.merged_into
    return patient


def visible_patients(viewer: User) -> QuerySet[Patient]:
    """Living patients who were ever at a site of the viewer's, and those whom no site knows yet; without those who
    are closed to the viewer (``ris.access.visibility``)."""
    return _open(Patient.objects.filter(_known_to(viewer, Can.SEE_ORDERS)), viewer)


def visible_patient(viewer: User, patient_id: int, *, at: str = "") -> Patient:
    """One of them. Raises NotFound (at the field ``at``), also for one whom only foreign sites know."""
    patient = visible_patients(viewer).filter(pk=patient_id).first()
    if patient is None:
        raise NotFound("There is no such patient.", at=at)
    return patient


def refuse_closed(viewer: User, identifiers: Iterable[tuple[str, str, str]]) -> None:
    """Raise Conflict when one of these numbers is a confidential patient's who is closed to the viewer: registering
    somebody finds nobody out."""
    known = find_patient(identifiers)
    if known is not None and closed_patients(viewer, now()).filter(pk=known.pk).exists():
        raise Conflict("This number is another site's patient. Check it, or ask who keeps the patients.", at="number")


def _known_to(viewer: User, can: Can) -> Q:
    """Without joins: it is asked of each row that an index finds."""
    sites = list(sites_for(viewer, can).values_list("pk", flat=True))
    if not sites:
        return Q(pk__in=[])
    return Q(merged_into=None) & (_at(sites) | _nowhere())


def _at(sites: Iterable[int]) -> Q:
    return Q(Exists(_rows_of("visits").filter(site__in=sites))) | Q(Exists(_rows_of("orders").filter(site__in=sites)))


def _nowhere() -> Q:
    return ~Q(Exists(_rows_of("visits"))) & ~Q(Exists(_rows_of("orders")))


def _rows_of(name: str) -> QuerySet[Any]:
    related: Any = Patient._meta.get_field(name).related_model
    rows: QuerySet[Any] = related.objects.filter(patient=OuterRef("pk"))
    return rows


def _open(patients: QuerySet[Patient], viewer: User) -> QuerySet[Patient]:
    """Without those who are closed; where a rule wants a tie at some sites, being known at another site will do."""
    at = now()
    restricted = restricted_sites(viewer)
    if restricted:
        narrow = frozenset().union(*restricted.values())
        wide = [pk for pk in site_ids_for(viewer, Can.SEE_ORDERS) if pk not in narrow]
        known = (tied(viewer, reach, "pk", at) & _at(sites) for reach, sites in restricted.items())
        patients = patients.filter(reduce(or_, known, _at(wide) | _nowhere() if wide else Q(pk__in=[])))
    return not_confidential(patients, viewer, patient="pk", at=at)


MOST_CANDIDATES = 500
"""Patients that a search looks at by name: whoever finds more is told to give more letters."""


def patients_matching(text: str, viewer: User, *, today: date | None = None) -> QuerySet[Patient]:
    """Visible patients whose number begins with ``text``, or whose name and birth date fit all of its words.

    Each word begins any part of any name, in any script (``ris.patients.search``). At most 500, by name.
    Raises Invalid at ``text`` when it is longer than any name.
    """
    read_words(text, at="text")
    search = read_search(text, today=today or timezone.localdate())
    visible = visible_patients(viewer)
    found = [*_ids_by_number(search, visible), *_ids_by_name(search, visible)]
    return Patient.objects.filter(pk__in=found).order_by("search_name", "birth_date", "pk")


def _ids_by_number(search: PatientSearch, visible: QuerySet[Patient]) -> list[int]:
    """Retired numbers find who has them now."""
    if not search.numbers:
        return []
    begins = reduce(or_, (_begins("value", number) for number in search.numbers))
    owners = Identifier.objects.filter(begins).order_by("value").values_list("patient", flat=True)[:MOST_CANDIDATES]
    return list(visible.filter(pk__in=list(owners)).values_list("pk", flat=True))


def _ids_by_name(search: PatientSearch, visible: QuerySet[Patient]) -> list[int]:
    """By the longest word first, whose tokens are the fewest; the others are asked of each who has it."""
    patients = visible
    if search.dates:
        patients = patients.filter(birth_date__in=search.dates)
    elif search.year is not None:
        patients = patients.filter(birth_date__year=search.year)
    elif not search.words:
        return []
    longest_first = sorted(search.words, key=lambda writings: -len(writings[0]))
    for writings in longest_first[1:]:
        tokens = PatientNameToken.objects.filter(patient=OuterRef("pk"))
        patients = patients.filter(Exists(tokens.filter(_begins_any("token", writings))))
    if not longest_first:
        return list(patients.values_list("pk", flat=True)[:MOST_CANDIDATES])
    first = _begins_any("name_tokens__token", longest_first[0])
    # Without an order: to sort all whose name begins with two letters takes a second among a million.
    return list(patients.filter(first).values_list("pk", flat=True)[:MOST_CANDIDATES])


def _begins_any(field: str, writings: Iterable[str]) -> Q:
    return reduce(or_, (_begins(field, writing) for writing in writings))


def _begins(field: str, text: str) -> Q:
    """A beginning, in the form whose index each database uses."""
    if connection.vendor == "postgresql":
        return Q(**{f"{field}__startswith": text})
    # SQLite uses no index for LIKE with ESCAPE; it compares texts by code points, and U+10FFFF is the last.
    return Q(**{f"{field}__gte": text, f"{field}__lt": text + chr(0x10FFFF)})


def possible_duplicates(
    *, family_name: str, given_name: str, birth_date: date | None, viewer: User
) -> QuerySet[Patient]:
    """Visible patients born the same day whose family or given name begins alike: shown before one is added."""
    # The first letters only: a slip further on must not hide who is there already.
    family, given = fold(family_name)[:4], fold(given_name)[:3]
    alike = Q(search_name__startswith=family) | Q(search_name__contains=f"^{given}")
    return visible_patients(viewer).filter(alike, birth_date=birth_date).order_by("search_name")[:20]
