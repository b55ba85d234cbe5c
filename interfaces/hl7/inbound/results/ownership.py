"""Whose a result is: the order and case that it names, and whether PID is of the same patient.

A number alone does not say who is meant (``ris.patients.matching``). What PID contradicts is held or applied, as the
site's policy says, and a person is asked.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any

from django.db.models import Q

from ris.catalog.models import Site
from ris.kernel.errors import Conflict, Invalid
from ris.orders.models import Order, RequestedProcedure
from ris.orders.services.placement import accession_within
from ris.patients.matching import Comparison, Fit, Traits, Verdict, compare
from ris.patients.models import Patient
from ris.patients.selectors import find_patient, survivor
from ris.patients.services import (
    IdentityDoubt,
    IdentityPolicy,
    ask_identity,
    check_identity,
    is_decided_same,
    traits_known,
    traits_said,
)
from worklist.models import ReadingItem

from ..context import Incoming
from ..orders.groups import Group, Request
from ..orders.procedure_segments import STUDY_UID_CODES
from ..patients import Identifiers, patient_intent

OTHER_PATIENT = "PID names another patient than the exam; nothing was attached."
MOST_NUMBER = 64
"""Characters of a filler number (``Order.sender_filler_number``); a longer one is no order's."""
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
    """The accession number of OBR-18; else of the order that has the filler or placer number; else the filler number as
    it came. What is too long for an accession number is a filler number."""
    obr = request.obr
    accession = obr.text(18) if obr else ""
    if (accession and accession_within(accession)) or obr is None:
        return accession
    fillers = [number for number in (accession, obr.text(3) or (group.orc.text(3) if group.orc else "")) if number]
    placer = obr.text(2) or (group.orc.text(2) if group.orc else "")
    known = Q(filler_number__in=fillers) | Q(sender_filler_number__in=fillers) | Q(accession__in=fillers)
    if placer:
        known |= Q(placer_number=placer)
    return Order.objects.filter(known).values_list("accession", flat=True).first() or next(
        (number for number in fillers if len(number) <= MOST_NUMBER), ""
    )


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
    return Person(intent.identifiers, traits_said(intent))


def find_person_doubt(person: Person, patient: Patient, site: Site) -> Comparison | None:
    """What is in doubt about ``person`` being this patient, and is applied all the same by the policy of the exam's
    site; None when nothing is.

    Raises Conflict where one of the numbers is another patient's; IdentityDoubt where the policy holds it. Where none
    of the numbers is known here, name and birth date have to be given and must be the same: else it is always held.
    """
    alive = survivor(patient)
    owners = {owner.pk for identifier in person.identifiers if (owner := find_patient([identifier]))}
    if owners - {alive.pk}:
        raise Conflict(OTHER_PATIENT, at="PID-3", code="204")
    if owners:
        return check_identity(alive, person.traits, IdentityPolicy.of(site))
    fit = compare(traits_known(alive), person.traits)
    is_named = fit.name in (Fit.EQUAL, Fit.NEAR) and fit.birth_date is Fit.EQUAL
    if (fit.verdict is Verdict.SAME and is_named) or is_decided_same(alive, person.traits):
        return None
    verdict = Verdict.UNSURE if fit.verdict is Verdict.SAME else fit.verdict
    raise IdentityDoubt(alive, person.traits, replace(fit, verdict=verdict))


def check_patient(person: Person | None, order: Order, incoming: Incoming, *, needed: bool) -> None:
    """Ask a person, and go on, where it is not sure that PID is of the order's patient and the site applies such.

    Raises Conflict where it is another's, or is held; Invalid where there is no PID and it is ``needed``.
    """
    if person is None:
        if needed:
            raise Invalid("A report needs PID: it must fit the patient of the exam.", at="PID", code="100")
        incoming.warn("There is no PID; whose result it is was taken from the exam alone.")
        return
    in_doubt = settle_person(person, order, source=incoming.peer.name, message_id=incoming.message_id, at=incoming.at)
    if in_doubt or compare(traits_known(survivor(order.patient)), person.traits).differing:
        incoming.warn("PID differs from what is known of the patient; the number counts.")


def settle_person(person: Person, order: Order, *, source: str, message_id: int | None, at: datetime) -> bool:
    """Ask a person where a doubt is applied by the policy of the order's site; whether there was one.

    Refusals as :func:`find_person_doubt`.
    """
    doubt = find_person_doubt(person, order.patient, order.site)
    if doubt is None:
        return False
    patient = survivor(order.patient)
    ask_identity(patient.pk, person.traits, doubt, source=source, message_id=message_id, held=False, at=at)
    return True
