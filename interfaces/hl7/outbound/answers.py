"""What a destination answers: the acknowledgment (HL7 v2.5.1, 2.9), and placer numbers in an order response."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog

from ris.audit.services import Actor
from ris.kernel.errors import Refusal
from ris.orders.models import Order
from ris.orders.services import number_order

from ..v2.parser import Message, Segment, parse_message

log = structlog.get_logger(__name__)

ACCEPTED = frozenset({"AA", "CA"})
"""MSA-1 (table 0008) of a message that the peer took."""
REFUSED = frozenset({"AE", "AR", "CE", "CR"})
INTERNAL_ERROR = "207"
"""Application internal error (table 0357). 100 to 104 and 200 to 206 say what is wrong in the message."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The acknowledgment of one message: MSA-1, the text that explains it, and the bytes as they came."""

    code: str
    text: str
    raw: bytes
    error_code: str = ""
    """ERR-3.1 (table 0357), or where older versions have it."""

    @property
    def is_not_now(self) -> bool:
        """The peer had an error of its own (207): the message may be right and is to be sent again."""
        return self.error_code == INTERNAL_ERROR

    @property
    def is_unexplained(self) -> bool:
        """AR or CR without an error code: "not able now" or "never", which only time tells (2.9.2.2)."""
        return self.code in ("AR", "CR") and not self.error_code


def parse_answer(raw: bytes, control_id: str) -> Answer | None:
    """The acknowledgment in ``raw`` if it answers the message ``control_id`` with a code of table 0008; else None."""
    try:
        message = parse_message(raw)
    except Exception:  # whatever the peer sent is not an acknowledgment
        return None
    msa = message.first("MSA")
    if msa is None or msa.text(2) != control_id:
        return None
    code = msa.text(1).upper()
    if code not in ACCEPTED | REFUSED:
        return None
    return Answer(code, msa.text(3) or _error_text(message), raw, _error_code(message, msa))


def _error_code(message: Message, msa: Segment) -> str:
    """ERR-3.1, else ERR-1.4.1 (before 2.5), else MSA-6.1. Of several errors, one that is not 207 counts."""
    codes = [err.text(3) or err.text(1, 4, 1) for err in message.all("ERR")] or [msa.text(6)]
    return next((code for code in codes if code != INTERNAL_ERROR), INTERNAL_ERROR)[:20]


def _error_text(message: Message) -> str:
    """ERR-8 (user message), else ERR-3.2 (2.5 and later), else ERR-1.4.2 (before 2.5)."""
    err = message.first("ERR")
    return (err.text(8) or err.text(3, 2) or err.text(1, 4, 2)) if err else ""


def apply_placer_numbers(answer: bytes, *, peer: str, at: datetime) -> int:
    """Write the placer numbers of an order response (ORC-1 ``NA``, IHE RAD-3) to our orders; return how many.

    A number that an order cannot get is logged and left, because the message itself was accepted.
    """
    applied = 0
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
            applied += 1
    return applied
