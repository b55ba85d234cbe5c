"""ADT: patients, visits and merges in (IHE RAD-1, RAD-12, PIR)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from ris.kernel.errors import Invalid
from ris.orders import states as order_states
from ris.orders.models import ScheduledStep
from ris.orders.services import arrive
from ris.patients.intents import PatientIntent
from ris.patients.models import Patient
from ris.patients.selectors import find_patient
from ris.patients.services import merge_patients, resolve_patient, retire_identifiers

from .incoming import Incoming
from .people_in import identifiers, patient_intent, visit_of
from .reading import Segment

NOTHING_NEW = "It says nothing new, or less than what was said later."


def write_patient(incoming: Incoming) -> str:
    """A01 A04 A05 A08 A28 A31 …: the demographics, and the visit where one is numbered."""
    patient = _write(_pid(incoming), incoming)
    before = dict(patient.visits.values_list("pk", "version"))
    visit = visit_of(incoming, patient)
    if visit is not None and before.get(visit.pk) != visit.version:
        incoming.did("revised" if visit.pk in before else "created", visit)
    return "" if incoming.effects else NOTHING_NEW


def patient_arrived(incoming: Incoming) -> str:
    """A10: the patient is here. Steps of the visit, else of the patient, that are planned within a day arrive."""
    patient = _write(_pid(incoming), incoming)
    visit = visit_of(incoming, patient)
    day = timedelta(hours=12)
    steps = ScheduledStep.objects.filter(
        state=order_states.SCHEDULED,
        procedure__order__patient=patient,
        start__range=(incoming.message_at - day, incoming.message_at + day),
    )
    of_visit = steps.filter(procedure__order__visit=visit) if visit else steps.none()
    for step in list((of_visit if of_visit.exists() else steps).order_by("start", "pk")):
        incoming.did("arrived", arrive(step.pk, actor=incoming.actor, at=incoming.at))
        incoming.accession = step.procedure.order.accession
    return "" if incoming.effects else "Nothing is planned for this patient about now."


def _pid(incoming: Incoming) -> Segment:
    pid = incoming.message.first("PID")
    if pid is None:
        raise Invalid("The message needs PID.", at="PID", code="100")
    return pid


def _write(pid: Segment, incoming: Incoming) -> Patient:
    """The patient of one PID, whose demographics count; noted as an effect when made or changed."""
    intent = patient_intent(pid, incoming)
    before = find_patient(intent.identifiers)
    patient = resolve_patient(intent, actor=incoming.actor, at=incoming.at, authoritative=True)
    if before is None:
        incoming.did("created", patient)
    elif patient.version != before.version:
        incoming.did("revised", patient)
    incoming.patient_id = patient.pk
    return patient


def merge(incoming: Incoming) -> str:
    """A40 (A18, A34, A36 of earlier versions): the patient of MRG-1 lives on as that of PID-3, for each pair."""
    for pid, mrg in _pairs(incoming):
        _merge(pid, mrg, incoming)
    return "" if incoming.effects else "These patients were merged before."


def change_identifiers(incoming: Incoming) -> str:
    """A47: the identifiers of MRG-1 are given up for those of PID-3, by the same patient."""
    for pid, mrg in _pairs(incoming):
        old, new = identifiers(mrg, 1, incoming), identifiers(pid, 3, incoming)
        former, present = find_patient(old), find_patient(new)
        if former is not None and present is not None and former != present:
            _merge(pid, mrg, incoming)
            continue
        intent = PatientIntent(identifiers=(*new, *old))
        patient = resolve_patient(intent, actor=incoming.actor, at=incoming.at, authoritative=False)
        if retire_identifiers(patient.pk, old, actor=incoming.actor, at=incoming.at):
            incoming.did("renumbered", patient)
        _write(pid, incoming)
    return "" if incoming.effects else "These identifiers were given up before."


def _pairs(incoming: Incoming) -> Iterator[tuple[Segment, Segment]]:
    """Each MRG with the PID before it. Raises Invalid where one lacks the other."""
    pid: Segment | None = None
    for segment in incoming.message.segments:
        if segment.name == "PID":
            pid = segment
        elif segment.name == "MRG":
            if pid is None:
                raise Invalid("MRG comes after the PID that it belongs to.", at=segment.place(1), code="100")
            if not identifiers(segment, 1, incoming):
                raise Invalid("MRG-1 must name what is given up.", at=segment.place(1), code="required")
            yield pid, segment


def _merge(pid: Segment, mrg: Segment, incoming: Incoming) -> None:
    keep = _write(pid, incoming)
    former = PatientIntent(identifiers=identifiers(mrg, 1, incoming))
    retired = resolve_patient(former, actor=incoming.actor, at=incoming.at, authoritative=False)
    if retired.pk == keep.pk:
        return
    merge_patients(keep.pk, retired.pk, actor=incoming.actor, at=incoming.at)
    incoming.did("merged", retired)
    incoming.did("kept", keep)
