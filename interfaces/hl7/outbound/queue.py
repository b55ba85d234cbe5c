"""Queue of messages for destinations: a row each, written in the transaction of the event that causes it.

A lane is an accession number of one destination. Its messages go in order, so one that is stopped, invalid or
postponed holds those behind it; other lanes go on. Here stand also which message is next, and what a refusal or a
missing answer does to its lane.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.db.transactions import lock_name
from ris.kernel.doorbell import ring
from ris.kernel.events import Event
from ris.kernel.queue import Backoff

from .. import states
from ..models import Destination, OutboundMessage
from ..v2.encoding import codec_named
from .connection import Answer
from .messages.segments import new_control_id
from .preparation import INVALID_ALARM, alarm_subject, prepare_message
from .transliteration import transliterate
from .triggers import PlannedMessage, plan_messages

SEND = "hl7-send"
"""Doorbell: something may be owed to a destination."""

REFUSED_ALARM = "hl7-message-refused"
DESTINATION_BACKOFF = Backoff(first_s=1, longest_s=60)
"""Of a destination that does not answer: a minute at most, so that results leave soon after it is back."""
NOT_NOW_BACKOFF = Backoff(first_s=5, longest_s=600)
"""Of a message that the peer cannot take now: ten minutes at most; a person can resend it at once."""
MOST_UNEXPLAINED = 10
"""Refusals without an error code (MSA-1 AR or CR) after which a message waits for a person: some 40 minutes."""
ALARM_AFTER = 3
"""Refusals in a row of a message that is still tried, after which a person should know."""
MOST_PASSED_OVER = 2
"""How often the peer may answer others and not this message until its lane stops; with the first try, three tries."""
NO_ANSWER = "The peer answers other messages and not this one. Look at it, then resend or skip it."

EMR = "EMR"
REPORT_KINDS = ["report.preliminary", "report.final", "report.addendum", "report.corrected", "report.retracted"]


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
    # Nearly every text fits; only then is it looked at sign by sign.
    try:
        return text.encode(codec), []
    except UnicodeEncodeError:
        pass
    if destination.options.get("unencodable") == "escape":
        return b"".join(_encode_or_escape(char, codec) for char in text), []
    text, lost = transliterate(text, codec)
    names = [line[:3] for line in text.split("\r")]
    # Segments only: what was lost may be a name, and a warning is seen by people who may not see patients.
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


def due(at: datetime) -> QuerySet[Destination]:
    """Destinations that something can be sent to now."""
    waiting = OutboundMessage.objects.filter(_is_due(at), destination=OuterRef("pk"), state=states.QUEUED)
    ready = Destination.objects.filter(DESTINATION_BACKOFF.due("retry_at", at), paused_at=None).exclude(host="")
    return ready.filter(Exists(waiting)).order_by("pk")


def next_message(destination: Destination, at: datetime) -> OutboundMessage | None:
    """The next message that can be sent, prepared; one that proves invalid is held, and the next is looked at."""
    while True:
        message = _first_of_lanes(destination, at)
        if message is None or message.prepared_at is not None:
            return message
        # It may be held as invalid now, or skipped by a person meanwhile: which is first is asked anew.
        prepare_message(message, at=at)


def _first_of_lanes(destination: Destination, at: datetime) -> OutboundMessage | None:
    """A queued message that is due and that nothing earlier in its lane holds back.

    One that was tried in vain comes after those that were not, so that a message which the peer cannot digest
    does not keep other lanes waiting; else the oldest.
    """
    earlier = OutboundMessage.objects.filter(
        destination=destination, lane=OuterRef("lane"), state__in=states.UNFINISHED, id__lt=OuterRef("id")
    )
    queued = OutboundMessage.objects.filter(_is_due(at), destination=destination, state=states.QUEUED)
    return queued.exclude(Exists(earlier)).order_by("failures", "pk").first()


def _is_due(at: datetime) -> Q:
    return NOT_NOW_BACKOFF.due("retry_at", at)


def is_indigestible(destination: Destination, message: OutboundMessage) -> bool:
    """Whether the peer keeps answering others while it has no answer to this message, the try now included."""
    return message.passed_over + _was_passed_over(destination, message) >= MOST_PASSED_OVER


def _was_passed_over(destination: Destination, message: OutboundMessage) -> bool:
    tried_at, answered_at = message.tried_at, destination.last_sent_at
    return tried_at is not None and answered_at is not None and answered_at > tried_at


def postpone_unanswered(destination: Destination, message: OutboundMessage, at: datetime) -> None:
    """Note a try that got no answer, though the peer was reached."""
    failures = message.failures + 1
    OutboundMessage.objects.filter(pk=message.pk).update(
        attempts=F("attempts") + 1,
        failures=failures,
        passed_over=F("passed_over") + int(_was_passed_over(destination, message)),
        tried_at=at,
        retry_at=at + DESTINATION_BACKOFF.delay(failures),
    )


def is_retried(message: OutboundMessage, answer: Answer) -> bool:
    """Whether a refused message is sent again by itself: what the peer cannot take *now*, not what is wrong in it."""
    return answer.is_not_now or (answer.is_unexplained and message.failures + 1 < MOST_UNEXPLAINED)


def alarm_refused(message: OutboundMessage, destination: Destination, answer: Answer, at: datetime) -> None:
    """Raise the alarm of the message's lane: at once when it stopped, after some tries when it is tried again."""
    again = is_retried(message, answer)
    if not again or message.failures + 1 >= ALARM_AFTER:
        outcome = "is tried again" if again else "waits for a person"
        detail = f"Message {message.pk}: {answer.code} {answer.error_code}".strip() + f"; it {outcome}"
        raise_alarm(REFUSED_ALARM, alarm_subject(destination, message), detail=detail, at=at)


def clear_lane_alarms(destination: Destination, message: OutboundMessage, *, at: datetime) -> None:
    """Close the alarms of a lane whose message was accepted, sent again by a person, or skipped."""
    for kind in (REFUSED_ALARM, INVALID_ALARM):
        clear_alarm(kind, alarm_subject(destination, message), at=at)
