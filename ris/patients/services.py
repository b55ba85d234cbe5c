"""Promises about patients: who is who, and whose words count."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import transaction
from django.db.models import F

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.events import emit
from ris.kernel.kept import Kept, insert
from ris.kernel.locks import lock_name

from .events import PatientRevised, PatientsMerged
from .intents import PatientIntent, VisitIntent
from .models import Identifier, Patient, Visit
from .names import search_name
from .selectors import survivor

_IDENTIFIERS = Kept(lambda *values: Identifier.objects.select_related("patient__merged_into").filter(value__in=values))
_VISIT = Kept(lambda authority, number: Visit.objects.filter(authority=authority, number=number)[:1])


@transaction.atomic
def resolve_patient(intent: PatientIntent, *, actor: Actor, at: datetime, authoritative: bool) -> Patient:
    """The patient with one of these identifiers; a new one when nobody has any.

    Identifiers not known yet are added. Each demographic field is written by the message of the highest
    rank: an ``authoritative`` one (ADT) before any other, then the later said; so neither a PID in an
    order nor a late message overwrites a newer ADT, and arrival order does not matter. A message that
    knows the patient by a retired identifier only changes nothing about the one who remains. Two who
    race with the same identifier get the same patient.
    Raises Invalid when no identifier is given, Conflict when the identifiers belong to different patients.
    """
    if not intent.identifiers:
        raise Invalid("A patient needs at least one identifier.", at="PID-3")
    lock_name(*(f"identifier:{authority}:{value}" for value, authority, _ in intent.identifiers))
    known = _known(intent)
    patient = _whose(known)
    created = patient is None
    patient = patient or Patient()
    retired = bool(known) and all(row.retired for row in known.values())
    changed = set() if retired else _write_demographics(patient, intent, authoritative, at)
    added = _add_identifiers(patient, intent, known, retired)
    if created:
        record(actor, "patient.create", patient, patient_id=patient.pk, at=at)
    elif added or changed:
        record(actor, "patient.revise", patient, patient_id=patient.pk, at=at, fields=sorted(changed))
        emit(PatientRevised(stream=f"patient:{patient.pk}", at=at, patient_id=patient.pk))
    return patient


def _known(intent: PatientIntent) -> dict[tuple[str, str], Identifier]:
    """(value, authority) → row, of the identifiers that are known, in the order given."""
    values = [value for value, _, _ in intent.identifiers]
    rows = _IDENTIFIERS.all(*values)
    by_pair = {(row.value, row.authority): row for row in rows}
    pairs = [(value, authority) for value, authority, _ in intent.identifiers]
    return {pair: by_pair[pair] for pair in pairs if pair in by_pair}


def _whose(known: dict[tuple[str, str], Identifier]) -> Patient | None:
    """The living patient of these identifiers. Raises Conflict when they belong to several."""
    owners = {patient.pk: patient for patient in (survivor(row.patient) for row in known.values())}
    if len(owners) > 1:
        raise Conflict("These identifiers belong to different patients; merge them first.", at="PID-3")
    return next(iter(owners.values()), None)


def _add_identifiers(
    patient: Patient, intent: PatientIntent, known: dict[tuple[str, str], Identifier], retired: bool
) -> bool:
    new = [
        Identifier(patient=patient, value=value, authority=authority, kind=kind or "MR", retired=retired)
        for value, authority, kind in intent.identifiers
        if (value, authority) not in known
    ]
    Identifier.objects.bulk_create(new)
    return bool(new)


def _write_demographics(patient: Patient, intent: PatientIntent, authoritative: bool, at: datetime) -> set[str]:
    """Write each field that was said with a higher rank than it has; return the names of those that changed."""
    moment = (intent.message_at or at).astimezone(UTC)
    rank = [int(authoritative), moment.isoformat(timespec="microseconds"), len(intent.message_id), intent.message_id]
    said = {n: v for n, v in intent.demographics().items() if patient.said.get(n, [-1]) <= rank}
    changed = {name for name, value in said.items() if getattr(patient, name) != value}
    if not said:
        if patient.pk is None:
            insert(patient)
        return changed
    for name, value in said.items():
        setattr(patient, name, value)
        patient.said[name] = rank
    if authoritative and (patient.demographics_at is None or patient.demographics_at < moment):
        patient.demographics_at = moment
    patient.search_name = search_name(
        patient.family_name, patient.given_name, patient.middle_name, patient.ideographic_name, patient.phonetic_name
    )
    if changed and patient.pk is not None:
        patient.version += 1
    patient.save() if patient.pk else insert(patient)
    return changed


@transaction.atomic
def merge_patients(survivor_id: int, retired_id: int, *, actor: Actor, at: datetime) -> Patient:
    """Let ``retired`` live on as ``survivor``: identifiers and visits move, orders follow by the event.

    Idempotent: merging what is merged already changes nothing. Raises Conflict when the survivor was
    itself merged into the retired one.
    """
    keep, retire = _living(survivor_id), Patient.objects.filter(pk=retired_id).first()
    if retire is None:
        raise NotFound("There is no such patient to merge.")
    if survivor(retire) == keep:
        if retire == keep:
            raise Conflict("A patient cannot be merged into themselves.", at="MRG-1")
        return keep
    if retire.merged_into_id is not None:
        retire = survivor(retire)
    Patient.objects.filter(pk=retire.pk).update(merged_into=keep, version=F("version") + 1)
    Patient.objects.filter(pk=keep.pk).update(version=F("version") + 1)
    Identifier.objects.filter(patient=retire).update(patient=keep, retired=True)
    Visit.objects.filter(patient=retire).update(patient=keep)
    record(actor, "patient.merge", keep, patient_id=keep.pk, at=at, retired=retire.pk)
    emit(PatientsMerged(stream=f"patient:{keep.pk}", at=at, patient_id=keep.pk, retired_id=retire.pk))
    return keep


@transaction.atomic
def retire_identifiers(
    patient_id: int, identifiers: tuple[tuple[str, str, str], ...], *, actor: Actor, at: datetime
) -> int:
    """Let these identifiers of the patient speak for nobody any more; they still find the patient. How many did."""
    values = [value for value, _, _ in identifiers]
    pairs = {(value, authority) for value, authority, _ in identifiers}
    rows = Identifier.objects.filter(patient=patient_id, value__in=values, retired=False)
    pks = [row.pk for row in rows if (row.value, row.authority) in pairs]
    retired = Identifier.objects.filter(pk__in=pks).update(retired=True)
    if retired:
        patient = _living(patient_id)
        record(actor, "patient.retire-identifiers", patient, patient_id=patient_id, at=at, count=retired)
        emit(PatientRevised(stream=f"patient:{patient_id}", at=at, patient_id=patient_id))
    return retired


def _living(patient_id: int) -> Patient:
    found = Patient.objects.filter(pk=patient_id).first()
    if found is None:
        raise NotFound("There is no such patient.")
    return survivor(found)


@transaction.atomic
def record_visit(patient_id: int, intent: VisitIntent, *, actor: Actor, at: datetime) -> Visit:
    """The visit of that number, created or brought up to date. Each field is written by the latest said.

    Raises Conflict when the number belongs to a visit of another patient.
    """
    lock_name(f"visit:{intent.authority}:{intent.number}")
    known = _VISIT.first(intent.authority, intent.number)
    if known is not None and known.patient_id != patient_id:
        raise Conflict("This visit number belongs to another patient.", at="PV1-19")
    visit = known or Visit(
        patient_id=patient_id, site_id=intent.site_id, authority=intent.authority, number=intent.number
    )
    moment = (intent.message_at or at).astimezone(UTC)
    rank = [moment.isoformat(timespec="microseconds"), len(intent.message_id), intent.message_id]
    said = {name: value for name, value in intent.content().items() if visit.said.get(name, [""]) <= rank}
    changed = {name for name, value in said.items() if getattr(visit, name) != value}
    for name, value in said.items():
        setattr(visit, name, value)
        visit.said[name] = rank
    if known is None or said:
        visit.updated_at = max(filter(None, [visit.updated_at, moment]))
        visit.version += 1 if known is not None and changed else 0
        visit.save() if known else insert(visit)
    if known is None or changed:
        record(actor, "visit.write", visit, patient_id=patient_id, at=at, fields=sorted(changed))
    return visit
