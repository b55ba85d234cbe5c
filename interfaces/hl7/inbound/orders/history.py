"""What was said about orders is kept (OrderTrail), and the order brought to the picture that it makes."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from interfaces.hl7.models import OrderTrail
from interfaces.hl7.translation.unknown_values import note_unknown
from ris.kernel.db.locks import lock_name
from ris.kernel.db.statements import Kept, save
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.orders import states as order_states
from ris.orders.intents import OrderIntent
from ris.orders.models import Order
from ris.orders.selectors import find_order
from ris.orders.services import number_order, place_order
from ris.orders.services.flags import UNKNOWN_PROCEDURE
from ris.orders.services.numbers import lock_placer
from ris.patients.models import Patient, Visit
from ris.patients.selectors import survivor

from ..context import Incoming
from . import projection
from .apply import bring, revise
from .intents import order_content, procedure_intent, site_id_for, study_uid
from .projection import Words

OTHER_PATIENT = "This order belongs to another patient."
"""Why a message is refused that may be right once a merge has come: it is taken again then."""


_NUMBERED = Kept(
    lambda authority, number: OrderTrail.objects.select_for_update().filter(authority=authority, number=number)
)


def trail_of(incoming: Incoming, *, authority: str, placer: str, filler: str, accession: str) -> OrderTrail:
    """The trail of the order that is meant: by placer number, by our own number, by accession; a new one if none.

    Locked until the end of the transaction. Raises Invalid when the message names no order.
    """
    if placer:
        lock_placer(authority, placer)
        return _trail(authority, placer, lambda: find_order(authority, placer))
    if not filler and not accession:
        raise Invalid("Say which order is meant: ORC-2 is empty.", at="ORC-2", code="required")
    known = Order.objects.filter(filler_number=filler) if filler else Order.objects.none()
    if accession and not known:
        known = Order.objects.filter(accession=accession)
    order = known.order_by("pk").first()
    if order and order.placer_number:
        lock_placer(order.placer_authority, order.placer_number)
        return _trail(order.placer_authority, order.placer_number, known.first)
    number = f"accession:{order.accession if order else accession}" if order or accession else f"filler:{filler}"
    lock_name(f"trail:{authority}:{number}")
    return _trail(authority, number[:64], known.first)


def _trail(authority: str, number: str, known: Callable[[], Order | None]) -> OrderTrail:
    trail = _NUMBERED.first(authority, number)
    if trail is not None and trail.order_id is not None:
        return trail
    order = known()
    if trail is None and order is not None:
        trail = OrderTrail.objects.select_for_update().filter(order=order).first()
    if trail is None:
        trail = OrderTrail(authority=authority, number=number, order=order)
    elif trail.order_id is None and order is not None:
        trail.order = order
    return trail


def take_number(incoming: Incoming, *, filler: str, placer: str, authority: str) -> str:
    """NA: the placer has given its number to an order that began here. Returns why nothing changed, if nothing did."""
    order = Order.objects.filter(filler_number=filler).order_by("pk").first() if filler else None
    if order is None:
        raise NotFound("No order here has this filler number.", at="ORC-3")
    if order.placer_number:
        return "This order has a placer number already."
    number_order(order.pk, placer_number=placer, placer_authority=authority, actor=incoming.actor, at=incoming.at)
    incoming.accession = order.accession
    incoming.did("numbered", order)
    return ""


@transaction.atomic
def speak(trail: OrderTrail, utterance: Words, *, patient: Patient, visit: Visit | None, incoming: Incoming) -> None:
    """Add one utterance to a trail and bring the order to what now holds. Refusals as the order services."""
    before = projection.fold(trail.said)
    trail.said = projection.add(trail.said, utterance)
    after = projection.fold(trail.said)
    if trail.order is None:
        _place(trail, after, patient, visit, incoming)
    else:
        _revise(trail.order, before, after, patient, visit, incoming)
    save(trail)
    if trail.order is None:
        incoming.warn("No order of this number is known yet; what was said is kept and counts when it comes.")
        incoming.did("kept", trail)
        return
    incoming.accession = trail.order.accession
    if bring(trail.order, before, after, incoming):
        incoming.unable.add(utterance["placer"])


def _place(trail: OrderTrail, picture: Words, patient: Patient, visit: Visit | None, incoming: Incoming) -> None:
    """Place the order, unless nothing has told its content yet."""
    procedures = [p for p in picture["procedures"] if p.get("code")]
    if not procedures:
        if picture["procedures"]:
            raise Invalid("Say what is ordered: OBR-4 is empty.", at="OBR-4", code="required")
        return
    words, placer = picture["order"], not trail.number.startswith(("accession:", "filler:"))
    policy = incoming.peer.uid_policy
    intent = OrderIntent(
        site_id=site_id_for(procedures, incoming),
        patient_id=patient.pk,
        visit_id=visit.pk if visit else None,
        source=incoming.peer.name,
        placer_number=trail.number if placer else "",
        placer_authority=trail.authority if placer else "",
        accession=words.get("accession", ""),
        procedures=tuple(procedure_intent(p, uid=study_uid(p, words.get("accession", ""), policy)) for p in procedures),
        **order_content(words, placed_at=True),
    )
    trail.order = place_order(intent, actor=incoming.actor, at=incoming.at)
    incoming.did("placed", trail.order)
    for flag in trail.order.flags:
        incoming.warn(f"The order is flagged: {flag}.")
    _note_unknown_codes(trail.order, incoming)


def _revise(
    order: Order, before: Words, after: Words, patient: Patient, visit: Visit | None, incoming: Incoming
) -> None:
    if survivor(order.patient) != patient:
        raise Conflict(OTHER_PATIENT, at="PID-3", code="duplicate")
    _check_fixed(order, after, incoming)
    if order.state == order_states.CANCELLED:
        if projection.difference(before, after) != ({}, []):
            incoming.warn(
                "The order is cancelled; what this message says about it counts if it is performed after all."
            )
        return
    new_visit = visit.pk if visit and visit.pk != order.visit_id else None
    if revise(order, before, after, incoming, visit_id=new_visit):
        _note_unknown_codes(order, incoming)


def _note_unknown_codes(order: Order, incoming: Incoming) -> None:
    """Offer the codes that the catalog does not know for mapping."""
    if UNKNOWN_PROCEDURE in order.flags:
        for code, text in order.procedures.filter(procedure=None).values_list("code", "code_text"):
            note_unknown(incoming, "procedure", code, text)


def _check_fixed(order: Order, after: Words, incoming: Incoming) -> None:
    """Accession number and Study UID stand once they are given; who says otherwise is told."""
    accession = after["order"].get("accession", "")
    if accession and accession != order.accession:
        incoming.warn("The order has another accession number here; it is kept.")
    standing = set(order.procedures.values_list("study_uid", flat=True))
    if any(p.get("study_uid") and p["study_uid"] not in standing for p in after["procedures"]):
        incoming.warn("A procedure has another Study Instance UID here; it is kept.")
