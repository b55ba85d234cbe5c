"""The visit as a message tells of it: PV1, PV2 and the event → an intent."""

from __future__ import annotations

from typing import Any

from ris.patients.intents import VisitIntent
from ris.patients.models import Patient, Visit
from ris.patients.services import record_visit

from ..v2.datatypes import parse_day
from ..v2.parser import Segment
from .context import Incoming
from .patients import clip, identifiers, person_name

STATES = {
    "A01": "admitted", "A04": "outpatient", "A05": "expected", "A06": "admitted", "A07": "outpatient",
    "A03": "discharged", "A11": "cancelled", "A14": "expected", "A27": "cancelled", "A38": "cancelled",
}  # fmt: skip
"""Event → what the visit is from then on. A13 (discharge cancelled) goes by the class: see ``_state``."""
PENDING = {"A16": True, "A25": False, "A03": False, "A11": False}
"""Event → whether a discharge is pending from then on."""
OUTPATIENT_CLASSES = frozenset({"O", "E", "R"})


def _state(incoming: Incoming) -> dict[str, Any]:
    """What the event says of the visit's state, and when it happened: EVN-6, else when it was said."""
    event, pv1 = incoming.header.event, incoming.message.first("PV1")
    if incoming.header.kind != "ADT":
        return {}
    fields: dict[str, Any] = {"state": STATES.get(event), "discharge_pending": PENDING.get(event)}
    if event == "A13":
        back = pv1 is not None and patient_class(pv1).upper() in OUTPATIENT_CLASSES
        fields["state"] = "outpatient" if back else "admitted"
    if fields["discharge_pending"] is None and _leaves_today(incoming):
        fields["discharge_pending"] = True
    evn = incoming.message.first("EVN")
    happened = incoming.moment(evn, 6) if evn else None
    return fields | ({"state_at": happened} if happened else {})


def _leaves_today(incoming: Incoming) -> bool:
    """PV2-9, the expected discharge, is the day of the message or before."""
    leaves = parse_day(incoming.message.get("PV2", 9))
    return leaves is not None and leaves <= incoming.message_at.astimezone(incoming.zone).date()


def visit_of(incoming: Incoming, patient: Patient) -> Visit | None:
    """The visit that PV1-19, else PID-18, numbers; None when neither does."""
    intent = visit_intent(incoming)
    if intent is None:
        return None
    return record_visit(patient.pk, intent, actor=incoming.actor, at=incoming.at)


def visit_intent(incoming: Incoming) -> VisitIntent | None:
    """PV1, PV2 and the event. A field that is empty was not said."""
    pid, pv1 = incoming.message.first("PID"), incoming.message.first("PV1")
    ids = identifiers(pv1, 19, incoming) if pv1 else ()
    ids = ids or (identifiers(pid, 18, incoming) if pid else ())
    if not ids:
        return None
    number, authority, _ = ids[0]
    given = pv1.given() if pv1 else set()
    return VisitIntent(
        number=number,
        authority=authority,
        site_id=incoming.site.pk,
        patient_class=patient_class(pv1) if pv1 and 2 in given else None,
        location=_location(pv1, incoming) if pv1 and 3 in given else None,
        attending=person_name(pv1, 7, 2) if pv1 and 7 in given else None,
        referring=person_name(pv1, 8, 2) if pv1 and 8 in given else None,
        pregnant=is_pregnant(pv1) if pv1 and 15 in given else None,
        **_state(incoming),
        message_at=incoming.message_at,
        message_id=incoming.header.control_id,
    )


def _location(pv1: Segment, incoming: Incoming) -> str:
    whole = "-".join(filter(None, pv1.components(3, 3)))
    return clip(incoming.mapping.meaning("location", whole), 120, "PV1-3", incoming)


_CLASSES = {
    "INPATIENT": "I", "IP": "I", "OUTPATIENT": "O", "OP": "O", "EMERGENCY": "E", "ER": "E", "ED": "E",
    "PREADMIT": "P", "RECURRING": "R", "OBSTETRICS": "B",
}  # fmt: skip
"""PV1-2 as a word, as some senders write it → table 0004."""


def patient_class(pv1: Segment) -> str:
    """PV1-2 (table 0004), at most four characters."""
    text = pv1.text(2)
    return _CLASSES.get(text.upper(), text[:4])


def is_pregnant(pv1: Segment) -> bool:
    """Whether PV1-15, ambulatory status (table 0009), says B6: pregnant."""
    return any(repeat.text(1).upper() == "B6" for repeat in pv1.repeats(15))
