"""ORM^O01, OMG^O19, OMI^O23: orders in, by control code (HL7 table 0119) and status (table 0038)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ris.catalog.models import Device
from ris.kernel.errors import Invalid, NotFound
from ris.orders.models import Order
from ris.orders.services import number_order
from ris.patients.models import Patient, Visit

from ...v2.parser import Segment
from ..context import Incoming
from ..patients import resolve
from ..results.texts import DOCUMENT_TYPES, keep_attachments
from ..visits import visit_of
from .groups import Group, cut_groups, other_department
from .history import add_to_history, patient_of, trail_of
from .keys import OrderKeys
from .order_segments import join_once, read_content
from .procedure_segments import join_procedures, named_titles, read_procedures
from .statements import (
    CANCEL,
    CHANGE,
    COMPLETED,
    HOLD,
    NEW,
    RELEASE,
    STARTED,
    STATUS,
    TELLS_CONTENT,
    Content,
    Statement,
    overlay,
)

NUMBER, NOTHING = "number", "nothing"
CONTROL = {
    "NW": NEW, "RO": NEW, "SN": NEW, "CH": NEW, "PA": NOTHING, "RF": "",
    "XO": CHANGE, "XX": CHANGE, "RU": CHANGE,
    "CA": CANCEL, "DC": CANCEL, "OC": CANCEL, "OD": CANCEL, "RP": CANCEL,
    "HD": HOLD, "OH": HOLD,
    "RL": RELEASE, "OE": RELEASE,
    "SC": STATUS, "NA": NUMBER,
}  # fmt: skip
"""ORC-1 → what is done. Empty: known, and refused by name."""
PARENT = "A parent order (PA) asks for nothing itself; its children (CH) are orders of their own."
REFUSED = {"RF": "RF refills a prescription, which no imaging order is; send NW for another exam."}

STATUS_PROGRESS = {"IP": STARTED, "CM": COMPLETED}
STATUS_CANCELS = frozenset({"CA", "DC"})
STATUS_HOLDS = {"HD": HOLD, "RL": RELEASE}
STATUS_SAYS_NOTHING = frozenset({"", "SC", "A", "ER", "RP"})
"""ORC-5 values that ask for nothing to be done here."""
MOST_NUMBER = 64
"""Characters of a placer number, as the column has them; HL7 allows 22 up to 2.4, 199 since."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A statement and the order that it is about."""

    keys: OrderKeys
    statement: Statement


def apply_orders(incoming: Incoming) -> str:
    """Apply every order group of a message; return why it was ignored, empty when it was applied."""
    groups = cut_groups(incoming.message)
    if not groups:
        raise Invalid("An order message needs ORC or OBR.", at="ORC", code="100")
    _check_number(groups, incoming)
    patient = None
    if incoming.message.first("PID") is None:
        patient = patient_of(incoming, [u.keys for u in _utterances(groups, incoming, with_visit=False)])
    groups, others = _imaging_orders(groups, incoming)
    if not groups:
        return others
    patient = patient or resolve(incoming, authoritative=False)
    visit = visit_of(incoming, patient)
    nothing = [
        reason
        for utterance in _utterances(groups, incoming, with_visit=visit is not None)
        if (reason := _apply(utterance, incoming, patient, visit))
    ]
    if any(
        obx.text(2) in DOCUMENT_TYPES for group in groups for request in group.requests for obx in request.observations
    ):
        keep_attachments(groups, patient, incoming)
    if not incoming.accession and any(group.orc and group.orc.text(1).upper() == "SN" for group in groups):
        raise Invalid("SN asks for the number of an order not known here; say what is ordered.", at="OBR-4", code="101")
    if incoming.effects:
        return ""
    return nothing[0] if nothing else "It says nothing new."


def _check_number(groups: list[Group], incoming: Incoming) -> None:
    """Raise Invalid for a message of more orders than the sender may send at once: they hold up everybody else."""
    count, most = sum(max(len(group.requests), 1) for group in groups), incoming.peer.most_orders
    if count > most:
        cure = "Split it, or raise the limit in the settings of this sender."
        raise Invalid(f"The message holds {count:,} orders; at most {most:,} are taken at once. {cure}", at="ORC")


def _imaging_orders(groups: list[Group], incoming: Incoming) -> tuple[list[Group], str]:
    """The orders that are for imaging, and why the others are ignored. Raises Invalid where these are to be refused."""
    policy = incoming.peer.other_orders
    if policy == "take":
        return groups, ""
    named = {id(group): other_department(group, incoming.mapping.values("modality")) for group in groups}
    others = list(dict.fromkeys(filter(None, named.values())))
    if others and policy == "refuse":
        raise Invalid(f"{others[0]} is not an imaging order; send it elsewhere.", at="ORC", code="table-value")
    for other in others:
        incoming.warn(f"{other}; ignored, it is not an imaging order.")
    reason = f"{'; '.join(others)}; not an imaging order." if others else ""
    return [group for group in groups if not named[id(group)]], reason


def _apply(utterance: Utterance, incoming: Incoming, patient: Patient, visit: Visit | None) -> str:
    keys, statement = utterance.keys, utterance.statement
    if statement.verb == NOTHING:
        return PARENT
    if not statement.verb:
        return f"The status {statement.status} asks for nothing to be done here."
    if statement.verb == NUMBER:
        return _take_number(incoming, keys)
    trail = trail_of(incoming, keys)
    incoming.placer_number = incoming.placer_number or keys.placer
    add_to_history(trail, statement, patient=patient, visit=visit, incoming=incoming)
    return ""


def _take_number(incoming: Incoming, keys: OrderKeys) -> str:
    """NA: the placer has given its number to an order that began here. Return why nothing changed, if nothing did.

    Raises NotFound.
    """
    order = Order.objects.filter(filler_number=keys.filler).order_by("pk").first() if keys.filler else None
    if order is None:
        raise NotFound("No order here has this filler number.", at="ORC-3")
    if order.placer_number:
        return "This order has a placer number already."
    number_order(
        order.pk, placer_number=keys.placer, placer_authority=keys.authority, actor=incoming.actor, at=incoming.at
    )
    incoming.accession = order.accession
    incoming.did("numbered", order)
    return ""


def _utterances(groups: list[Group], incoming: Incoming, *, with_visit: bool) -> list[Utterance]:
    """An utterance per order and verb: groups of one placer number are one order with several procedures."""
    joined: dict[tuple[str, ...], Utterance] = {}
    controls = [group.orc.values(1, 2) if group.orc else ["", ""] for group in groups]
    replaced = {placer for control, placer in controls if control.upper() == "RO"}
    named = set().union(*map(named_titles, groups))
    titles = frozenset(Device.objects.filter(ae_title__in=named).values_list("ae_title", flat=True) if named else ())
    for group, (control, placer) in zip(groups, controls, strict=True):
        if control.upper() == "RP" and placer in replaced:
            continue  # replaced under its own number: RO says all
        utterance = _read(group, incoming, titles, with_visit=with_visit)
        key = (utterance.statement.verb, *utterance.keys.name)
        standing = joined.get(key)
        joined[key] = _join(standing, utterance) if standing else utterance
    return [
        Utterance(u.keys, replace(u.statement, procedures=join_procedures(list(u.statement.procedures))))
        for u in joined.values()
    ]


def _join(standing: Utterance, more: Utterance) -> Utterance:
    """Add a further group of the same order to what the first ones said: texts and lists add up, else the first counts.

    Its procedures are its own: none is merged with another here.
    """
    first, second = standing.statement, more.statement
    former, added = first.content, second.content
    content = replace(
        overlay(added, former),
        reason=join_once([former.reason, added.reason]),
        clinical_info=join_once([former.clinical_info, added.clinical_info]),
        comments=join_once([former.comments, added.comments]),
        reason_codes=tuple(dict.fromkeys(former.reason_codes + added.reason_codes)),
        diagnoses=tuple(dict.fromkeys(former.diagnoses + added.diagnoses)),
        observations=tuple(dict.fromkeys(former.observations + added.observations)),
        copies_to=tuple(dict.fromkeys(former.copies_to + added.copies_to)),
    )
    return Utterance(standing.keys, replace(first, content=content, procedures=first.procedures + second.procedures))


def _read(group: Group, incoming: Incoming, titles: frozenset[str], *, with_visit: bool) -> Utterance:
    obr, orc = group.obr, group.orc
    if orc is None:
        incoming.warn("ORC is missing; taken as a new order.")
    control, status = (text.upper() for text in orc.values(1, 5)) if orc else ("", "")
    verb, progress = _verb(orc, control, status) if orc else (NEW, "")
    entities = (segment.components(2, 3) for segment in (orc, obr) if segment is not None)
    placer, namespace, universal_id = next((entity for entity in entities if entity[0]), [""] * 3)
    if len(placer) > MOST_NUMBER:
        raise Invalid("A placer order number has at most 64 characters here.", at="ORC-2", code="data-type")
    content = read_content(group, incoming, with_visit=with_visit)
    statement = Statement(
        rank=incoming.rank,
        verb=verb,
        placer=placer,
        status=status,
        progress=progress,
        reason=orc.whole(16)[:250] if orc and verb in (CANCEL, HOLD) else "",
        content=content if verb in TELLS_CONTENT else Content(),
        procedures=tuple(read_procedures(group, incoming, titles)),
        full=incoming.peer.full_picture and verb == CHANGE,
    )
    keys = OrderKeys(
        authority=(namespace or universal_id)[:MOST_NUMBER] or incoming.peer.name,
        universal_id=universal_id,
        placer=placer,
        filler=content.sender_filler_number,
        accession=content.accession,
    )
    return Utterance(keys, statement)


def _verb(orc: Segment, control: str, status: str) -> tuple[str, str]:
    """(what is done, how far the exam is) from ORC-1 and ORC-5. Raises Invalid for a code that is not known."""
    place = orc.place(1)
    if not control:
        raise Invalid("The order control code is missing.", at=place, code="required")
    if control not in CONTROL:
        raise Invalid(f"The order control code {control[:8]} is not known here.", at=place, code="table-value")
    verb = CONTROL[control]
    if not verb:
        raise Invalid(REFUSED[control], at=place, code="table-value")
    if verb in (STATUS, CHANGE):
        return _by_status(verb, status, orc.place(5))
    return verb, ""


def _by_status(verb: str, status: str, place: str) -> tuple[str, str]:
    if status in STATUS_CANCELS:
        return CANCEL, ""
    if status in STATUS_HOLDS:
        return STATUS_HOLDS[status], ""
    if status in STATUS_PROGRESS:
        return verb, STATUS_PROGRESS[status]
    if status not in STATUS_SAYS_NOTHING:
        raise Invalid("The order status is not one of table 0038.", at=place, code="table-value")
    return (verb, "") if verb == CHANGE else ("", "")
