"""SN → NA: the placer answers our request for a number in its ORR (IHE RAD-3)."""

from __future__ import annotations

from datetime import datetime

import structlog

from ris.audit.actor import Actor
from ris.kernel.errors import Refusal
from ris.orders.models import Order
from ris.orders.services import number_order

from ..v2.parser import parse_message

log = structlog.get_logger(__name__)


def take_answered_numbers(answer: bytes, *, peer: str, at: datetime) -> int:
    """Write the placer numbers that an accepted answer gives (ORC-1 ``NA``) to our orders; return how many.

    A number that cannot be taken is logged and left: the message was accepted all the same.
    """
    taken = 0
    for orc in parse_message(answer).all("ORC"):
        placer, filler = orc.text(2)[:64], orc.text(3)
        order = Order.objects.filter(filler_number=filler, placer_number="").order_by("pk").first() if filler else None
        if orc.text(1).upper() != "NA" or not placer or order is None:
            continue
        authority = orc.text(2, 2)[:64] or peer
        try:
            number_order(order.pk, placer_number=placer, placer_authority=authority, actor=Actor.peer(peer), at=at)
        except Refusal as refusal:
            log.warning("hl7.number-not-taken", order=order.pk, code=refusal.code)
        else:
            taken += 1
    return taken
