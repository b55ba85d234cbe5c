"""Questions about who is who: merges, questions of identity, possible duplicates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from ris.kernel.errors import NotFound
from ris.kernel.values import read_reason
from ris.people.models import User

from .intents import series_of
from .models import Identifier, IdentityQuestion, Merge, Patient, PossibleDuplicate, Visit
from .selectors import survivor, visible_patients


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
    for merge in merges.filter(retired__in=merged_records(patient)):
        if named and named <= {row[0] for row in merge.moved["Identifier"]}:
            return merge.retired
    return None


def merged_records(patient: Patient) -> list[int]:
    """Ids of all records that were merged into the patient, however often."""
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
