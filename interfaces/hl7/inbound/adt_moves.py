"""ADT that moves numbers and visits to another patient, renames visits, tells of allergies (A41, A43–A60)."""

from __future__ import annotations

from ris.kernel.errors import Conflict, Invalid
from ris.patients.intents import PatientIntent
from ris.patients.models import Patient, Visit
from ris.patients.selectors import find_patient
from ris.patients.services import merge_visits, move_identifiers, move_visit, renumber_visit

from ..v2.parser import Segment
from .adt import write_pid
from .context import Incoming
from .patients import Identifiers, identifiers, read_allergy, resolve_intent

NO_VISIT = "No visit of that number is known here."


def move_numbers(incoming: Incoming) -> str:
    """A43: the numbers of MRG-1 are those of the patient of PID-3."""
    pid, mrg = _segments(incoming)
    patient = write_pid(pid, incoming)
    numbers = _required(identifiers(mrg, 1, incoming), mrg, 1)
    if move_identifiers(patient.pk, numbers, actor=incoming.actor, at=incoming.at):
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
