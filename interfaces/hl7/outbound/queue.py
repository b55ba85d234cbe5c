"""What is owed to destinations. Written in the transaction of whoever causes it; sent by somebody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

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
from .messages.segments import new_control_id

if TYPE_CHECKING:
    from .triggers import Telling

SEND = "hl7-send"
"""Doorbell: something may be owed to a destination."""

INVALID_ALARM = "hl7-message-invalid"
EMR = "EMR"
REPORT_KINDS = ["report.preliminary", "report.final", "report.addendum", "report.corrected"]

Builder = Callable[[Destination, str, datetime], list[str]]
"""(destination, control id, at) → segments."""


def tell(event: Event, destinations: list[Destination]) -> int:
    """Owe each of the destinations what it wants to hear of the event; return how many messages that is.

    Those that were owed before are not owed again, and not counted.
    """
    fresh = 0
    for destination, telling in owing(event, destinations):
        _, new = owe(
            destination,
            kind=telling.kind,
            lane=event.stream,
            source=telling.source,
            build=telling.build,
            patient_id=telling.patient_id,
            site_id=telling.site_id,
            at=event.at,
        )
        fresh += new
    return fresh


def owing(event: Event, destinations: list[Destination]) -> Iterator[tuple[Destination, Telling]]:
    """Which of the destinations wants to hear what of the event."""
    from .triggers import tellings  # it needs Builder from here

    wanted = frozenset(kind for destination in destinations for kind in destination.kinds)
    for telling in tellings(event, wanted):
        for destination in destinations:
            if telling.kind in destination.kinds and _passes(destination, telling):
                yield destination, telling


def _passes(destination: Destination, telling: Telling) -> bool:
    """Whether the destination's filters let it through. A filter that is not set lets everything through."""
    wanted = destination.filters
    return (
        (not wanted.get("site") or telling.site in wanted["site"])
        and (not wanted.get("modality") or bool(telling.modalities & set(wanted["modality"])))
        and (not wanted.get("critical") or bool(telling.critical & set(wanted["critical"])))
    )


def owe(
    destination: Destination,
    *,
    kind: str,
    lane: str,
    source: str,
    build: Builder,
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
    wrong = _why_held(destination, text)
    message = OutboundMessage.objects.create(
        destination=destination,
        lane=lane,
        kind=kind,
        source=source,
        control_id=control_id,
        state=states.INVALID if wrong else states.QUEUED,
        error=wrong,
        raw=encode(text, destination),
        created_at=at,
        patient_id=patient_id,
        site_id=site_id,
    )
    if wrong:
        raise_alarm(INVALID_ALARM, destination.name, detail=f"Message {message.pk}", at=at)
    ring(SEND)
    return message, True


def _why_held(destination: Destination, text: str) -> str:
    """What is wrong with a message by the destination's own profile, or else by its version."""
    own = destination.profiles.filter(structure=structure_of(text)).first()
    return why_invalid(text, read_profile(own.xml).reference if own else None)


def encode(text: str, destination: Destination) -> bytes:
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


def follow_settings(*, at: datetime) -> None:
    """Make the destination ``EMR`` if a demo lacks it, and point it where RIS_EMR says."""
    if settings.RIS.demo:
        Destination.objects.get_or_create(name=EMR, defaults={"kinds": REPORT_KINDS})
    if settings.RIS.emr:
        host, port = settings.RIS.emr
        changed = Destination.objects.filter(name=EMR).exclude(host=host, port=port)
        changed.update(host=host, port=port, retry_at=None)
        ring(SEND)
