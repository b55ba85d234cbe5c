"""ADT: patients, visits and merges in (IHE RAD-1, RAD-12, PIR)."""

from __future__ import annotations

from collections.abc import Iterator

from ris.kernel.errors import Invalid
from ris.patients.intents import PatientIntent
from ris.patients.models import Patient
from ris.patients.selectors import find_patient
from ris.patients.services import merge_patients, resolve_patient

from .incoming import Incoming
from .people_in import identifiers, patient_intent, visit_of
from .reading import Segment


def write_patient(incoming: Incoming) -> str:
    """A01 A04 A05 A08 A28 A31 …: the demographics, and the visit where one is numbered."""
    pid = incoming.message.first("PID")
    if pid is None:
        raise Invalid("The message needs PID.", at="PID", code="100")
    patient = _write(pid, incoming)
    visit = visit_of(incoming, patient)
    if visit is not None:
        incoming.did("wrote", visit)
    return "" if incoming.effects else "It says nothing new, or less than what was said later."


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
    pairs = list(_pairs(incoming))
    if not pairs:
        raise Invalid("A merge needs MRG-1.", at="MRG-1", code="required")
    for pid, mrg in pairs:
        _merge(pid, mrg, incoming)
    return "" if incoming.effects else "These patients were merged before."


def _pairs(incoming: Incoming) -> Iterator[tuple[Segment, Segment]]:
    pid: Segment | None = None
    for segment in incoming.message.segments:
        if segment.name == "PID":
            pid = segment
        elif segment.name == "MRG":
            if pid is None:
                raise Invalid("MRG comes after the PID that it belongs to.", at=segment.place(1), code="100")
            yield pid, segment


def _merge(pid: Segment, mrg: Segment, incoming: Incoming) -> None:
    retired_ids = identifiers(mrg, 1, incoming)
    if not retired_ids:
        raise Invalid("MRG-1 must name the identifier that is given up.", at=mrg.place(1), code="required")
    keep = _write(pid, incoming)
    retired = resolve_patient(
        PatientIntent(identifiers=retired_ids), actor=incoming.actor, at=incoming.at, authoritative=False
    )
    if retired.pk == keep.pk:
        return
    merge_patients(keep.pk, retired.pk, actor=incoming.actor, at=incoming.at)
    incoming.did("merged", retired)
    incoming.did("kept", keep)
