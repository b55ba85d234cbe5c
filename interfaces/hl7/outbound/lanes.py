"""Lanes of a destination: which message is next, and what a refusal or a missing answer does to its lane.

A lane is an accession number. Its messages go in order, so one that is stopped, invalid or postponed holds those
behind it; other lanes go on.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.queue import Backoff

from .. import states
from ..models import Destination, OutboundMessage
from .answers import Answer
from .preparation import INVALID_ALARM, alarm_subject, prepare_message

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
