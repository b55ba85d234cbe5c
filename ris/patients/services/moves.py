"""Numbers and visits turn out to be another patient's, or to be called otherwise (ADT A43–A45, A49, A50)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from ris.audit.services import Actor, record
from ris.kernel.db.transactions import lock_name
from ris.kernel.errors import Conflict, NotFound
from ris.kernel.events import emit

from ..events import PatientRevised, VisitMoved, VisitsMerged
from ..intents import series_of
from ..models import Identifier, Patient, Visit


@transaction.atomic
def move_identifiers(
    patient_id: int, identifiers: tuple[tuple[str, str, str], ...], *, actor: Actor, at: datetime
) -> int:
    """From now on the patient is called by these numbers, (value, authority, type) (A43); for how many that is news.

    Orders stay with whom they were placed for.
    """
    lock_name(*(f"identifier:{authority}:{value}" for value, authority, _ in identifiers))
    numbers = {(value, authority, series_of(kind)) for value, authority, kind in identifiers}
    rows = Identifier.objects.filter(value__in=[value for value, _, _ in numbers]).exclude(
        patient=patient_id, retired=False
    )
    moving = [row for row in rows if (row.value, row.authority, row.series) in numbers]
    for former_id in {row.patient_id for row in moving} - {patient_id}:
        _note_revised(former_id, "patient.lose-identifiers", actor, at)
    Identifier.objects.filter(pk__in=[row.pk for row in moving]).update(patient=patient_id, retired=False, silent=False)
    if moving:
        _note_revised(patient_id, "patient.gain-identifiers", actor, at)
    return len(moving)


def _note_revised(patient_id: int, action: str, actor: Actor, at: datetime) -> None:
    patient = Patient.objects.get(pk=patient_id)
    Patient.objects.filter(pk=patient_id).update(version=F("version") + 1)
    record(actor, action, patient, patient_id=patient_id, at=at)
    emit(PatientRevised(stream=f"patient:{patient_id}", at=at, patient_id=patient_id))


@transaction.atomic
def move_visit(visit_id: int, patient_id: int, *, actor: Actor, at: datetime) -> bool:
    """The visit, with its orders, is that patient's (A44, A45); whether that is news. Raises NotFound."""
    visit = Visit.objects.select_for_update(of=("self",)).filter(pk=visit_id).first()
    if visit is None:
        raise NotFound("There is no such visit.")
    if visit.patient_id == patient_id:
        return False
    record(actor, "visit.move", visit, patient_id=patient_id, at=at, was=visit.patient_id)
    Visit.objects.filter(pk=visit_id).update(patient=patient_id, version=F("version") + 1)
    emit(VisitMoved(stream=f"patient:{patient_id}", at=at, patient_id=patient_id, visit_id=visit_id))
    return True


@transaction.atomic
def merge_visits(visit_id: int, former_id: int, *, actor: Actor, at: datetime) -> bool:
    """Two visits of one patient are one, ``visit_id`` (A41): the orders of the other are its own; whether that is news.

    The former stands as cancelled, so that its number is still found. Raises NotFound; Conflict for two patients'.
    """
    rows = {v.pk: v for v in Visit.objects.select_for_update(of=("self",)).filter(pk__in=(visit_id, former_id))}
    if len(rows) != len({visit_id, former_id}):
        raise NotFound("There is no such visit.")
    kept, former = rows[visit_id], rows[former_id]
    if kept.patient_id != former.patient_id:
        raise Conflict("These visits are of two patients.", at="MRG-3")
    if kept.pk == former.pk or former.state == "cancelled":
        return False
    Visit.objects.filter(pk=former.pk).update(state="cancelled", version=F("version") + 1)
    record(actor, "visit.merge", kept, patient_id=kept.patient_id, at=at, former=former.pk)
    stream = f"patient:{kept.patient_id}"
    emit(VisitsMerged(stream=stream, at=at, patient_id=kept.patient_id, visit_id=kept.pk, former_id=former.pk))
    return True


@transaction.atomic
def renumber_visit(visit_id: int, number: str, authority: str, *, actor: Actor, at: datetime) -> bool:
    """The visit is called by that number from now on (A49, A50); whether that is news.

    Raises NotFound; Conflict when another visit has the number.
    """
    lock_name(f"visit:{authority}:{number}")
    visit = Visit.objects.select_for_update(of=("self",)).filter(pk=visit_id).first()
    if visit is None:
        raise NotFound("There is no such visit.")
    if (visit.number, visit.authority) == (number, authority):
        return False
    if Visit.objects.filter(authority=authority, number=number).exists():
        raise Conflict("Another visit has this number.", at="PV1-19")
    Visit.objects.filter(pk=visit_id).update(number=number, authority=authority, version=F("version") + 1)
    record(actor, "visit.renumber", visit, patient_id=visit.patient_id, at=at)
    return True
