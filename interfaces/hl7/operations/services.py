"""Acts of an interface analyst on messages and destinations. Every act is audited with its reason."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.doorbell import ring
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.values import read_reason

from .. import states
from ..inbound import intake
from ..models import Destination, InboundMessage, OutboundMessage
from ..outbound.messages.segments import new_control_id
from ..outbound.queue import SEND, clear_lane_alarms
from ..v2.encoding import codec_named
from ..v2.header import recover_header
from .preview import Preview, preview_message, store_copy


def encode_edited_text(original: InboundMessage, text: str) -> bytes:
    """The bytes of an edited text: segments end in CR, in the character set of the message.

    Raises Invalid when that character set has no place for a character.
    """
    codec = original.charset or codec_named(recover_header(bytes(original.raw)).charset) or "utf-8"
    # Browsers send CR LF, files LF; segments end in CR alone (2.5.3).
    body = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n").replace("\n", "\r") + "\r"
    try:
        return body.encode(codec)
    except UnicodeEncodeError:
        raise Invalid(f"The message's character set ({codec}) lacks a character of the text.", at="MSH-18") from None


def preview_replay(message_id: int, *, text: str | None = None, at: datetime) -> Preview:
    """What replaying the message (with this text) would do. Changes nothing. Raises NotFound, Invalid."""
    original = _original(message_id)
    raw = bytes(original.raw) if text is None else encode_edited_text(original, text)
    return preview_message(raw, edit_of=original, at=at)


@transaction.atomic
def replay(message_id: int, *, text: str | None = None, reason: str, actor: Actor, at: datetime) -> InboundMessage:
    """Take the message again, as it came or with an edited text; the copy tells what became of it.

    The original stays as it is. A resend by its sender then gets the copy's answer. Raises NotFound,
    Invalid without a reason.
    """
    read_reason(reason)
    original = _original(message_id)
    raw = bytes(original.raw) if text is None else encode_edited_text(original, text)
    copy = store_copy(original, raw, at)
    # In this transaction: a replay that fails leaves no copy behind.
    decided = intake.process_message(copy.pk, at=at)
    record(
        actor,
        "hl7.replay",
        original,
        patient_id=decided.patient_id,
        reason=reason,
        at=at,
        copy=copy.pk,
        edited=text is not None,
        outcome=decided.state,
    )
    return decided


@transaction.atomic
def settle(message_id: int, *, reason: str, actor: Actor, at: datetime) -> InboundMessage:
    """Note that a person has done, or decided against, what a message to mend asked for; it leaves the list.

    Raises NotFound; Conflict for a message that is not to mend; Invalid without a reason.
    """
    read_reason(reason)
    # The state is a condition of the UPDATE: of two who settle it one gets Conflict.
    settled = InboundMessage.objects.filter(pk=message_id, state=states.TO_MEND)
    changed = settled.update(state=states.APPLIED, reason=f"Seen to: {reason.strip()}"[:250])
    message = InboundMessage.objects.filter(pk=message_id).first()
    if message is None:
        raise NotFound("There is no such message.")
    if not changed:
        raise Conflict("This message is not to mend.")
    record(actor, "hl7.settle", message, patient_id=message.patient_id, reason=reason, at=at)
    return message


def _original(message_id: int) -> InboundMessage:
    message = InboundMessage.objects.select_related("edit_of").filter(pk=message_id).first()
    if message is None:
        raise NotFound("There is no such message.")
    return message.edit_of or message


@transaction.atomic
def resend(message_id: int, *, reason: str, actor: Actor, at: datetime) -> OutboundMessage:
    """Owe the message once more, at its old place in the lane, under a new control id (peers dedupe by it).

    Raises NotFound; Invalid without a reason.
    """
    read_reason(reason)
    message = _outbound(message_id)
    control_id = new_control_id()
    message = OutboundMessage.objects.take(
        states.RESEND,
        message_id,
        control_id=control_id,
        raw=_with_control_id(bytes(message.raw), control_id),
        error="",
        answer_code="",
        answer=None,
        sent_at=None,
        failures=0,
        passed_over=0,
        retry_at=None,
    )
    clear_lane_alarms(message.destination, message, at=at)
    record(actor, "hl7.resend", message, patient_id=message.patient_id, reason=reason, at=at)
    ring(SEND)
    return message


@transaction.atomic
def skip(message_id: int, *, reason: str, actor: Actor, at: datetime) -> OutboundMessage:
    """Give a message up, so that its lane goes on without it. Raises NotFound, Conflict when it was sent, Invalid."""
    read_reason(reason)
    message = OutboundMessage.objects.take(states.SKIP, message_id)
    clear_lane_alarms(message.destination, message, at=at)
    record(actor, "hl7.skip", message, patient_id=message.patient_id, reason=reason, at=at)
    ring(SEND)
    return message


@transaction.atomic
def pause(destination_id: int, *, reason: str, actor: Actor, at: datetime) -> Destination:
    """Send nothing to the destination until it is resumed; messages go on to be queued. Raises NotFound, Conflict."""
    read_reason(reason)
    return _turn(destination_id, "hl7.pause", reason, actor, at, paused=False, paused_at=at, paused_reason=reason[:250])


@transaction.atomic
def resume(destination_id: int, *, reason: str = "", actor: Actor, at: datetime) -> Destination:
    """Send again, at once. Raises NotFound, Conflict when it is not paused."""
    return _turn(
        destination_id, "hl7.resume", reason, actor, at, paused=True, paused_at=None, paused_reason="", retry_at=None
    )


def _turn(
    destination_id: int, action: str, reason: str, actor: Actor, at: datetime, *, paused: bool, **changes: object
) -> Destination:
    changed = Destination.objects.filter(pk=destination_id, paused_at__isnull=not paused).update(**changes)
    destination = Destination.objects.filter(pk=destination_id).first()
    if destination is None:
        raise NotFound("There is no such destination.")
    if not changed:
        raise Conflict("It is not paused." if paused else "It is paused already.")
    record(actor, action, destination, reason=reason, at=at)
    ring(SEND)
    return destination


@transaction.atomic
def try_now(destination_id: int, *, actor: Actor, at: datetime) -> Destination:
    """Do not wait for the next try after an outage. Raises NotFound."""
    Destination.objects.filter(pk=destination_id).update(retry_at=None)
    destination = Destination.objects.filter(pk=destination_id).first()
    if destination is None:
        raise NotFound("There is no such destination.")
    record(actor, "hl7.try-now", destination, at=at)
    ring(SEND)
    return destination


def _outbound(message_id: int) -> OutboundMessage:
    message = OutboundMessage.objects.filter(pk=message_id).first()
    if message is None:
        raise NotFound("There is no such message.")
    return message


def _with_control_id(raw: bytes, control_id: str) -> bytes:
    header, separator, rest = raw.partition(b"\r")
    fields = header.split(b"|")
    # MSH-1 is the separator itself, so MSH-10 stands at index 9.
    fields[9] = control_id.encode("ascii")
    return b"|".join(fields) + separator + rest
