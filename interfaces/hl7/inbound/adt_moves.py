"""ADT that links and parts patients, moves numbers and visits, tells of allergies (A24, A37, A41, A43–A60)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ris.kernel.errors import Conflict, Invalid
from ris.patients.intents import PatientIntent
from ris.patients.matching import Fit, Verdict, compare
from ris.patients.models import Patient, Visit
from ris.patients.selectors import find_patient
from ris.patients.selectors_identity import merge_that_moved, separated_later
from ris.patients.services import (
    merge_patients,
    merge_visits,
    move_identifiers,
    move_visit,
    note_separation,
    renumber_visit,
    resolve_patient,
    traits_known,
    unmerge_patients,
)

from ..v2.parser import Segment
from .adt import write_pid
from .context import Incoming
from .patients import Identifiers, identifiers, patient_intent, read_allergy, resolve_intent

NO_VISIT = "No visit of that number is known here."


def move_numbers(incoming: Incoming) -> str:
    """A43: the numbers of MRG-1 are those of the patient of PID-3."""
    pid, mrg = _segments(incoming)
    patient = write_pid(pid, incoming)
    numbers = _required(identifiers(mrg, 1, incoming), mrg, 1)
    if find_patient(numbers) is None:
        # Nobody has them here yet; what comes under them later is this patient's.
        intent = PatientIntent(identifiers=(*identifiers(pid, 3, incoming), *numbers))
        resolve_patient(intent, actor=incoming.actor, at=incoming.at, authoritative=False)
        incoming.did("renumbered", patient)
    elif move_identifiers(patient.pk, numbers, actor=incoming.actor, at=incoming.at):
        incoming.did("renumbered", patient)
    return "" if incoming.effects else "These numbers are the patient's already."


def move_visits(incoming: Incoming) -> str:
    """A44 (account: MRG-3, PID-18), A45 (visit: MRG-5, PV1-19): the visit and its orders are of PID-3's patient."""
    pid, mrg = _segments(incoming)
    patient = write_pid(pid, incoming)
    former, new = _visit_numbers(pid, mrg, incoming)
    visit = _visit(former) or _visit(new)
    if visit is None:
        return NO_VISIT
    _check_owner(visit, mrg, patient, incoming)
    if move_visit(visit.pk, patient.pk, actor=incoming.actor, at=incoming.at):
        incoming.did("moved", visit)
    if new and _visit(new) is None:
        number, authority, _ = new[0]
        renumber_visit(visit.pk, number, authority, actor=incoming.actor, at=incoming.at)
        incoming.did("renumbered", visit)
    return "" if incoming.effects else "The visit is the patient's already."


def change_visit_number(incoming: Incoming) -> str:
    """A49 (account, MRG-3 → PID-18), A50 (visit, MRG-5 → PV1-19): the visit is called otherwise."""
    pid, mrg = _segments(incoming)
    former, new = _visit_numbers(pid, mrg, incoming)
    if not new:
        raise Invalid("The new number is missing.", at="PV1-19", code="required")
    patient = write_pid(pid, incoming)
    visit = _visit(former)
    if visit is None:
        return "The visit has its new number already." if _visit(new) else NO_VISIT
    if visit.patient != patient:
        raise Conflict("This visit number belongs to another patient.", at="MRG-5")
    number, authority, _ = new[0]
    if renumber_visit(visit.pk, number, authority, actor=incoming.actor, at=incoming.at):
        incoming.did("renumbered", visit)
    return "" if incoming.effects else "The visit has this number already."


def merge_accounts(incoming: Incoming) -> str:
    """A41: the account of MRG-3 is one with that of PID-18, whose its orders are from then on."""
    pid, mrg = _segments(incoming)
    former, new = _visit_numbers(pid, mrg, incoming)
    if not new:
        raise Invalid("The account that remains is missing.", at="PID-18", code="required")
    patient = write_pid(pid, incoming)
    retired, kept = _visit(former), _visit(new)
    if retired is None:
        return "These accounts were merged before." if kept else NO_VISIT
    _check_owner(retired, mrg, patient, incoming)
    if move_visit(retired.pk, patient.pk, actor=incoming.actor, at=incoming.at):
        incoming.did("moved", retired)
    if kept is None:
        number, authority, _ = new[0]
        if renumber_visit(retired.pk, number, authority, actor=incoming.actor, at=incoming.at):
            incoming.did("renumbered", retired)
    elif kept != retired:
        _check_owner(kept, mrg, patient, incoming)
        if merge_visits(kept.pk, retired.pk, actor=incoming.actor, at=incoming.at):
            incoming.did("merged", kept)
    return "" if incoming.effects else "These accounts were merged before."


def write_allergies(incoming: Incoming) -> str:
    """A60: allergies by IAM-3. IAM-6 A adds, U updates, D deletes; where no IAM has it, the list is replaced."""
    pid = incoming.message.first("PID")
    if pid is None:
        raise Invalid("The message needs PID.", at="PID", code="100")
    patient = write_pid(pid, incoming)
    known: list[str] = list(patient.allergies)
    rows = incoming.message.all("IAM")
    # No action code: the message is a snapshot (HL7 3.4.7), so what it does not name is gone.
    if not any(row.text(6) for row in rows):
        known = []
    for row in rows:
        substance = row.text(3, 2) or row.text(3)
        known = [text for text in known if text != substance and not text.startswith(f"{substance} (")]
        if substance and row.text(6).upper() != "D":
            known.append(read_allergy(row))
    intent = PatientIntent(
        identifiers=identifiers(pid, 3, incoming), allergies=known, message_at=incoming.message_at,
        message_id=incoming.header.control_id,
    )  # fmt: skip
    before = patient.version
    patient = resolve_intent(intent, incoming, authoritative=True)
    if patient.version != before:
        incoming.did("revised", patient)
    return "" if incoming.effects else "These allergies are known."


def _segments(incoming: Incoming) -> tuple[Segment, Segment]:
    pid, mrg = incoming.message.first("PID"), incoming.message.first("MRG")
    if pid is None or mrg is None:
        raise Invalid("The message needs PID and MRG.", at="MRG", code="100")
    return pid, mrg


def _required(numbers: Identifiers, segment: Segment, field: int) -> Identifiers:
    if not numbers:
        raise Invalid(f"{segment.place(field)} must name what is moved.", at=segment.place(field), code="required")
    return numbers


def _visit_numbers(pid: Segment, mrg: Segment, incoming: Incoming) -> tuple[Identifiers, Identifiers]:
    """(former, new): visit numbers of MRG-5 and PV1-19; of an account event MRG-3 and PID-18."""
    pv1 = incoming.message.first("PV1")
    account = incoming.header.event in ("A41", "A44", "A49")
    former = identifiers(mrg, 3 if account else 5, incoming) or identifiers(mrg, 5 if account else 3, incoming)
    new = identifiers(pv1, 19, incoming) if pv1 else ()
    return former, (identifiers(pid, 18, incoming) or new) if account else new


def _visit(numbers: Identifiers) -> Visit | None:
    for number, authority, _ in numbers:
        visit = Visit.objects.select_related("patient").filter(number=number, authority=authority).first()
        if visit:
            return visit
    return None


def _check_owner(visit: Visit, mrg: Segment, patient: Patient, incoming: Incoming) -> None:
    """Raise Conflict unless the visit is of the patient of MRG-1, or of PID-3 already."""
    source = find_patient(identifiers(mrg, 1, incoming))
    if visit.patient not in (patient, source):
        raise Conflict("This visit number belongs to another patient.", at="MRG-5")


LINKED_OTHERS = "The two PID are different people, such as mother and child: both are kept, as two."
LINKED_UNSURE = "The two PID may be different people: they are kept as two. Merge them if they are one."


def link(incoming: Incoming) -> str:
    """A24: the two PID are one person under two numbers, both of which stay in use.

    Senders link a mother and her child, too: who does not fit the other stays a patient of their own.
    """
    pids = incoming.message.all("PID")
    if len(pids) != 2:
        raise Invalid("A24 names two patients: it needs PID twice.", at="PID[2]", code="100")
    said = replace(patient_intent(pids[1], incoming), allergies=None, alerts=None)
    keep, known = write_pid(pids[0], incoming), find_patient(said.identifiers)
    other = resolve_intent(said, incoming, authoritative=True)
    incoming.patient_id = keep.pk
    if other != keep:
        if known is None:
            incoming.did("created", other)
        if separated_later(keep, other, incoming.message_at):
            return "These two were separated again by what was said later."
        if differ := _differ(keep, other, incoming):
            return "" if incoming.effects else differ
        merge_patients(
            keep.pk, other.pk, actor=incoming.actor, at=incoming.at, said_at=incoming.message_at, same_record=True
        )
        incoming.did("merged", other)
        incoming.did("kept", keep)
    move_identifiers(keep.pk, identifiers(pids[1], 3, incoming), actor=incoming.actor, at=incoming.at)
    return "" if incoming.effects else "These patients were linked before."


def _differ(one: Patient, other: Patient, incoming: Incoming) -> str:
    """Tell that the two are not one person, or may not be; empty when they are."""
    comparison = compare(traits_known(one), traits_known(other))
    if comparison.verdict is Verdict.SAME:
        return ""
    clearly = comparison.verdict is Verdict.ANOTHER or comparison.birth_date is Fit.OTHER
    sentence = LINKED_OTHERS if clearly else LINKED_UNSURE
    incoming.warn(sentence)
    if not clearly:
        incoming.unmet.append(sentence)
    return sentence


def separate(incoming: Incoming) -> str:
    """A37: the two PID are two people. Their merge is undone; one that was said earlier and comes late is void."""
    pids = incoming.message.all("PID")
    if len(pids) != 2:
        raise Invalid("A37 names two patients: it needs PID twice.", at="PID[2]", code="100")
    former = PatientIntent(identifiers=identifiers(pids[1], 3, incoming))
    keep, other = write_pid(pids[0], incoming), find_patient(former.identifiers)
    cause: Any = {"reason": "ADT A37", "actor": incoming.actor, "at": incoming.at, "said_at": incoming.message_at}
    if other is not None and other == keep:
        return _unmerge([*identifiers(pids[0], 3, incoming), *former.identifiers], keep, cause, incoming)
    if other is None:
        other = resolve_patient(former, actor=incoming.actor, at=incoming.at, authoritative=False)
        incoming.did("created", other)
    note_separation(keep.pk, other.pk, **cause)
    return "" if incoming.effects else "These patients are two here."


def _unmerge(named: list[tuple[str, str, str]], keep: Patient, cause: Any, incoming: Incoming) -> str:
    merge = merge_that_moved(named, keep)
    if merge is None:
        raise Invalid("These are identifiers of one patient, who was not merged here.", at="PID[2]-3", code="204")
    if merge.said_at > incoming.message_at:
        return "They were merged by what was said later."
    unmerge_patients(merge.pk, **cause)
    incoming.did("separated", merge.retired)
    incoming.did("kept", keep)
    return ""
