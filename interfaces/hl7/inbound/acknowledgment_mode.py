"""What a sender is told, and when: original mode, enhanced mode, stored-only (HL7 v2.5.1 chapter 2.9)."""

from __future__ import annotations

from datetime import datetime

from ..models import InboundMessage
from ..v2 import acknowledgment
from ..v2.acknowledgment import Fault
from ..v2.header import Header

BUSY = Fault("207", "", "The message could not be taken now; please send it again.", rejected=True)


def stored_is_enough(header: Header) -> bool:
    """Whether nobody waits for the outcome: stored is enough to answer."""
    return header.enhanced and header.application_ack in ("", "NE")


def on_stored(header: Header, message_id: int, at: datetime) -> list[bytes]:
    """The accept acknowledgement of the enhanced mode: CA, if the sender wants one."""
    if header.accept_ack not in ("AL", "SU"):
        return []
    return [
        acknowledgment.build_acknowledgment(
            header, acknowledgment.COMMIT[acknowledgment.ACCEPT], control_id=f"S{message_id}", at=at
        )
    ]


def on_decided(header: Header, row: InboundMessage) -> list[bytes]:
    """The application acknowledgement, if the sender wants one for such an outcome."""
    if header.enhanced:
        wanted = header.application_ack
        good = row.answer_code == acknowledgment.ACCEPT
        if wanted not in ("AL", "SU" if good else "ER"):
            return []
    return [bytes(row.answer or b"")]


def on_busy(header: Header, at: datetime) -> list[bytes]:
    """When it could not even be stored: AR (CR in the enhanced mode), so that the sender keeps it."""
    code = acknowledgment.REJECT
    if header.enhanced:
        if header.accept_ack not in ("AL", "ER"):
            return []
        code = acknowledgment.COMMIT[code]
    return [acknowledgment.build_acknowledgment(header, code, control_id=f"B{at:%H%M%S%f}", at=at, faults=(BUSY,))]
