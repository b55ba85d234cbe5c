"""Orders and patients from FHIR: ServiceRequest and Patient as intents, each one service call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ris.audit.services import Actor
from ris.catalog.models import Site
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.orders.intents import Code, Entity, OrderIntent, ProcedureIntent, StepIntent
from ris.orders.models import RequestedProcedure
from ris.orders.selectors import orders_for
from ris.orders.services import place_order
from ris.patients.intents import PatientIntent
from ris.patients.models import Patient, Visit
from ris.patients.selectors import find_patient, refuse_closed, visible_patients
from ris.patients.services import resolve_patient
from ris.people.models import ApiToken, User
from ris.people.roles import Can
from ris.people.selectors import require, sites_for

from ..resources.orders import PRIORITIES
from ..resources.patient import GENDERS
from .body import Element, authority_name, identifier_kind

OWN_PRIORITIES = {code: own for own, code in PRIORITIES.items()}
SEXES = {code: sex for sex, code in GENDERS.items()}
SIDES = {"7771000": "L", "24028007": "R", "51440002": "B"}


@dataclass(frozen=True)
class Caller:
    """Who writes, and when. ``patients``: full URL in a Bundle → the id of the patient it became. ``token``: theirs."""

    user: User
    actor: Actor
    at: datetime
    patients: dict[str, int]
    token: ApiToken | None = None


def create_patient(resource: Element, caller: Caller) -> tuple[Patient, bool]:
    """Find the patient who has one of the identifiers, or register one; whether they are new.

    Needs ``place_orders``. What an EMR's ADT said of a known patient stands before what is said here.
    """
    require(caller.user, Can.PLACE_ORDERS)
    intent = read_patient(resource, caller)
    known = find_patient(intent.identifiers)
    refuse_closed(caller.user, intent.identifiers)
    patient = resolve_patient(intent, actor=caller.actor, at=caller.at, authoritative=False)
    return patient, known is None


def read_patient(resource: Element, caller: Caller) -> PatientIntent:
    """What a Patient says. Raises Invalid without an identifier that has a system and a value."""
    identifiers = []
    for identifier in resource.each("identifier"):
        value = identifier.get("value").required("Give the number itself.").text(most=64)
        system = identifier.get("system").required("Say who issued the number: its system.").text(most=200)
        identifiers.append((value, authority_name(system)[:64], identifier_kind(identifier) or "MR"))
    if not identifiers:
        resource.get("identifier").refuse("A patient needs an identifier with system and value.")
    names = sorted(resource.each("name"), key=lambda name: name.get("use").text() != "official")
    name = names[0] if names else Element(None, f"{resource.path}.name")
    given = [one.text(most=120) for one in name.each("given")]
    gender = resource.get("gender").text()
    if gender and gender not in SEXES:
        resource.get("gender").refuse(f"One of {', '.join(SEXES)}.")
    phones = [one.get("value").text(most=64) for one in resource.each("telecom") if one.get("system").text() == "phone"]
    return PatientIntent(
        identifiers=tuple(identifiers),
        family_name=name.get("family").text(most=194) or None,
        given_name=given[0] if given else None,
        middle_name=" ".join(given[1:]) or None,
        prefix=" ".join(one.text() for one in name.each("prefix")) or None,
        suffix=" ".join(one.text() for one in name.each("suffix")) or None,
        birth_date=resource.get("birthDate").day(),
        sex=SEXES[gender] if gender else None,
        phone=phones[0] if phones else None,
        message_at=caller.at,
    )


def create_order(resource: Element, caller: Caller, *, if_none_exist: bool = False) -> tuple[RequestedProcedure, bool]:
    """Place an order of one procedure; whether it is new.

    Needs ``place_orders`` at the site. With ``if_none_exist`` the order of the placer number is returned where there
    is one, also for the one of two who race that loses. Refusals as ``place_order``.
    """
    require(caller.user, Can.PLACE_ORDERS)
    intent = read_order(resource, caller)
    require(caller.user, Can.PLACE_ORDERS, intent.site_id)
    if if_none_exist and not intent.placer_number:
        resource.get("identifier").refuse("If-None-Exist needs the placer's number: an identifier of type PLAC.")
    try:
        order = place_order(intent, actor=caller.actor, at=caller.at)
    except Conflict as conflict:
        if not if_none_exist or conflict.code != "duplicate":
            raise
        return _existing(intent, caller), False
    return order.procedures.get(), True


def _existing(intent: OrderIntent, caller: Caller) -> RequestedProcedure:
    """The first procedure of the order that has the placer number, if the caller may see it."""
    orders = orders_for(caller.user).filter(
        placer_number=intent.placer_number, placer_authority=intent.placer_authority
    )
    rows = RequestedProcedure.objects.filter(order__in=orders.order_by().values("pk"))
    row = rows.order_by("-order__placer_generation", "pk").first()
    if row is None:
        raise Conflict("This placer order number was used before.", at="ServiceRequest.identifier", code="duplicate")
    return row


def read_order(resource: Element, caller: Caller) -> OrderIntent:
    """What a ServiceRequest says, as an order of one procedure."""
    _check_status(resource)
    numbers = {identifier_kind(one): one for one in resource.each("identifier")}
    placer = numbers.get("PLAC")
    patient_id = _patient_id(resource.get("subject").required("Say of whom: a reference to a Patient."), caller)
    requester = resource.get("requester")
    reasons = [code for reason in resource.each("reasonCode") for code in reason.codings()]
    priority = resource.get("priority").text()
    if priority and priority not in OWN_PRIORITIES:
        resource.get("priority").refuse(f"One of {', '.join(OWN_PRIORITIES)}.")
    return OrderIntent(
        site_id=_site_id(resource, caller),
        patient_id=patient_id,
        source=caller.user.username[:64],
        procedures=(_procedure(resource),),
        visit_id=_visit_id(resource.get("encounter"), patient_id, caller),
        accession=numbers["ACSN"].get("value").text(most=16) if "ACSN" in numbers else "",
        placer_number=placer.get("value").text(most=64) if placer else "",
        placer_authority=_authority(placer, caller) if placer else "",
        placer_entity=Entity(placer.get("value").text(), _authority(placer, caller)) if placer else None,
        priority=OWN_PRIORITIES.get(priority, ""),
        ordering_provider=_provider(requester),
        ordering_provider_id=requester.get("identifier").get("value").text(most=32),
        ordering_provider_authority=authority_name(requester.get("identifier").get("system").text())[:64],
        reason="; ".join(filter(None, (reason.words() for reason in resource.each("reasonCode")))),
        reason_codes=tuple(reasons),
        comments="\n".join(filter(None, (note.get("text").text() for note in resource.each("note")))),
        placed_at=resource.get("authoredOn").moment(),
    )


def _check_status(resource: Element) -> None:
    if resource.get("status").required("Say status active.").text() != "active":
        resource.get("status").refuse("Only an active request is placed as an order.")
    if resource.get("intent").required("Say intent order.").text() not in ("order", "original-order", "filler-order"):
        resource.get("intent").refuse("Only an order is taken: intent order.")


def _authority(placer: Element, caller: Caller) -> str:
    """Whose number it is; that of the caller where no system is said."""
    return (authority_name(placer.get("system").text()) or caller.user.username)[:64]


def _provider(requester: Element) -> str:
    """``FAMILY^GIVEN`` of a display such as ``Rita Zzdoc`` or ``Zzdoc, Rita``."""
    text = requester.get("display").text(most=190)
    if "," in text:
        family, _, given = text.partition(",")
    else:
        given, _, family = text.rpartition(" ")
    return "^".join(filter(None, [family.strip(), given.strip()]))


def _procedure(resource: Element) -> ProcedureIntent:
    code = resource.get("code").required("Say what is ordered: code.")
    codes = code.codings()
    if not codes:
        code.refuse("Give a coding with a code of the catalog, CPT, LOINC or RadLex.")
    sides = [SIDES[one.value] for place in resource.each("bodySite") for one in place.codings() if one.value in SIDES]
    start = resource.get("occurrenceDateTime").moment()
    steps = (StepIntent(start=start),) if start else ()
    named = Code(codes[0].value, codes[0].text or code.words(), codes[0].system)
    return ProcedureIntent(code=named, alternates=tuple(codes[1:]), laterality=sides[0] if sides else "", steps=steps)


def _patient_id(subject: Element, caller: Caller) -> int:
    """The patient whom a reference or an identifier names, whom the caller may see. Raises NotFound."""
    text = subject.get("reference").text()
    if text in caller.patients:
        return caller.patients[text]
    pk = subject.reference("Patient")
    patients = visible_patients(caller.user)
    if pk is None:
        identifier = subject.get("identifier").required("Name the patient: a reference, or an identifier.")
        value, system = identifier.get("value").text(most=64), identifier.get("system").text()
        found = find_patient([(value, authority_name(system), identifier_kind(identifier) or "MR")])
        pk = found.pk if found else 0
    if not patients.filter(pk=pk).exists():
        raise NotFound("There is no such patient at your sites.", at=subject.path)
    return pk


def _site_id(resource: Element, caller: Caller) -> int:
    """The Organization that is to perform it; the caller's only site where none is named."""
    for performer in resource.each("performer"):
        if pk := performer.reference("Organization", "Location"):
            return pk
    sites: list[Any] = list(sites_for(caller.user, Can.PLACE_ORDERS).values_list("pk", flat=True)[:2])
    if len(sites) != 1:
        raise Invalid("Say where it is done: performer, a reference to an Organization.", at="ServiceRequest.performer")
    return int(sites[0])


def _visit_id(encounter: Element, patient_id: int, caller: Caller) -> int | None:
    pk = encounter.reference("Encounter")
    if pk is None:
        return None
    sites = Site.objects.filter(pk__in=sites_for(caller.user, Can.PLACE_ORDERS).values("pk"))
    if not Visit.objects.filter(pk=pk, patient=patient_id, site__in=sites).exists():
        raise NotFound("There is no such visit of this patient.", at=encounter.path)
    return pk
