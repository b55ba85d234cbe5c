"""ADT: patients, visits and merges in (IHE RAD-1, RAD-12, PIR)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from ris.kernel.errors import Invalid
from ris.orders import states as order_states
from ris.orders.models import ScheduledStep
from ris.orders.services import arrive
from ris.patients.intents import PatientIntent
from ris.patients.matching import Verdict, compare
from ris.patients.models import Patient
from ris.patients.selectors import find_patient
from ris.patients.selectors_identity import record_that_had, separated_later
from ris.patients.services import (
    ask_identity,
    merge_patients,
    resolve_patient,
    retire_identifiers,
    revive_record,
    traits_known,
)

from ..v2.parser import Segment
from .context import Incoming
from .patients import identifiers, patient_intent, resolve_intent
from .visits import visit_of

NOTHING_NEW = "It says nothing new, or less than what was said later."


def write_patient(incoming: Incoming) -> str:
    """A01 A04 A05 A08 A28 A31 …: the demographics, and the visit where one is numbered."""
    patient = write_pid(_pid(incoming), incoming)
    before = dict(patient.visits.values_list("pk", "version"))
    visit = visit_of(incoming, patient)
    if visit is not None and before.get(visit.pk) != visit.version:
        incoming.did("revised" if visit.pk in before else "created", visit)
    return "" if incoming.effects else NOTHING_NEW


def patient_arrived(incoming: Incoming) -> str:
    """A10: the patient is here. Steps of the visit, else of the patient, that are planned within a day arrive."""
    patient = write_pid(_pid(incoming), incoming)
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


def write_pid(pid: Segment, incoming: Incoming) -> Patient:
    """The patient of one PID, whose demographics count; noted as an effect when made or changed.

    Raises Invalid, Conflict and IdentityDoubt as :func:`ris.patients.services.resolve_patient`.
    """
    intent = patient_intent(pid, incoming)
    before = find_patient(intent.identifiers)
    patient = resolve_intent(intent, incoming, authoritative=True)
    if before is None:
        incoming.did("created", patient)
    elif patient.version != before.version:
        incoming.did("revised", patient)
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
            _merge(pid, mrg, incoming, same_record=True)
            continue
        intent = PatientIntent(identifiers=(*new, *old))
        patient = resolve_patient(intent, actor=incoming.actor, at=incoming.at, authoritative=False)
        if retire_identifiers(patient.pk, old, actor=incoming.actor, at=incoming.at):
            incoming.did("renumbered", patient)
        write_pid(pid, incoming)
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


def _merge(pid: Segment, mrg: Segment, incoming: Incoming, *, same_record: bool = False) -> None:
    """The last merge decides who lives: one that says the opposite of an earlier one undoes that first."""
    reversed_since = _reverse(pid, mrg, incoming) if not same_record else []
    keep = write_pid(pid, incoming)
    for parted in reversed_since:
        merge_patients(keep.pk, parted.pk, actor=incoming.actor, at=incoming.at, said_at=incoming.message_at)
        incoming.did("merged", parted)
    if reversed_since:
        incoming.did("kept", keep)
        return
    former = PatientIntent(identifiers=identifiers(mrg, 1, incoming))
    retired = resolve_patient(former, actor=incoming.actor, at=incoming.at, authoritative=False)
    if retired.pk == keep.pk:
        _give_up(keep, pid, former, incoming)
        return
    if separated_later(keep, retired, incoming.message_at):
        incoming.warn("These two were separated again by what was said later; they are not merged.")
        return
    if not same_record:
        _ask_of_merged(keep, retired, incoming)
    merge_patients(
        keep.pk,
        retired.pk,
        actor=incoming.actor,
        at=incoming.at,
        said_at=incoming.message_at,
        same_record=same_record,
    )
    incoming.did("merged", retired)
    incoming.did("kept", keep)


MERGED_OTHER = "The two were clearly different people here; merged as said, and a person is asked."


def _ask_of_merged(keep: Patient, retired: Patient, incoming: Incoming) -> None:
    """A merge is the sender's word and can be undone, so it is done; one of two who clearly differ is never silent."""
    said = traits_known(retired)
    comparison = compare(traits_known(keep), said)
    if comparison.verdict is not Verdict.ANOTHER:
        return
    source, message_id = incoming.peer.name, incoming.message_id
    ask_identity(keep.pk, said, comparison, source=source, message_id=message_id, held=False, at=incoming.at)
    incoming.warn(MERGED_OTHER)


def _give_up(patient: Patient, pid: Segment, former: PatientIntent, incoming: Incoming) -> None:
    """MRG-1 is a number of the patient of PID-3 already: it is called by it no more, while another number is left."""
    numbers = former.identifiers if set(identifiers(pid, 3, incoming)) - set(former.identifiers) else ()
    if retire_identifiers(patient.pk, numbers, actor=incoming.actor, at=incoming.at):
        incoming.did("renumbered", patient)


def _reverse(pid: Segment, mrg: Segment, incoming: Incoming) -> list[Patient]:
    """Whom the patient of PID-3, merged into that of MRG-1 before, was parted from; empty where that was not so.

    Raises Conflict when they were merged the other way by what was said later.
    """
    living, given_up = identifiers(pid, 3, incoming), identifiers(mrg, 1, incoming)
    keep, retire = find_patient(living), find_patient(given_up)
    if keep is None or keep != retire:
        return []
    former = record_that_had(living, keep)
    if former is None or record_that_had(given_up, keep) == former:
        return []
    return revive_record(former.pk, actor=incoming.actor, at=incoming.at, said_at=incoming.message_at)
