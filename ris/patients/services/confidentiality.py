"""A patient is kept confidential, or no more: who sees them then is said in ``ris.access.visibility``."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.db import transaction
from django.db.models import F

from ris.audit.services import Actor, record
from ris.kernel.errors import Invalid, NotFound
from ris.kernel.events import emit
from ris.kernel.values import read_reason

from ..events import PatientRevised
from ..models import Patient
from ..selectors import survivor
from ..selectors_identity import merged_records

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Of an alias; those that are taken for another are left out."""


@transaction.atomic
def mark_confidential(patient_id: int, kind: str, *, reason: str, actor: Actor, at: datetime) -> Patient:
    """Show the patient, and all records merged into them, to the care team and people with the permission only.

    ``kind``: a key of ``Patient.CONFIDENTIALITY``; a second time changes it. The alias, under which scanners list them,
    stays once it is given. Raises NotFound; Invalid for another kind or without a reason.
    """
    if kind not in dict(Patient.CONFIDENTIALITY):
        raise Invalid("Choose why the patient is kept confidential.", at="kind")
    read_reason(reason, "Say who asked for it, or why.")
    patient = _living(patient_id)
    alias = patient.alias or make_alias()
    _write(patient, confidential=True, confidential_kind=kind, alias=alias)
    record(actor, "patient.mark-confidential", patient, patient_id=patient.pk, reason=reason, at=at, kind=kind)
    emit(PatientRevised(stream=f"patient:{patient.pk}", at=at, patient_id=patient.pk))
    return patient


@transaction.atomic
def lift_confidential(patient_id: int, *, reason: str, actor: Actor, at: datetime) -> Patient:
    """Show the patient to everybody at their sites again. The alias is kept: images that bear it are theirs.

    Raises NotFound; Invalid without a reason. Lifting it twice changes nothing.
    """
    read_reason(reason, "Say who asked for it, or why.")
    patient = _living(patient_id)
    if patient.confidential:
        _write(patient, confidential=False, confidential_kind="")
        record(actor, "patient.lift-confidential", patient, patient_id=patient.pk, reason=reason, at=at)
        emit(PatientRevised(stream=f"patient:{patient.pk}", at=at, patient_id=patient.pk))
    return patient


def note_said_confidential(patient: Patient, kind: str, *, source: str, actor: Actor, at: datetime) -> None:
    """A message says it of a patient (PV1-16, PD1-12): so it is, from now on; only a person lifts it. Idempotent."""
    if not patient.confidential:
        marked = mark_confidential(patient.pk, kind, reason=f"said by {source}", actor=actor, at=at)
        patient.confidential, patient.alias = True, marked.alias


def keep_confidential(keep: Patient, retired: Patient) -> None:
    """One of two records that become one was confidential: both are."""
    if keep.confidential or retired.confidential:
        kind = keep.confidential_kind or retired.confidential_kind
        alias = keep.alias or retired.alias
        _write(keep, confidential=True, confidential_kind=kind, alias=alias)


def make_alias() -> str:
    """A name that tells nothing, as FAMILY^GIVEN."""
    return "CONFIDENTIAL^" + "".join(secrets.choice(_LETTERS) for _ in range(6))


def _write(patient: Patient, **values: object) -> None:
    for name, value in values.items():
        setattr(patient, name, value)
    rows = Patient.objects.filter(pk__in=[patient.pk, *merged_records(patient)])
    rows.update(version=F("version") + 1, **values)


def _living(patient_id: int) -> Patient:
    patient = Patient.objects.filter(pk=patient_id).first()
    if patient is None:
        raise NotFound("There is no such patient.")
    return survivor(patient)
