"""Whose a result is: the order and case that it names, and whether PID is of the same patient.

A number alone does not say who is meant (``ris.patients.matching``). What PID contradicts is refused.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from django.db.models import Q

from ris.kernel.errors import Conflict, Invalid
from ris.orders.models import Order, RequestedProcedure
from ris.patients.matching import Fit, Traits, Verdict, compare
from ris.patients.models import Patient
from ris.patients.selectors import find_patient, survivor
from worklist.models import ReadingItem

from ..context import Incoming
from ..orders.groups import Group, Request
from ..orders.procedure_segments import STUDY_UID_CODES
from ..patients import Identifiers, patient_intent

OTHER_PATIENT = "PID names another patient than the exam; nothing was attached."
NO_SUBJECT = "Say what the result is about: OBR-18, OBR-3 or OBX 113014."


@dataclass(frozen=True, slots=True)
class Subject:
    """What a result is about. ``order`` and ``procedure`` are None where no order of that number is known (yet)."""

    accession: str = ""
    study_uid: str = ""
    order: Order | None = None
    procedure: RequestedProcedure | None = None
    item: ReadingItem | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Who PID says it is, in plain values: kept with a result that came before its order."""

    identifiers: Identifiers = ()
    traits: Traits = field(default_factory=Traits)

    def to_json(self) -> dict[str, Any]:
        """For a JSON column."""
        born = self.traits.birth_date
        return {
            "identifiers": [list(identifier) for identifier in self.identifiers],
            "traits": asdict(self.traits) | {"birth_date": born.isoformat() if born else None},
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Person:
        """Read it back."""
        traits = dict(kept["traits"])
        traits["birth_date"] = date.fromisoformat(traits["birth_date"]) if traits["birth_date"] else None
        traits["former_families"] = tuple(traits.get("former_families", ()))
        return cls(tuple((value, authority, kind) for value, authority, kind in kept["identifiers"]), Traits(**traits))


def find_subject(group: Group, request: Request) -> Subject:
    """The order, procedure and case of one OBR: by OBX 113014, else OBR-18, else filler, else placer number."""
    uid = next((obx.text(5) for obx in request.observations if obx.text(3) in STUDY_UID_CODES), "")
    accession = _accession(group, request)
    item, order = _item(accession, uid), None
    procedure = item.procedure if item else None
    if procedure is None and uid:
        either = Q(study_uid=uid) | Q(performed_study_uid=uid)
        procedure = RequestedProcedure.objects.select_related("order__patient").filter(either).order_by("pk").first()
    if procedure is not None:
        order = procedure.order
    elif accession:
        order = Order.objects.select_related("patient").filter(accession=accession).first()
        only = list(order.procedures.all()[:2]) if order else []
        procedure = only[0] if len(only) == 1 else None
    return Subject(accession, uid, order, procedure, item)


def _accession(group: Group, request: Request) -> str:
    obr = request.obr
    accession = obr.text(18)[:16] if obr else ""
    if accession or obr is None:
        return accession
    filler = obr.text(3) or (group.orc.text(3) if group.orc else "")
    placer = obr.text(2) or (group.orc.text(2) if group.orc else "")
    known = Q(pk=None)
    if filler:
        known |= Q(filler_number=filler) | Q(sender_filler_number=filler) | Q(accession=filler[:16])
    if placer:
        known |= Q(placer_number=placer)
    return Order.objects.filter(known).values_list("accession", flat=True).first() or filler[:16]


def _item(accession: str, uid: str) -> ReadingItem | None:
    """The case of that Study UID; else the first of that accession number."""
    items = ReadingItem.objects.select_related("procedure__order__patient")
    if uid:
        item = items.filter(Q(procedure__study_uid=uid) | Q(procedure__performed_study_uid=uid)).first()
        if item is not None or RequestedProcedure.objects.filter(study_uid=uid).exists():
            return item
    return items.filter(accession=accession).order_by("pk").first() if accession else None


def person_of(incoming: Incoming) -> Person | None:
    """Who PID says it is. None where there is no PID."""
    pid = incoming.message.first("PID")
    if pid is None:
        return None
    intent = patient_intent(pid, incoming)
    born = intent.birth_date if isinstance(intent.birth_date, date) else None
    traits = Traits(
        family=intent.family_name or "", given=intent.given_name or "", ideographic=intent.ideographic_name or "",
        birth_date=born, sex=intent.sex or "",
    )  # fmt: skip
    return Person(intent.identifiers, traits)


def is_patient(person: Person, patient: Patient) -> bool:
    """Whether ``person`` is this patient: no number is another patient's, and name and birth date do not contradict.

    Where none of the numbers is known here, name and birth date have to be given and must be the same.
    """
    alive = survivor(patient)
    owners = {owner.pk for identifier in person.identifiers if (owner := find_patient([identifier]))}
    if owners - {alive.pk}:
        return False
    fit = compare(traits_of(alive), person.traits)
    if owners:
        return fit.verdict is not Verdict.ANOTHER
    return fit.verdict is Verdict.SAME and fit.name in (Fit.EQUAL, Fit.NEAR) and fit.birth_date is Fit.EQUAL


def traits_of(patient: Patient) -> Traits:
    """What is known of a patient."""
    return Traits(
        family=patient.family_name, given=patient.given_name, ideographic=patient.ideographic_name,
        birth_date=patient.birth_date, sex=patient.sex,
    )  # fmt: skip


def check_patient(person: Person | None, patient: Patient, incoming: Incoming, *, needed: bool) -> None:
    """Raise Conflict where PID is of another patient; Invalid where there is none and ``needed``."""
    if person is None:
        if needed:
            raise Invalid("A report needs PID: it must fit the patient of the exam.", at="PID", code="100")
        incoming.warn("There is no PID; whose result it is was taken from the exam alone.")
        return
    if not is_patient(person, patient):
        raise Conflict(OTHER_PATIENT, at="PID-3", code="204")
    if compare(traits_of(survivor(patient)), person.traits).differing:
        incoming.warn("PID differs from what is known of the patient; the number counts.")
