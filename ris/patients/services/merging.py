"""Two records turn out to be one person; or, after all, not (IHE PIR; ADT A40, A47, A37)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from ris.audit.services import Actor, record
from ris.kernel.db.transactions import lock_name
from ris.kernel.errors import Conflict, NotFound
from ris.kernel.events import emit
from ris.kernel.values import read_reason

from ..events import PatientRevised, PatientsMerged, PatientsSeparated
from ..intents import series_of
from ..models import Identifier, Merge, Patient, Visit
from ..selectors import survivor
from ..selectors_identity import came_since, separated_later
from .confidentiality import keep_confidential
from .identity import absorb_demographics, write_name_tokens

_MERGING = "patients-merge"
"""Merges and separations take turns: they are rare, and a chain of them is easily tied into a knot."""


@transaction.atomic
def merge_patients(
    survivor_id: int,
    retired_id: int,
    *,
    actor: Actor,
    at: datetime,
    said_at: datetime | None = None,
    same_record: bool = False,
) -> Patient:
    """Let ``retired`` live on as ``survivor``: identifiers and visits move, orders follow by the event.

    What moved is kept in a :class:`Merge`, so that it can go back. ``same_record``: not two records of one
    person but one under two numbers (A47), so what was said of either is said of the one. ``said_at``: when
    its sender said so. Idempotent: merging what is merged already changes nothing. Raises NotFound;
    Conflict when the survivor was itself merged into the retired one, or when a sender separated the two later.
    """
    lock_name(_MERGING)
    keep, retire = _living(survivor_id), Patient.objects.filter(pk=retired_id).first()
    if retire is None:
        raise NotFound("There is no such patient to merge.")
    if survivor(retire) == keep:
        if retire == keep:
            raise Conflict("A patient cannot be merged into themselves.", at="MRG-1")
        return keep
    retire = survivor(retire)
    if separated_later(keep, retire, said_at or at):
        raise Conflict("These two were separated again by what was said later.", at="MRG-1", code="separated")
    _lock_identifiers(keep, retire)
    merge = Merge.objects.create(
        survivor=keep, retired=retire, merged_at=at, said_at=said_at or at, actor=actor.name, moved=_moved(retire),
        own={"Identifier": _pks(keep.identifiers), "Visit": _pks(keep.visits)},
    )  # fmt: skip
    Patient.objects.filter(pk=retire.pk).update(merged_into=keep, version=F("version") + 1)
    Patient.objects.filter(pk=keep.pk).update(version=F("version") + 1)
    keep_confidential(keep, retire)
    moving = Identifier.objects.filter(patient=retire)
    moving.update(patient=keep, retired=True, **({} if same_record else {"silent": True}))
    Visit.objects.filter(patient=retire).update(patient=keep)
    if same_record:
        absorb_demographics(keep, retire)
    write_name_tokens(keep)
    record(actor, "patient.merge", keep, patient_id=keep.pk, at=at, retired=retire.pk, merge=merge.pk)
    emit(
        PatientsMerged(stream=f"patient:{keep.pk}", at=at, patient_id=keep.pk, retired_id=retire.pk, merge_id=merge.pk)
    )
    return keep


@transaction.atomic
def unmerge_patients(
    merge_id: int, *, reason: str, actor: Actor, at: datetime, said_at: datetime | None = None
) -> Merge:
    """Undo a merge: what it moved goes back, orders by the event; what came to the survivor since stays there.

    Idempotent: what is separated already stays so. Of two who race one does it; both get the outcome.
    Raises NotFound; Invalid without a reason; Conflict while the survivor is itself merged into another.
    """
    lock_name(_MERGING)
    merge = Merge.objects.select_for_update(of=("self",)).filter(pk=merge_id).first()
    if merge is None:
        raise NotFound("There is no such merge.")
    read_reason(reason, "Say why they are two people.")
    if merge.separated_at is not None:
        return merge
    if merge.survivor.merged_into_id is not None:
        raise Conflict("The record that remained was merged into another since; separate that first.", at="merge")
    keep, back = merge.survivor, merge.retired
    _lock_identifiers(keep)
    merge.separated_at, merge.separated_said_at = at, said_at or at
    merge.separated_by, merge.reason = actor.name, reason.strip()[:250]
    merge.since = came_since(merge)
    merge.save()
    Patient.objects.filter(pk=back.pk).update(merged_into=None, version=F("version") + 1)
    Patient.objects.filter(pk=keep.pk).update(version=F("version") + 1)
    # Only what is still the survivor's: an A43 may have moved a number on since.
    for pk, retired, silent in merge.moved["Identifier"]:
        Identifier.objects.filter(pk=pk, patient=keep).update(patient=back, retired=retired, silent=silent)
    Visit.objects.filter(pk__in=merge.moved["Visit"], patient=keep).update(patient=back)
    write_name_tokens(keep)
    for patient in (keep, back):
        record(actor, "patient.unmerge", patient, patient_id=patient.pk, reason=merge.reason, at=at, merge=merge.pk)
    emit(
        PatientsSeparated(
            stream=f"patient:{keep.pk}", at=at, patient_id=keep.pk, restored_id=back.pk, merge_id=merge.pk
        )
    )
    return merge


@transaction.atomic
def revive_record(record_id: int, *, actor: Actor, at: datetime, said_at: datetime) -> list[Patient]:
    """Let a record that was merged away live again: its merges are undone from the top.

    Returns whom it was one with, so that a reversed A40 can merge them into it; empty when it lives already.
    Raises Conflict, and undoes nothing, when one of the merges was said later than ``said_at``.
    """
    lock_name(_MERGING)
    parted: list[Patient] = []
    record_now = Patient.objects.get(pk=record_id)
    while record_now.merged_into is not None:
        # Only the topmost merge of a chain can be undone: its survivor is merged into nobody.
        below = record_now
        while below.merged_into is not None and below.merged_into.merged_into is not None:
            below = below.merged_into
        merge = Merge.objects.get(retired=below, separated_at=None)
        if merge.said_at > said_at:
            raise Conflict("They were merged the other way by what was said later.", at="MRG-1", code="reversed")
        parted.append(merge.survivor)
        unmerge_patients(merge.pk, reason="merged the other way", actor=actor, at=at, said_at=said_at)
        record_now = Patient.objects.get(pk=record_id)
    return parted


@transaction.atomic
def note_separation(
    patient_id: int, other_id: int, *, reason: str, actor: Actor, at: datetime, said_at: datetime
) -> Merge:
    """A sender separates two whom nobody has merged (yet): a merge that it said earlier and that comes later is void.

    Hearing it again changes nothing.
    """
    lock_name(_MERGING)
    first, second = _living(patient_id), _living(other_id)
    known = _between(first, second).filter(separated_said_at=said_at).first()
    if known is not None:
        return known
    row = Merge.objects.create(
        survivor=first, retired=second, actor=actor.name, said_at=said_at, separated_at=at,
        separated_said_at=said_at, separated_by=actor.name, reason=reason[:250], moved={"Identifier": [], "Visit": []},
    )  # fmt: skip
    record(actor, "patient.unmerge", first, patient_id=first.pk, reason=reason, at=at, merge=row.pk)
    return row


@transaction.atomic
def note_moved(merge_id: int, kind: str, pks: Iterable[int]) -> None:
    """Keep which further rows followed a merge, for the day when it is undone."""
    _note(merge_id, "moved", kind, pks)


@transaction.atomic
def note_since(merge_id: int, kind: str, pks: Iterable[int]) -> None:
    """Keep which further rows came while the two were one, for a person to decide whose they are."""
    _note(merge_id, "since", kind, pks)


def _note(merge_id: int, column: str, kind: str, pks: Iterable[int]) -> None:
    merge = Merge.objects.select_for_update(of=("self",)).get(pk=merge_id)
    kept: dict[str, list[int]] = getattr(merge, column)
    kept[kind] = sorted({*kept.get(kind, ()), *pks})
    merge.save(update_fields=[column])


@transaction.atomic
def retire_identifiers(
    patient_id: int, identifiers: tuple[tuple[str, str, str], ...], *, actor: Actor, at: datetime
) -> int:
    """Let the patient be called by these identifiers no more (A47); they still find the patient. How many did.

    What is said by them still counts: it is said of the same person, and may have been on its way.
    """
    numbers = {(value, authority, series_of(kind)) for value, authority, kind in identifiers}
    rows = Identifier.objects.filter(patient=patient_id, value__in=[value for value, _, _ in numbers], retired=False)
    pks = [row.pk for row in rows if (row.value, row.authority, row.series) in numbers]
    retired = Identifier.objects.filter(pk__in=pks).update(retired=True)
    if retired:
        patient = _living(patient_id)
        record(actor, "patient.retire-identifiers", patient, patient_id=patient_id, at=at, count=retired)
        emit(PatientRevised(stream=f"patient:{patient_id}", at=at, patient_id=patient_id))
    return retired


def _living(patient_id: int) -> Patient:
    patient = Patient.objects.filter(pk=patient_id).first()
    if patient is None:
        raise NotFound("There is no such patient.")
    return survivor(patient)


def _between(one: Patient, other: Patient) -> QuerySet[Merge]:
    pair = (one.pk, other.pk)
    return Merge.objects.filter(survivor__in=pair, retired__in=pair)


def _moved(retire: Patient) -> dict[str, list[Any]]:
    identifiers = retire.identifiers.order_by("pk").values_list("pk", "retired", "silent")
    return {"Identifier": [list(row) for row in identifiers], "Visit": _pks(retire.visits)}


def _pks(rows: Any) -> list[int]:
    return list(rows.order_by("pk").values_list("pk", flat=True))


def _lock_identifiers(*patients: Patient) -> None:
    """Let nobody who speaks of these patients now get in between: they hold the locks of their identifiers."""
    rows = Identifier.objects.filter(patient__in=patients).values_list("authority", "value")
    names = [f"identifier:{authority}:{value}" for authority, value in rows]
    if names:
        lock_name(*names)
