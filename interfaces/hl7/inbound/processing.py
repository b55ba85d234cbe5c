"""What becomes of one stored message, in the transaction of the caller: applied or refused, and answered."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import OperationalError, transaction

from ris.kernel.alarms import raise_alarm
from ris.kernel.db.statements import update
from ris.kernel.db.transactions import lock_name, open_batch
from ris.kernel.errors import Refusal
from ris.patients.services import IdentityDoubt, ask_identity

from .. import states
from ..models import InboundMessage, Peer
from ..translation.code_tables import write_unknown_values
from ..v2 import acknowledgment
from ..v2.acknowledgment import Fault
from ..v2.header import Header, parse_header, recover_header
from ..v2.parser import Message, parse_message
from .context import Incoming, note_clock
from .prepared_queries import LAST_OF_CONTROL_ID
from .responses import order_response
from .routing import apply_message, find_entry
from .senders import identify

log = structlog.get_logger(__name__)

FAILED_ALARM = "hl7-message-failed"

_NOT_PROCESSED = (*states.OPEN, states.DUPLICATE)


def lock_control_ids(*control_ids: str) -> None:
    """Let one transaction at a time process messages of this control id, whoever sent them."""
    lock_name(*(f"hl7:{control_id}" for control_id in control_ids))


class DecidedMeanwhile(Exception):
    """Somebody else processed the message at the same time."""


def process_row(row: InboundMessage, at: datetime) -> InboundMessage:
    """Apply the message and write down what became of it, unless that was done.

    Raises DecidedMeanwhile, to roll all of it back; OperationalError when the database cannot do it now.
    """
    if row.state not in states.OPEN:
        return row
    raw = bytes(row.raw)
    try:
        message, header, peer = _open(row, raw)
    except Refusal as refusal:
        header = recover_header(raw)
        return _refuse(row, header, acknowledgment.fault_from(refusal), at)
    # A resend may arrive on another connection while the first is applied.
    if header.control_id:
        lock_control_ids(header.control_id)
    row.peer, row.charset = peer, message.codec
    row.kind, row.event = header.kind[:16], header.event[:16]
    row.control_id, row.version = header.control_id[:199], header.version[:16]
    if row.edit_of_id is None:
        earlier = _earlier_message(row, peer)
        if earlier is not None and earlier.sha256 == row.sha256:
            return _answer_duplicate(row, earlier, at)
        if earlier is not None:
            fault = Fault("205", "MSH-10", "This message control id was used before, for another message.")
            return _refuse(row, header, fault, at)
    return _apply(row, _incoming(row, message, header, peer, at), at)


def _incoming(row: InboundMessage, message: Message, header: Header, peer: Peer, at: datetime) -> Incoming:
    """An edited copy takes the place of its original: when it came, and as the how manieth."""
    original = row.edit_of or row
    return Incoming(
        message,
        header,
        peer,
        row.address,
        at,
        received_at=original.received_at,
        arrival=original.pk,
        warnings=message.warnings,
        message_id=row.pk,
    )


def _open(row: InboundMessage, raw: bytes) -> tuple[Message, Header, Peer]:
    """Read the message and find out who sent it. Raises Refusal."""
    if row.fault:
        raise Refusal(row.fault, at="MSH", code="unreadable")
    recovered = recover_header(raw)
    certificate = row.certificate if row.edit_of_id is None else None
    peer = identify(recovered, row.address, certificate)
    message = parse_message(raw, charset=peer.charset)
    header = parse_header(message)
    # The recovered header lacks escapes and other characters than ASCII; the parsed one is what the sender is known by.
    if (header.sending_application, header.sending_facility) != (peer.application, peer.facility):
        peer = identify(header, row.address, certificate)
    return message, header, peer


def _earlier_message(row: InboundMessage, peer: Peer) -> InboundMessage | None:
    """The last message of the same peer and control id that was processed, within the peer's window."""
    earlier = LAST_OF_CONTROL_ID.first(row.control_id, row.peer_id, *_NOT_PROCESSED)
    if earlier is None or not peer.duplicate_days:
        return earlier
    return earlier if (row.received_at - earlier.received_at).days < peer.duplicate_days else None


def _answer_duplicate(row: InboundMessage, first: InboundMessage, at: datetime) -> InboundMessage:
    """A resend: the first answer again, and nothing changes."""
    mended = first.edits.filter(state__in=states.TAKEN, sha256=row.sha256).last()
    row.state, row.duplicate_of, first = states.DUPLICATE, first, mended or first
    row.reason = "The same message was taken before; its answer was given again."
    row.site_id, row.patient_id = first.site_id, first.patient_id
    row.accession, row.placer_number = first.accession, first.placer_number
    row.answer_code, row.answer, row.decided_at = first.answer_code, first.answer, at
    return write_outcome(row)


def _apply(row: InboundMessage, incoming: Incoming, at: datetime) -> InboundMessage:
    entry = find_entry(incoming.header, incoming.message, incoming.peer)
    if isinstance(entry, Fault):
        return _refuse(row, incoming.header, entry, at, incoming)
    try:
        with transaction.atomic(), open_batch():
            ignored = entry if isinstance(entry, str) else apply_message(entry, incoming)
            if incoming.unknown:
                write_unknown_values(incoming.peer, incoming.unknown, at=at)
            note_clock(incoming)
    except Refusal as refusal:
        incoming.effects.clear()
        if isinstance(refusal, IdentityDoubt):
            _ask_identity(refusal, incoming, at)
            if incoming.header.kind == "SIU":
                # An EMR's queue never stops on an appointment: it waits here for who decides.
                row.state, row.reason = states.TO_MEND, refusal.detail[:250]
                return _close(row, incoming.header, acknowledgment.ACCEPT, (), at, incoming)
        return _refuse(row, incoming.header, acknowledgment.fault_from(refusal), at, incoming)
    # A lock or a lost database: the caller tries again, so it is no failure of the message.
    except OperationalError:
        raise
    except Exception as error:  # our own mistake: kept, shown, alarmed; the listener goes on
        return _fail(row, incoming, error, at)
    if incoming.unmet:
        row.state, ignored = states.TO_MEND, incoming.unmet[0]
    else:
        row.state = states.IGNORED if ignored else states.APPLIED
    row.reason = ignored[:250]
    return _close(row, incoming.header, acknowledgment.ACCEPT, (), at, incoming)


def _ask_identity(doubt: IdentityDoubt, incoming: Incoming, at: datetime) -> None:
    """Written after the message's own changes were rolled back, so that the question stands."""
    ask_identity(
        doubt.patient_id,
        doubt.traits,
        doubt.comparison,
        source=incoming.peer.name,
        message_id=incoming.message_id,
        held=True,
        at=at,
    )


def _refuse(
    row: InboundMessage, header: Header, fault: Fault, at: datetime, incoming: Incoming | None = None
) -> InboundMessage:
    row.state, row.reason = states.REFUSED, fault.text[:250]
    return _close(row, header, fault.ack, (fault,), at, incoming)


def _fail(row: InboundMessage, incoming: Incoming, error: Exception, at: datetime) -> InboundMessage:
    # File and line only: the text of an error may hold patient data.
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else ""
    log.error("hl7.failed", message=row.pk, error=type(error).__name__, place=place)
    raise_alarm(
        FAILED_ALARM, incoming.peer.name[:160], detail=f"Message {row.pk}: {type(error).__name__} {place}", at=at
    )
    incoming.effects.clear()
    fault = Fault("207", "", "This system could not apply the message; its people are told.")
    row.state, row.reason = states.FAILED, f"{type(error).__name__} at {place}"
    return _close(row, incoming.header, incoming.peer.busy_answer, (fault,), at, incoming)


def _close(
    row: InboundMessage,
    header: Header,
    code: str,
    faults: tuple[Fault, ...],
    at: datetime,
    incoming: Incoming | None,
) -> InboundMessage:
    """Write the disposition and the answer."""
    if incoming is not None:
        row.warnings, row.effects = incoming.warnings, [list(effect) for effect in incoming.effects]
        row.patient_id = incoming.patient_id if code == acknowledgment.ACCEPT else None
        row.accession, row.placer_number = incoming.accession[:16], incoming.placer_number[:64]
        row.message_at = incoming.message_at
        row.site = incoming.known_site
    row.faults = [[fault.code, fault.place, fault.text] for fault in faults]
    row.answer_code, row.decided_at = code, at
    structure, body = order_response(header, incoming, code) if incoming else ("ACK", ())
    row.answer = acknowledgment.build_acknowledgment(
        header, code, control_id=f"R{row.pk}", at=at, text=row.reason, faults=faults, structure=structure, body=body
    )
    return write_outcome(row)


def write_outcome(row: InboundMessage) -> InboundMessage:
    """Write the outcome, unless somebody else did since the row was read: then all of ours is undone."""
    if not update(row, *_OUTCOME, state=states.OPEN):
        raise DecidedMeanwhile
    return row


_OUTCOME = (
    "peer", "kind", "event", "control_id", "version", "charset", "message_at", "state", "reason", "faults", "warnings",
    "effects", "answer_code", "answer", "decided_at", "site", "patient_id", "accession", "placer_number",
    "duplicate_of",
)  # fmt: skip
