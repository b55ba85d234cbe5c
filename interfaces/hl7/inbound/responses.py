"""What a sender is told, and when: original and enhanced mode (HL7 v2.5.1 chapter 2.9), order responses (4.4)."""

from __future__ import annotations

from datetime import datetime

from ris.orders.models import Order

from ..models import InboundMessage, Peer
from ..v2 import acknowledgment
from ..v2.acknowledgment import ACCEPT, COMMIT, REJECT, Fault
from ..v2.encoding import escape
from ..v2.header import Header
from .context import Incoming
from .orders.groups import cut_groups

BUSY = Fault("207", "", "The message could not be taken now; please send it again.", rejected=True)

ALWAYS, NEVER, ON_ERROR, ON_SUCCESS = "AL", "NE", "ER", "SU"
"""Conditions of table 0155."""
# Condition → whether an acknowledgment is wanted for (success, error).
_WANTED = {ALWAYS: (True, True), NEVER: (False, False), ON_ERROR: (False, True), ON_SUCCESS: (True, False)}


def is_enhanced(header: Header, peer: Peer | None) -> bool:
    """Return whether the enhanced mode holds: as the peer is set, else as MSH-15 and MSH-16 ask for it."""
    if peer is not None and peer.ack_mode:
        return peer.ack_mode == "enhanced"
    # MSH-15 NE alone asks for what the original mode is: no accept acknowledgment.
    return header.enhanced and (header.accept_ack, header.application_ack) != (NEVER, "")


def is_answered_when_stored(header: Header, peer: Peer | None) -> bool:
    """Return whether the sender waits for no outcome (MSH-16 is NE), so that stored is enough to answer."""
    return is_enhanced(header, peer) and header.application_ack == NEVER


def answers_when_stored(header: Header, message_id: int, at: datetime) -> list[bytes]:
    """Return the accept acknowledgment CA of a stored message, if MSH-15 wants one for a success."""
    if not _is_wanted(header.accept_ack, good=True):
        return []
    return [acknowledgment.build_acknowledgment(header, COMMIT[ACCEPT], control_id=f"S{message_id}", at=at)]


def answers_when_processed(header: Header, row: InboundMessage, at: datetime) -> list[bytes]:
    """Return all answers to a processed message.

    Original mode: the application acknowledgment. Enhanced mode: CA (MSH-15), then the application acknowledgment if
    MSH-16 wants one for such an outcome. MSH-15 alone gets one answer that tells the outcome: CA, CE or CR; the sender
    would never hear of a refusal otherwise.
    """
    answer, good = bytes(row.answer or b""), row.answer_code == ACCEPT
    if not is_enhanced(header, row.peer):
        return [answer]
    if header.application_ack not in _WANTED:
        if header.accept_ack not in _WANTED:  # the enhanced mode is the peer's setting
            return [_commit(header, row, ACCEPT, at), answer]
        code = row.answer_code or ACCEPT
        return [_commit(header, row, code, at)] if _is_wanted(header.accept_ack, good=good) else []
    accepted = answers_when_stored(header, row.pk, at)
    return accepted + ([answer] if _is_wanted(header.application_ack, good=good) else [])


def answers_when_busy(header: Header, at: datetime) -> list[bytes]:
    """Return AR (CR in the enhanced mode) to a message that could not be stored, so that the sender keeps it.

    A sender that wants no acknowledgment of an error hears nothing.
    """
    code = REJECT
    if is_enhanced(header, None):
        conditions = {header.accept_ack, header.application_ack}
        if not any(_is_wanted(condition, good=False) for condition in conditions):
            return []
        code = COMMIT[code] if header.accept_ack in _WANTED else code
    return [acknowledgment.build_acknowledgment(header, code, control_id=f"B{at:%H%M%S%f}", at=at, faults=(BUSY,))]


def _is_wanted(condition: str, *, good: bool) -> bool:
    success, error = _WANTED.get(condition, (False, False))
    return success if good else error


def _commit(header: Header, row: InboundMessage, code: str, at: datetime) -> bytes:
    faults = tuple(Fault(*fault) for fault in row.faults) if code != ACCEPT else ()
    text = row.reason if code != ACCEPT else ""
    return acknowledgment.build_acknowledgment(
        header, COMMIT[code], control_id=f"S{row.pk}", at=at, text=text, faults=faults
    )


RESPONSES = {"ORM^O01": "ORR^O02", "OMG^O19": "ORG^O20", "OMI^O23": "ORI^O24"}
"""Order message → its response, for peers who expect more than ACK."""

_OK = {"NW": "OK", "CA": "CR", "DC": "DR", "HD": "HR", "RL": "OK", "XO": "XR", "RP": "RQ", "RO": "OK", "SN": "NA"}
# ORC-1 of the answer to each control code (HL7 table 0119).
_UNABLE = {"NW": "UA", "CA": "UC", "DC": "UD", "HD": "UH", "RL": "UR", "XO": "UX", "RP": "UM", "RO": "UM"}


def order_response(header: Header, incoming: Incoming, code: str) -> tuple[str, tuple[str, ...]]:
    """Return (MSH-9, further segments) of the answer: plain ACK, unless the peer expects order responses.

    Who asks for a number (SN) gets it in one, however the peer is set: NA with ours in ORC-3. A cancellation of
    what has begun is accepted (AA), since it is kept and a person is told, and answered UC: it was not done.
    ORC-2 and ORC-4 go back as they came.
    """
    response = RESPONSES.get(header.type)
    if response is None:
        return "ACK", ()
    asks_for_a_number = any(orc.text(1).upper() == "SN" for orc in incoming.message.all("ORC"))
    if incoming.peer.ack_style != "order" and not (asks_for_a_number and code == ACCEPT):
        return "ACK", ()
    table = _OK if code == ACCEPT else _UNABLE
    # In the same transaction as the order: the answer tells a number that is committed with it.
    fillers = dict(Order.objects.filter(accession=incoming.accession).values_list("placer_number", "filler_number"))
    segments = []
    for group in cut_groups(incoming.message):
        orc = group.orc
        if orc is None:
            continue
        placer, control = orc.text(2), orc.text(1).upper()
        ours = _UNABLE if placer in incoming.unable else table
        entity = "^".join(escape(orc.text(2, component)) for component in (1, 2, 3, 4)).rstrip("^")
        filler = escape(fillers.get(placer) or orc.text(3))
        segments.append(f"ORC|{ours.get(control, 'OK' if code == ACCEPT else 'UA')}|{entity}|{filler}")
    return response, tuple(segments)
