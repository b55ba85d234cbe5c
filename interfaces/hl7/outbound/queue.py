"""What is owed to destinations. Written in the transaction of whoever causes it; sent by somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings

from ris.kernel.alarms import raise_alarm
from ris.kernel.db.locks import lock_name
from ris.kernel.doorbell import ring
from ris.kernel.events import Event

from .. import states
from ..models import Destination, OutboundMessage
from ..v2.encoding import codec_named
from ..v2.profiles import read_profile
from ..v2.validation import structure_of, why_invalid
from .messages.segments import MessageBuilder, new_control_id
from .triggers import PlannedMessage, plan_messages

SEND = "hl7-send"
"""Doorbell: something may be owed to a destination."""

INVALID_ALARM = "hl7-message-invalid"
EMR = "EMR"
REPORT_KINDS = ["report.preliminary", "report.final", "report.addendum", "report.corrected"]


def enqueue_event(event: Event, destinations: list[Destination]) -> int:
    """Owe each of the destinations what it wants to hear of the event; return how many messages that is.

    Those that were owed before are not owed again, and not counted.
    """
    fresh = 0
    for destination, planned in match_destinations(event, destinations):
        _, new = enqueue_message(
            destination,
            kind=planned.kind,
            lane=event.stream,
            source=planned.source,
            build=planned.build,
            patient_id=planned.patient_id,
            site_id=planned.site_id,
            at=event.at,
        )
        fresh += new
    return fresh


def match_destinations(event: Event, destinations: list[Destination]) -> Iterator[tuple[Destination, PlannedMessage]]:
    """Which of the destinations wants to hear what of the event."""
    wanted = frozenset(kind for destination in destinations for kind in destination.kinds)
    for planned in plan_messages(event, wanted):
        for destination in destinations:
            if planned.kind in destination.kinds and _passes(destination, planned):
                yield destination, planned


def _passes(destination: Destination, planned: PlannedMessage) -> bool:
    """Whether the destination's filters let it through. A filter that is not set lets everything through."""
    wanted = destination.filters
    return (
        (not wanted.get("site") or planned.site in wanted["site"])
        and (not wanted.get("modality") or bool(planned.modalities & set(wanted["modality"])))
        and (not wanted.get("critical") or bool(planned.critical & set(wanted["critical"])))
    )


def enqueue_message(
    destination: Destination,
    *,
    kind: str,
    lane: str,
    source: str,
    build: MessageBuilder,
    patient_id: int | None = None,
    site_id: int | None = None,
    at: datetime,
) -> tuple[OutboundMessage, bool]:
    """Queue what ``build`` makes, unless the same (kind, source) was queued for the destination before.

    Return the message, and whether it is new.

    A message that does not validate strictly is kept as invalid: it holds its lane and raises an alarm,
    and is not sent until a person resends or skips it.
    """
    lock_name(f"hl7-lane:{destination.pk}:{lane}")  # so that id order is commit order within the lane
    known = OutboundMessage.objects.filter(destination=destination, kind=kind, source=source).first()
    if known is not None:
        return known, False
    control_id = new_control_id()
    text = "\r".join(build(destination, control_id, at)) + "\r"
    wrong = _find_fault(destination, text)
    message = OutboundMessage.objects.create(
        destination=destination,
        lane=lane,
        kind=kind,
        source=source,
        control_id=control_id,
        state=states.INVALID if wrong else states.QUEUED,
        error=wrong,
        raw=encode_message(text, destination),
        created_at=at,
        patient_id=patient_id,
        site_id=site_id,
    )
    if wrong:
        raise_alarm(INVALID_ALARM, destination.name, detail=f"Message {message.pk}", at=at)
    ring(SEND)
    return message, True


def _find_fault(destination: Destination, text: str) -> str:
    """What is wrong with a message by the destination's own profile, or else by its version."""
    own = destination.profiles.filter(structure=structure_of(text)).first()
    return why_invalid(text, read_profile(own.xml).reference if own else None)


def encode_message(text: str, destination: Destination) -> bytes:
    """The text in the destination's character set; what that lacks is written as ``\\X..\\`` (UTF-8 bytes)."""
    codec = codec_named(destination.charset) or "utf-8"
    try:
        return text.encode(codec)
    except UnicodeEncodeError:
        return b"".join(_encoded(char, codec) for char in text)


def _encoded(char: str, codec: str) -> bytes:
    try:
        return char.encode(codec)
    except UnicodeEncodeError:
        return f"\\X{char.encode().hex().upper()}\\".encode("ascii")


def apply_settings(*, at: datetime) -> None:
    """Make the destination ``EMR`` if a demo lacks it, and point it where RIS_EMR says."""
    if settings.RIS.demo:
        Destination.objects.get_or_create(name=EMR, defaults={"kinds": REPORT_KINDS})
    if settings.RIS.emr:
        host, port = settings.RIS.emr
        changed = Destination.objects.filter(name=EMR).exclude(host=host, port=port)
        changed.update(host=host, port=port, retry_at=None)
        ring(SEND)
