"""What was said about orders is kept (OrderTrail), and the order is brought to the picture that it makes."""

from __future__ import annotations

from collections.abc import Callable

from interfaces.hl7 import states as hl7_states
from interfaces.hl7.models import InboundMessage, OrderTrail
from ris.kernel.db.statements import save
from ris.kernel.db.transactions import all_or_none, lock_name
from ris.kernel.errors import Conflict, Invalid
from ris.orders import states as order_states
from ris.orders.models import Order
from ris.orders.services import place_order
from ris.orders.services.flags import UNKNOWN_PROCEDURE
from ris.orders.services.placement import lock_placer
from ris.patients.models import Patient, Visit
from ris.patients.selectors import survivor

from ..context import Incoming
from ..prepared_queries import TRAIL
from .acting import Acting
from .apply import bring, revise
from .intents import new_order_intent
from .keys import OrderKeys, find_order_by_other_number, find_order_by_placer
from .projection import NOTHING, Picture, add_statement, content_changes, fold, procedure_changes
from .statements import BOOK, CANCEL, CHANGE, HOLD, NEW, RELEASE, STATUS, Content, Statement, from_json, to_json

OTHER_PATIENT = "This order belongs to another patient."
"""Why a message is refused that may be right once a merge has come: it is taken again then."""


def trail_of(incoming: Incoming, keys: OrderKeys) -> OrderTrail:
    """Return the trail of the order that is meant, locked until the end of the transaction; a new one if none is.

    By placer number, by our filler number, by the sender's own, by accession number. Raises Invalid when the message
    names no order.
    """
    if keys.placer:
        # The lock comes before the read: the second of two first messages must find the trail of the first.
        lock_placer(keys.authority, keys.placer)
        trail = _trail(keys.authority, keys.placer, lambda: find_order_by_placer(keys))
        if keys.filler and trail.order is None:
            _adopt_statements(trail, keys)
        return trail
    if not keys.filler and not keys.accession:
        raise Invalid("Say which order is meant: ORC-2 is empty.", at="ORC-2", code="required")
    order = find_order_by_other_number(keys, incoming.peer.name)
    if order and order.placer_number:
        lock_placer(order.placer_authority, order.placer_number)
        return _trail(order.placer_authority, order.placer_number, lambda: order)
    accession = order.accession if order else keys.accession
    number = f"accession:{accession}" if accession else f"filler:{keys.filler}"[:64]
    lock_name(f"trail:{keys.authority}:{number}")
    return _trail(keys.authority, number, lambda: order)


def patient_of(incoming: Incoming, named: list[OrderKeys]) -> Patient:
    """Return whose the named orders are, of a message without PID: HL7 lets a change or a cancellation leave it out.

    Raises Invalid unless all are known here and of one patient.
    """
    orders = [trail_of(incoming, keys).order for keys in named]
    patients = {order.patient_id: order.patient for order in orders if order is not None}
    if len(patients) != 1 or None in orders:
        raise Invalid("An order message needs PID, unless all its orders are known here.", at="PID", code="100")
    (patient,) = patients.values()
    incoming.patient_id = patient.pk
    return patient


def _trail(authority: str, number: str, known: Callable[[], Order | None]) -> OrderTrail:
    trail = TRAIL.first(authority, number)
    if trail is not None and trail.order_id is not None:
        return trail
    order = known()
    standing = OrderTrail.objects.select_for_update().filter(order=order).first() if order else None
    if standing is not None:
        return standing
    if trail is None:
        trail = OrderTrail(authority=authority, number=number, order=order)
    elif trail.order_id is None and order is not None:
        trail.order = order
    return trail


def _adopt_statements(trail: OrderTrail, keys: OrderKeys) -> None:
    """Take over what was said under the sender's filler number alone before the placer number was known."""
    orphan = TRAIL.first(keys.authority, f"filler:{keys.filler}"[:64])
    if orphan is not None and orphan.order_id is None:
        # The order does not matter: the projection sorts statements by rank.
        trail.said = [*trail.said, *orphan.said]
        orphan.delete()


def picture_of(trail: OrderTrail) -> Picture:
    """Return what holds about an order, given all that is kept in its trail."""
    return fold(map(from_json, trail.said))


@all_or_none()
def add_to_history(
    trail: OrderTrail, statement: Statement, *, patient: Patient, visit: Visit | None, incoming: Incoming
) -> None:
    """Add one statement to a trail and bring the order to what now holds. Refusals as the order services."""
    statements = list(map(from_json, trail.said))
    before = fold(statements)
    statements = add_statement(statements, statement)
    after = fold(statements)
    is_new = trail.order is None or _is_ordered_anew(trail.order, statement, after, incoming)
    if trail.order is None or is_new:
        _place(trail, after, patient, visit, incoming)
    else:
        _revise(trail.order, before, after, statement, patient, visit, incoming)
    trail.said = [to_json(kept) for kept in statements]
    save(trail)
    if trail.order is None:
        incoming.warn(UNKNOWN_ORDER)
        incoming.did("kept", trail)
        if statement.verb in ASKS_OF_AN_ORDER and incoming.peer.too_late != "ignore":
            incoming.unmet.append(UNKNOWN_ORDER)
        return
    if is_new and len(statements) > 1:
        _settle_earlier(statements, statement)
    incoming.accession = trail.order.accession
    if is_new and after.is_plain:
        return  # as nearly always: what was placed is what holds
    if bring(trail.order, before, after, incoming):
        incoming.unable.add(statement.placer)


UNKNOWN_ORDER = "No order of this number is known yet; what was said is kept and counts when it comes."
ASKS_OF_AN_ORDER = frozenset({CANCEL, CHANGE, HOLD, RELEASE, STATUS})


def _settle_earlier(statements: list[Statement], placed_by: Statement) -> None:
    """What was said before its order came counts now: its messages need nobody to mend them any more."""
    ids = [earlier.rank[2] for earlier in statements if earlier is not placed_by]
    waiting = InboundMessage.objects.filter(pk__in=ids, state=hl7_states.TO_MEND, reason=UNKNOWN_ORDER)
    waiting.update(state=hl7_states.APPLIED, reason="Its order has come since, and counts what this message said.")


def _is_ordered_anew(order: Order, statement: Statement, after: Picture, incoming: Incoming) -> bool:
    """Whether NW came for a number that was cancelled. Raises Conflict where the sender may not use a number again."""
    if order.state != order_states.CANCELLED or after.cancelled or after.generation <= order.placer_generation:
        return False
    if incoming.peer.after_cancel == "refuse":
        raise Conflict("This order number was cancelled; order the exam under a new one.", at="ORC-2", code="duplicate")
    return statement.verb == NEW


def _place(trail: OrderTrail, picture: Picture, patient: Patient, visit: Visit | None, incoming: Incoming) -> None:
    """Place the order, unless nothing has told its content yet."""
    if not any(procedure.code for procedure in picture.procedures):
        if picture.procedures:
            raise Invalid("Say what is ordered: OBR-4 is empty.", at="OBR-4", code="required")
        return
    placer = "" if trail.number.startswith(("accession:", "filler:")) else trail.number
    intent = new_order_intent(picture, patient, visit, incoming, placer=placer, authority=trail.authority)
    trail.order = place_order(intent, actor=incoming.actor, at=incoming.at)
    incoming.did("placed", trail.order)
    for flag in trail.order.flags:
        incoming.warn(f"The order is flagged: {flag}.")
    _note_unknown_codes(trail.order, incoming)


CANCELLED = "The order is cancelled; what this message says about it counts if it is performed after all."


def _revise(
    order: Order,
    before: Picture,
    after: Picture,
    statement: Statement,
    patient: Patient,
    visit: Visit | None,
    incoming: Incoming,
) -> None:
    if survivor(order.patient) != patient:
        raise Conflict(OTHER_PATIENT, at="PID-3", code="duplicate")
    _check_fixed(order, after, incoming)
    if order.state == order_states.CANCELLED:
        if content_changes(before, after) != Content() or procedure_changes(before, after):
            incoming.warn(CANCELLED)
        # Who cancelled speaks in the history, or has done it here. Of what was said before that nothing is missed.
        if statement.verb in ASKS_FOR_AN_EXAM and not _came_before_cancel(statement, before):
            incoming.note_unmet(CANCELLED, "ORC-2")
        return
    new_visit = visit.pk if visit and visit.pk != order.visit_id else None
    if revise(order, before, after, incoming, visit_id=new_visit):
        _note_unknown_codes(order, incoming)


ASKS_FOR_AN_EXAM = frozenset({NEW, CHANGE, BOOK, RELEASE})


def _came_before_cancel(statement: Statement, before: Picture) -> bool:
    """Whether what is said now was said before the order was cancelled, and comes late."""
    return before.cancelled_at is not None and statement.rank < before.cancelled_at


def _note_unknown_codes(order: Order, incoming: Incoming) -> None:
    """Offer the codes that the catalog does not know for mapping."""
    if UNKNOWN_PROCEDURE in order.flags:
        for code, text in order.procedures.filter(procedure=None).values_list("code", "code_text"):
            incoming.note_unknown("procedure", code, text)


def _check_fixed(order: Order, after: Picture, incoming: Incoming) -> None:
    """Accession number and Study UID stand once they are given; who says otherwise is told."""
    accession = after.content.accession
    if accession and accession != order.accession:
        incoming.warn("The order has another accession number here; it is kept.")
    uids = {procedure.study_uid for procedure in after.procedures if procedure.study_uid}
    if uids and uids - set(order.procedures.values_list("study_uid", flat=True)):
        incoming.warn("A procedure has another Study Instance UID here; it is kept.")


def reapply(order: Order, acting: Acting, *, revive: bool) -> None:
    """Bring an order once more to all that was said of it. ``revive``: it stands again, so its content counts too."""
    trail = OrderTrail.objects.select_for_update(of=("self",)).filter(order=order).first()
    if trail is None:
        return
    picture = picture_of(trail)
    if revive and order.state != order_states.CANCELLED:
        revise(order, NOTHING, picture, acting)
    if picture.cancelled or any(procedure.cancelled for procedure in picture.procedures):
        bring(order, NOTHING, picture, acting)
