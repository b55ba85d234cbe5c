"""Queue of messages for destinations: a row each, written in the transaction of the event that causes it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings

from ris.kernel.db.transactions import lock_name
from ris.kernel.doorbell import ring
from ris.kernel.events import Event

from .. import states
from ..models import Destination, OutboundMessage
from ..v2.encoding import codec_named
from .messages.segments import new_control_id
from .transliteration import transliterate
from .triggers import PlannedMessage, plan_messages

SEND = "hl7-send"
"""Doorbell: something may be owed to a destination."""

EMR = "EMR"
REPORT_KINDS = ["report.preliminary", "report.final", "report.addendum", "report.corrected"]


def enqueue_event(event: Event, destinations: list[Destination]) -> int:
    """Queue for each of the destinations what it wants to hear of the event; return how many messages are new.

    A message that was queued before is not queued again, and not counted.
    """
    new_messages = 0
    for destination, planned in match_destinations(event, destinations):
        _, is_new = enqueue_message(destination, planned, lane=event.stream, at=event.at)
        new_messages += is_new
    return new_messages


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
    destination: Destination, planned: PlannedMessage, *, lane: str, at: datetime
) -> tuple[OutboundMessage, bool]:
    """Queue what the plan builds, unless the same (kind, source) was queued for the destination before.

    Return the message, and whether it is new. It is validated, and its PDF rendered, before it is sent
    (``preparation``), because the caller's transaction holds the lane's lock.
    """
    lock_name(f"hl7-lane:{destination.pk}:{lane}")  # so that id order is commit order within the lane
    same = OutboundMessage.objects.filter(destination=destination, kind=planned.kind, source=planned.source)
    known = same.first()
    if known is not None:
        return known, False
    control_id = new_control_id()
    raw, warnings = encode_message("\r".join(planned.build(destination, control_id, at)) + "\r", destination)
    message = OutboundMessage.objects.create(
        destination=destination,
        lane=lane,
        kind=planned.kind,
        source=planned.source,
        control_id=control_id,
        state=states.QUEUED,
        raw=raw,
        warnings=warnings,
        created_at=at,
        patient_id=planned.patient_id,
        site_id=planned.site_id,
        report_version_id=planned.report_version_id,
    )
    ring(SEND)
    return message, True


def encode_message(text: str, destination: Destination) -> tuple[bytes, list[str]]:
    """The text in the destination's character set, and warnings about what that set lacks.

    Such characters are transliterated (``transliteration``), or written as ``\\X..\\`` (UTF-8 bytes) where the
    destination's option ``unencodable`` says ``escape``. A warning counts and places; it holds no text.
    """
    codec = codec_named(destination.charset) or "utf-8"
    try:
        return text.encode(codec), []
    except UnicodeEncodeError:
        pass
    if destination.options.get("unencodable") == "escape":
        return b"".join(_encode_or_escape(char, codec) for char in text), []
    text, lost = transliterate(text, codec)
    names = [line[:3] for line in text.split("\r")]
    where = ", ".join(sorted({names[line] for line in lost}))
    warning = f"{len(lost)} characters are not in {destination.charset or codec}; written as ? in {where}."
    return text.encode(codec), [warning] if lost else []


def _encode_or_escape(char: str, codec: str) -> bytes:
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
