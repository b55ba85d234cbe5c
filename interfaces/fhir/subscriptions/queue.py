"""Notifications as they are numbered and owed: one row an event and subscription, in the relay's transaction."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from django.db.models import F, Q

from ris.kernel import doorbell
from ris.kernel.alarms import clear_alarm
from ris.kernel.db.transactions import lock_name
from ris.kernel.errors import Forbidden
from ris.kernel.events import Event
from ris.kernel.queue import Backoff, Queue
from ris.people.models import User
from ris.people.selectors import user_of_token

from .. import states
from ..models import Notification, Subscription
from ..registry import TYPES
from ..search.query import read_search
from .topics import Topic, topics_of

NOTIFY = "fhir-notify"
"""Doorbell: a notification is owed, or waits for a websocket."""
QUEUE = Queue(
    Notification,
    states.NOTIFICATIONS,
    Backoff(first_s=1, longest_s=600),
    claim_timeout=timedelta(minutes=2),  # longer than the longest time-out of a subscription (MOST_TIMEOUT_S)
    alarm="fhir-subscription",
    lane=("subscription",),
)
MOST_TIMEOUT_S = 30
MOST_ATTEMPTS = 10
"""A quarter of an hour of tries; after that the subscription is in error until its owner or a person asks anew."""
KEPT_FOR = timedelta(days=7)
"""How long what was told can be asked for again ($events)."""


def enqueue_event(event: Event) -> int:
    """Owe the event to every subscription that may hear of it; return how many. Idempotent."""
    topics = {topic.name: topic for topic in topics_of(event)}
    rows = Subscription.objects.filter(topic__in=topics, state__in=states.STANDING).select_related(
        "token__user", "user"
    )
    return sum(_enqueue(row, topics[row.topic], event) for row in rows.order_by("pk"))


def _enqueue(subscription: Subscription, topic: Topic, event: Event) -> int:
    if subscription.ends_at is not None and subscription.ends_at <= event.at:
        return 0
    viewer = user_of_token(subscription.token, at=event.at)
    if viewer is None:
        return 0  # the sweep switches it off
    return sum(_append(subscription, topic, pk, event) for pk in visible_focus(subscription, topic, viewer, event))


def visible_focus(subscription: Subscription, topic: Topic, viewer: User, event: Event) -> Iterator[int]:
    """Of what the event is about, what the viewer may see and the subscription's filters let through."""
    resource_type = TYPES[topic.resource]
    for pk in topic.focus(event):
        try:
            rows = resource_type.select(viewer).filter(pk=pk)
        except Forbidden:  # the role was changed since
            return
        for condition in conditions_of(subscription.filters, topic, viewer):
            rows = rows.filter(condition)
        if rows.exists():
            yield pk


def conditions_of(filters: list[str], topic: Topic, viewer: User) -> list[Q]:
    """The searches of a subscription as conditions. Raises Invalid for one that cannot be read."""
    resource_type = TYPES[topic.resource]
    pairs = [pair for one in filters for pair in parse_qsl(one.partition("?")[2], keep_blank_values=True)]
    return list(read_search(resource_type, pairs, viewer=viewer, strict=True).conditions)


def _append(subscription: Subscription, topic: Topic, pk: int, event: Event) -> int:
    """Number it and owe it; 0 where it was told before."""
    # The same lock for all who number: a number is given and committed before the next is given.
    lock_name(f"fhir-subscription:{subscription.pk}")
    source = f"{event.kind}:{pk}:{event.at.isoformat()}"
    rows = Subscription.objects.filter(pk=subscription.pk)
    if Notification.objects.filter(subscription=subscription, source=source).exists():
        return 0
    rows.update(events=F("events") + 1)
    is_socket = subscription.channel == Subscription.SOCKET
    Notification.objects.create(
        subscription=subscription,
        kind=Notification.EVENT,
        source=source,
        number=rows.values_list("events", flat=True).get(),
        focus_type=topic.resource,
        focus_id=pk,
        state=states.KEPT if is_socket else states.OWED,
        at=event.at,
        created_at=event.at,
        due_at=event.at,
    )
    doorbell.ring(NOTIFY)
    return 1


def owe_handshake(subscription: Subscription, *, at: datetime) -> None:
    """Owe the receiver a handshake, before anything else that it is owed."""
    Notification.objects.create(
        subscription=subscription,
        kind=Notification.HANDSHAKE,
        source=f"handshake:{at.isoformat()}",
        state=states.OWED,
        at=at,
        created_at=at,
        due_at=at,
    )
    doorbell.ring(NOTIFY)


def owe_heartbeats(*, at: datetime) -> int:
    """Owe a heartbeat to each receiver that has heard nothing for its period; return how many."""
    made = []
    owed = QUEUE.owed().values("subscription")
    active = Subscription.objects.filter(state=states.ACTIVE, channel=Subscription.HOOK, heartbeat_s__gt=0)
    for row in active.exclude(pk__in=owed):
        since = row.notified_at or row.created_at
        if since + timedelta(seconds=row.heartbeat_s) <= at:
            made.append(
                Notification(
                    subscription=row,
                    kind=Notification.HEARTBEAT,
                    source=f"heartbeat:{since.isoformat()}",  # of two sweeps at once one writes it
                    state=states.OWED,
                    at=at,
                    created_at=at,
                    due_at=at,
                )
            )
    Notification.objects.bulk_create(made, ignore_conflicts=True)
    if made:
        doorbell.ring(NOTIFY)
    return len(made)


def end_what_is_over(*, at: datetime) -> int:
    """Switch off subscriptions whose end has come or whose token no longer counts; return how many."""
    ended = 0
    for row in Subscription.objects.filter(state__in=states.STANDING).select_related("token__user"):
        if why := _why_over(row, at):
            ended += Subscription.objects.filter(pk=row.pk).take_all(states.SWITCH_OFF, error=why)
            Notification.objects.filter(subscription=row).take_all(states.SKIP)
            clear_alarm(QUEUE.alarm, alarm_subject(row), at=at)
    return ended


def delete_old_notifications(*, at: datetime) -> None:
    """Forget what was told a week ago and is owed no more."""
    Notification.objects.filter(created_at__lt=at - KEPT_FOR).exclude(state=states.OWED).delete()


def _why_over(row: Subscription, at: datetime) -> str:
    if row.ends_at is not None and row.ends_at <= at:
        return "Its end has come."
    if user_of_token(row.token, at=at) is None:
        return "Its token is revoked or over."
    if row.state == states.ERROR and (row.notified_at or row.created_at) < at - KEPT_FOR:
        return "Its receiver was away for a week."
    return ""


def alarm_subject(subscription: Subscription) -> str:
    """What the alarm of a subscription is about: its number and its owner."""
    return f"Subscription {subscription.pk} of {subscription.user.username}"[:160]
