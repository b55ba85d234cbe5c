"""Questions about patients."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from ris.kernel.errors import NotFound
from ris.kernel.values import read_reason, read_words
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import site_ids_for, sites_for

from .intents import names_a_person, series_of
from .matching import fold
from .models import Identifier, IdentityQuestion, Merge, Patient, PatientNameToken, PossibleDuplicate, Visit
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


def survivor(patient: Patient) -> Patient:
    """The patient, or whom they were merged into, however often."""
    while patient.merged_into is not None:
        patient = patient.merged_into
    return patient


def visible_patients(viewer: User) -> QuerySet[Patient]:
    """Living patients who were ever at a site of the viewer's, and those whom no site knows yet."""
    sites = sites_for(viewer, Can.SEE_ORDERS)
    living = Patient.objects.filter(merged_into=None)
    if not site_ids_for(viewer, Can.SEE_ORDERS):
        return living.none()
    at_sites = Q(visits__site__in=sites) | Q(orders__site__in=sites)
    nowhere = Q(visits__isnull=True, orders__isnull=True)
    # The joins with visits and orders repeat a patient.
    return living.filter(at_sites | nowhere).distinct()


MOST_CANDIDATES = 500
"""Patients that a search looks at by name: whoever finds more is told to give more letters."""


def patients_matching(text: str, viewer: User, *, today: date | None = None) -> QuerySet[Patient]:
    """Visible patients whose number begins with ``text``, or whose name and birth date fit all of its words.

    Each word begins any part of any name, in any script (``ris.patients.search``). At most 500, by name.
    Raises Invalid at ``text`` when it is longer than any name.
    """
    read_words(text, at="text")
    search = read_search(text, today=today or timezone.localdate())
    visible = _visible_to(viewer)
    found = [*_ids_by_number(search, visible), *_ids_by_name(search, visible)]
    return Patient.objects.filter(pk__in=found).order_by("search_name", "birth_date", "pk")


def _visible_to(viewer: User) -> Q:
    """As ``visible_patients``, as a condition without joins: it is asked of each row that an index finds."""
    sites = list(sites_for(viewer, Can.SEE_ORDERS).values_list("pk", flat=True))
    if not sites:
        return Q(pk__in=[])
    rows: list[QuerySet[Any]] = [
        Patient._meta.get_field(name).related_model.objects.filter(patient=OuterRef("pk"))  # type: ignore[union-attr]
        for name in ("visits", "orders")
    ]
    here = Q(Exists(rows[0].filter(site__in=sites))) | Q(Exists(rows[1].filter(site__in=sites)))
    nowhere = Q(~Exists(rows[0])) & Q(~Exists(rows[1]))
    return Q(merged_into=None) & (here | nowhere)


def _ids_by_number(search: PatientSearch, visible: Q) -> list[int]:
    """Retired numbers find who has them now."""
    if not search.numbers:
        return []
    begins = reduce(or_, (_begins("value", number) for number in search.numbers))
    owners = Identifier.objects.filter(begins).order_by("value").values_list("patient", flat=True)[:MOST_CANDIDATES]
    return list(Patient.objects.filter(visible, pk__in=list(owners)).values_list("pk", flat=True))


def _ids_by_name(search: PatientSearch, visible: Q) -> list[int]:
    """By the longest word first, whose tokens are the fewest; the others are asked of each who has it."""
    patients = Patient.objects.filter(visible)
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


def merge_for(viewer: User, merge_id: int) -> Merge:
    """A merge of patients whom the viewer may see. Raises NotFound."""
    merge = Merge.objects.select_related("survivor", "retired").filter(pk=merge_id).first()
    if merge is None or not visible_patients(viewer).filter(pk=survivor(merge.survivor).pk).exists():
        raise NotFound("There is no such merge.")
    return merge


def merges_of(patient: Patient) -> QuerySet[Merge]:
    """What was merged into the patient, and what was separated from them again; newest first."""
    # Without merged_at: a separation of two whom nobody had merged; nothing moved by it.
    merges = Merge.objects.filter(Q(survivor=patient) | Q(retired=patient, separated_at__isnull=False))
    return merges.filter(merged_at__isnull=False).select_related("survivor", "retired").order_by("-pk")


def separation(merge_id: int, reason: str) -> Merge:
    """A merge that was undone, for whoever sorts out what came between. Raises NotFound, Invalid without a reason."""
    read_reason(reason, "Say why it belongs to the other.")
    merge = Merge.objects.filter(pk=merge_id, separated_at__isnull=False).first()
    if merge is None:
        raise NotFound("There is no such separation.")
    return merge


def came_since(merge: Merge) -> dict[str, list[int]]:
    """Visits and identifiers that came to the survivor while the two were one, as of now; ids by kind."""
    rows: dict[str, QuerySet[Any]] = {
        "Identifier": Identifier.objects.filter(patient=merge.survivor_id),
        "Visit": Visit.objects.filter(patient=merge.survivor_id),
    }
    moved = {"Identifier": [row[0] for row in merge.moved["Identifier"]], "Visit": merge.moved["Visit"]}
    return {
        kind: list(
            of_kind.exclude(pk__in=[*merge.own.get(kind, ()), *moved[kind]]).order_by("pk").values_list("pk", flat=True)
        )
        for kind, of_kind in rows.items()
    }


def merge_that_moved(identifiers: Iterable[tuple[str, str, str]], patient: Patient) -> Merge | None:
    """The standing merge into ``patient`` by which one of these (value, authority, kind) came, the latest first."""
    numbers = {(value, authority, series_of(kind)) for value, authority, kind in identifiers}
    rows = Identifier.objects.filter(patient=patient, value__in=[value for value, _, _ in numbers])
    named = {row.pk for row in rows if (row.value, row.authority, row.series) in numbers}
    standing = Merge.objects.filter(survivor=patient, separated_at=None).select_related("survivor", "retired")
    moved = ((merge, {row[0] for row in merge.moved["Identifier"]}) for merge in standing.order_by("-pk"))
    return next((merge for merge, came in moved if came & named), None)


def separated_later(one: Patient, other: Patient, moment: datetime) -> bool:
    """Whether the two were said, after that moment, to be two people."""
    pair = (one.pk, other.pk)
    return Merge.objects.filter(survivor__in=pair, retired__in=pair, separated_said_at__gt=moment).exists()


def record_that_had(identifiers: Iterable[tuple[str, str, str]], patient: Patient) -> Patient | None:
    """Of the records merged into ``patient``, however often, the one that had these identifiers of its own.

    None when they are the patient's own, or none of theirs.
    """
    numbers = {(value, authority, series_of(kind)) for value, authority, kind in identifiers}
    rows = Identifier.objects.filter(patient=patient, value__in=[value for value, _, _ in numbers])
    named = {row.pk for row in rows if (row.value, row.authority, row.series) in numbers}
    merges = Merge.objects.filter(separated_at=None, merged_at__isnull=False).select_related("retired").order_by("pk")
    for merge in merges.filter(retired__in=_merged_records(patient)):
        if named and named <= {row[0] for row in merge.moved["Identifier"]}:
            return merge.retired
    return None


def _merged_records(patient: Patient) -> list[int]:
    records, layer = [], [patient.pk]
    while layer:  # merges into one patient are a tree: one query for each of its levels
        layer = list(Patient.objects.filter(merged_into__in=layer).values_list("pk", flat=True))
        records += layer
    return records


def identity_questions_for(viewer: User, *, decided: bool = False) -> QuerySet[IdentityQuestion]:
    """Questions of identity about patients whom the viewer may see: the open ones, or those that were decided."""
    rows = IdentityQuestion.objects.filter(patient__in=visible_patients(viewer).values("pk"))
    rows = rows.exclude(state=IdentityQuestion.OPEN) if decided else rows.filter(state=IdentityQuestion.OPEN)
    return rows.select_related("patient").prefetch_related("patient__identifiers").order_by("-last_at", "-pk")


def identity_question_for(viewer: User, question_id: int) -> IdentityQuestion:
    """One of them, open or decided. Raises NotFound."""
    for decided in (False, True):
        question = identity_questions_for(viewer, decided=decided).filter(pk=question_id).first()
        if question is not None:
            return question
    raise NotFound("There is no such question.")


def duplicates_for(viewer: User, *, decided: bool = False) -> QuerySet[PossibleDuplicate]:
    """Possible duplicates of which the viewer may see both: the open ones, or those that were decided; newest first."""
    rows = PossibleDuplicate.objects.select_related("first", "second")
    rows = rows.prefetch_related("first__identifiers", "second__identifiers").order_by("-found_at", "-pk")
    seen = visible_patients(viewer).values("pk")
    if decided:  # of two who were merged one lives
        return rows.exclude(state=PossibleDuplicate.OPEN).filter(Q(first__in=seen) | Q(second__in=seen))
    return rows.filter(state=PossibleDuplicate.OPEN, first__in=seen, second__in=seen)


def duplicate_for(viewer: User, duplicate_id: int) -> PossibleDuplicate:
    """One of them, open or decided. Raises NotFound."""
    for decided in (False, True):
        row = duplicates_for(viewer, decided=decided).filter(pk=duplicate_id).first()
        if row is not None:
            return row
    raise NotFound("There are no such two patients.")
