"""ORM^O01, OMG^O19, OMI^O23: orders in, by control code (HL7 table 0119) and status (table 0038)."""

from __future__ import annotations

from ris.kernel.errors import Invalid
from ris.patients.models import Patient, Visit

from ..context import Incoming
from ..patients import resolve
from ..visits import visit_of
from . import projection
from .groups import Group, groups
from .history import speak, take_number, trail_of
from .projection import Words
from .segments import accession_of, order_words, procedure_words, said

NUMBER, NOTHING = "number", "nothing"
CONTROL = {
    "NW": projection.NEW, "RO": projection.NEW, "SN": projection.NEW, "CH": projection.NEW, "PA": NOTHING, "RF": "",
    "XO": projection.CHANGE, "XX": projection.CHANGE, "RU": projection.CHANGE,
    "CA": projection.CANCEL, "DC": projection.CANCEL, "OC": projection.CANCEL, "OD": projection.CANCEL,
    "RP": projection.CANCEL,
    "HD": projection.HOLD, "OH": projection.HOLD,
    "RL": projection.RELEASE, "OE": projection.RELEASE,
    "SC": projection.STATUS, "NA": NUMBER,
}  # fmt: skip
"""ORC-1 → what is done. Empty: known, and refused by name."""
PARENT = "A parent order (PA) asks for nothing itself; its children (CH) are orders of their own."
REFUSED = {"RF": "RF refills a prescription, which no imaging order is; send NW for another exam."}

STATUS = {"IP": projection.STARTED, "CM": projection.COMPLETED}
STATUS_CANCELS = frozenset({"CA", "DC"})
STATUS_HOLDS = {"HD": projection.HOLD, "RL": projection.RELEASE}
STATUS_SAYS_NOTHING = frozenset({"", "SC", "A", "ER", "RP"})
"""ORC-5 values that ask for nothing to be done here."""


def take_orders(incoming: Incoming) -> str:
    """Apply every order group of a message; return why it was ignored, empty when it was applied."""
    found = groups(incoming.message)
    if not found:
        raise Invalid("An order message needs ORC or OBR.", at="ORC", code="100")
    patient = resolve(incoming, authoritative=False)
    visit = visit_of(incoming, patient)
    nothing = [reason for group in _merged(found, incoming) if (reason := _take(group, incoming, patient, visit))]
    if not incoming.accession and any(group.orc and group.orc.text(1).upper() == "SN" for group in found):
        raise Invalid("SN asks for the number of an order not known here; say what is ordered.", at="OBR-4", code="101")
    if incoming.effects:
        return ""
    return nothing[0] if nothing else "It says nothing new."


def _take(utterance: Words, incoming: Incoming, patient: Patient, visit: Visit | None) -> str:
    if utterance["verb"] == NOTHING:
        return PARENT
    if not utterance["verb"]:
        return f"The status {utterance['status']} asks for nothing to be done here."
    keys = utterance.pop("keys")
    if utterance["verb"] == NUMBER:
        return take_number(incoming, filler=keys["filler"], placer=keys["placer"], authority=keys["authority"])
    trail = trail_of(incoming, **keys)
    incoming.placer_number = incoming.placer_number or keys["placer"]
    speak(trail, utterance, patient=patient, visit=visit, incoming=incoming)
    return ""


def _merged(found: list[Group], incoming: Incoming) -> list[Words]:
    """An utterance per order and verb: groups of one placer number are one order with several procedures."""
    merged: dict[tuple[str, ...], Words] = {}
    replaced = {group.orc.text(2) for group in found if group.orc and group.orc.text(1).upper() == "RO"}
    for group in found:
        if group.orc and group.orc.text(1).upper() == "RP" and group.orc.text(2) in replaced:
            continue  # replaced under its own number: RO says all
        utterance = _utterance(group, incoming)
        keys = utterance["keys"]
        key = (utterance["verb"], keys["authority"], keys["placer"] or keys["filler"] or keys["accession"])
        standing = merged.setdefault(key, utterance)
        if standing is not utterance:
            _join(standing, utterance)
    return list(merged.values())


def _join(standing: Words, more: Words) -> None:
    """Fold a further group of the same order into what the first ones said."""
    for name in ("reason", "clinical_info", "comments"):
        texts = [words["order"].get(name, "") for words in (standing, more)]
        standing["order"] |= said(**{name: "\n".join(dict.fromkeys(text for text in texts if text))})
    standing["order"] = more["order"] | standing["order"]
    for procedure in more["procedures"]:
        same = next(
            (p for p in standing["procedures"] if p.get("number") and p["number"] == procedure.get("number")), None
        )
        if same is None:
            standing["procedures"].append(procedure)
        else:
            same["steps"] += procedure["steps"]


def _utterance(group: Group, incoming: Incoming) -> Words:
    obr = next((r.obr for r in group.requests if r.obr), None)
    orc = group.orc
    if orc is None:
        incoming.warn("ORC is missing; taken as a new order.")
    verb, progress = _verb(group, incoming)
    numbers = next((s for s in (orc, obr) if s is not None and s.text(2)), None)
    filler = next((s.text(3) for s in (orc, obr) if s is not None and s.text(3)), "")
    accession = accession_of(group, incoming)
    words = order_words(group, incoming) | said(accession=accession)
    placer = numbers.text(2) if numbers else ""
    if len(placer) > 64:
        raise Invalid("A placer order number has at most 64 characters here.", at="ORC-2", code="data-type")
    return {
        "rank": list(incoming.rank),
        "verb": verb,
        "placer": placer,
        "status": orc.text(5).upper() if orc else "",
        "progress": progress,
        "reason": orc.whole(16)[:250] if orc and verb in (projection.CANCEL, projection.HOLD) else "",
        "order": words if verb in projection.TELLS_CONTENT else {},
        "procedures": [p for r in group.requests for p in procedure_words(group, r, incoming)],
        "full": incoming.peer.full_picture and verb == projection.CHANGE,
        "keys": {
            "authority": (numbers.text(2, 2)[:64] if numbers else "") or incoming.peer.name,
            "placer": placer,
            "filler": filler[:64],
            "accession": accession,
        },
    }


def _verb(group: Group, incoming: Incoming) -> tuple[str, str]:
    """(what is done, how far the exam is) from ORC-1 and ORC-5."""
    if group.orc is None:
        return projection.NEW, ""
    control, status = group.orc.text(1).upper(), group.orc.text(5).upper()
    place = group.orc.place(1)
    if not control:
        raise Invalid("The order control code is missing.", at=place, code="required")
    if control not in CONTROL:
        raise Invalid(f"The order control code {control[:8]} is not known here.", at=place, code="table-value")
    verb = CONTROL[control]
    if not verb:
        raise Invalid(REFUSED[control], at=place, code="table-value")
    if verb in (projection.STATUS, projection.CHANGE):
        return _by_status(verb, status, group, incoming)
    return verb, ""


def _by_status(verb: str, status: str, group: Group, incoming: Incoming) -> tuple[str, str]:
    if status in STATUS_CANCELS:
        return projection.CANCEL, ""
    if status in STATUS_HOLDS:
        return STATUS_HOLDS[status], ""
    if status in STATUS:
        return verb, STATUS[status]
    if status not in STATUS_SAYS_NOTHING:
        place = group.orc.place(5) if group.orc else "ORC-5"
        raise Invalid("The order status is not one of table 0038.", at=place, code="table-value")
    return (verb, "") if verb == projection.CHANGE else ("", "")
