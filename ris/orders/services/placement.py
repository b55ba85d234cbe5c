"""Orders are placed (IHE RAD-2) and numbered by their placer (RAD-3)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from ris.audit.services import Actor, record
from ris.kernel.db.statements import insert, update
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.events import emit

from .. import states
from ..events import OrderPlaced, OrderRevised
from ..intents import OrderIntent
from ..models import Order
from ..selectors import find_order
from .numbers import check_accession, issue_accession, lock_placer
from .procedures import add_procedure, check_intent


@transaction.atomic
def place_order(intent: OrderIntent, *, actor: Actor, at: datetime) -> Order:
    """Take an order in; it is on the modality worklist when this transaction has committed.

    What was not said is issued or inferred: accession number, procedure and step numbers, Study
    Instance UID, modality, device, start (``at``). Unknown codes and stations are accepted and flagged.
    Of two who send the same placer number one wins; the other gets Conflict (code ``duplicate``).
    """
    if not intent.procedures:
        raise Invalid("An order needs at least one procedure.", at="procedures")
    check_intent(intent)
    if intent.placer_number:
        lock_placer(intent.placer_authority, intent.placer_number)
        earlier = find_order(intent.placer_authority, intent.placer_number)
        if earlier and (earlier.state != states.CANCELLED or earlier.placer_generation >= intent.placer_generation):
            raise Conflict("This placer order number was used before.", at="placer_number", code="duplicate")
    if intent.accession:
        check_accession(intent.accession, intent.patient_id)
    order = insert(
        Order(
            state=states.ACTIVE,
            site_id=intent.site_id,
            patient_id=intent.patient_id,
            accession=intent.accession,
            placer_number=intent.placer_number,
            placer_authority=intent.placer_authority,
            placer_generation=intent.placer_generation,
            source=intent.source,
            placed_at=intent.placed_at or at,
            **intent.content(),
        )
    )
    # Both numbers are made of the primary key, which the database has issued only now.
    if not order.accession:
        order.accession = issue_accession(order)
    order.filler_number = order.filler_number or f"F{order.pk}"
    update(order, "accession", "filler_number")
    for number, procedure in enumerate(intent.procedures, start=1):
        add_procedure(order, procedure, at, nth=number)
    record(actor, "order.place", order, patient_id=order.patient_id, at=at, accession=order.accession)
    emit(OrderPlaced(stream=order.accession, at=at, order_id=order.pk))
    return order


@transaction.atomic
def number_order(order_id: int, *, placer_number: str, placer_authority: str, actor: Actor, at: datetime) -> Order:
    """Write the number that the placer gave an order that began here (IHE RAD-3: SN, NA).

    Raises NotFound; Conflict when it has a number already, or when another order has this one.
    """
    # The placer's name is locked before the row, as in place_order: the other way round two could wait for each other.
    lock_placer(placer_authority, placer_number)
    order = lock_order(order_id)
    if order.placer_number:
        raise Conflict("This order has a placer number already.", at="placer_number")
    if Order.objects.filter(placer_authority=placer_authority, placer_number=placer_number).exists():
        raise Conflict("This placer order number was used before.", at="placer_number", code="duplicate")
    numbers = {"placer_number": placer_number, "placer_authority": placer_authority}
    Order.objects.filter(pk=order.pk).update(version=F("version") + 1, **numbers)
    record(actor, "order.number", order, patient_id=order.patient_id, at=at)
    emit(OrderRevised(stream=order.accession, at=at, order_id=order.pk))
    order.refresh_from_db()
    return order


def lock_order(order_id: int) -> Order:
    """The order, locked until the transaction ends. Raises NotFound."""
    order = Order.objects.select_for_update().filter(pk=order_id).first()
    if order is None:
        raise NotFound("There is no such order.")
    return order
