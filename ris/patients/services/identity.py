"""Who is who, and whose words count."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import transaction

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel.db.bulk import insert_all
from ris.kernel.db.locks import lock_name
from ris.kernel.db.statements import Kept, insert, save
from ris.kernel.errors import Conflict, Invalid
from ris.kernel.events import emit

from ..events import PatientRevised
from ..intents import PatientIntent
from ..models import Identifier, Patient
from ..names import search_name
from ..selectors import survivor

_IDENTIFIERS = Kept(lambda *values: Identifier.objects.select_related("patient__merged_into").filter(value__in=values))


@transaction.atomic
def resolve_patient(intent: PatientIntent, *, actor: Actor, at: datetime, authoritative: bool) -> Patient:
    """The patient with one of these identifiers; a new one when nobody has any.

    Identifiers not known yet are added. Each demographic field is written by the message of the highest
    rank: an ``authoritative`` one (ADT) before any other, then the later said; so neither a PID in an
    order nor a late message overwrites a newer ADT, and arrival order does not matter. A message that
    knows the patient by a merged record's identifier only changes nothing about the one who remains. Two who
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
    silent = bool(known) and all(row.silent for row in known.values())
    changed = set() if silent else _write_demographics(patient, intent, authoritative, at)
    added = _add_identifiers(patient, intent, known, silent)
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
    patient: Patient, intent: PatientIntent, known: dict[tuple[str, str], Identifier], silent: bool
) -> bool:
    new = [
        Identifier(patient=patient, value=value, authority=authority, kind=kind or "MR", retired=silent, silent=silent)
        for value, authority, kind in intent.identifiers
        if (value, authority) not in known
    ]
    insert_all(new)
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
    save(patient)
    return changed


def absorb_demographics(patient: Patient, other: Patient) -> None:
    """Write to ``patient`` each field that was said of ``other`` with a higher rank."""
    patient.refresh_from_db()
    said = {name: rank for name, rank in other.said.items() if patient.said.get(name, [-1]) < rank}
    for name, rank in said.items():
        setattr(patient, name, getattr(other, name))
        patient.said[name] = rank
    if said:
        patient.search_name = search_name(
            patient.family_name,
            patient.given_name,
            patient.middle_name,
            patient.ideographic_name,
            patient.phonetic_name,
        )
        moments = [m for m in (patient.demographics_at, other.demographics_at) if m]
        patient.demographics_at = max(moments, default=None)
        patient.save()
