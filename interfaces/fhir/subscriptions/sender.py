"""Notifications are sent, of each subscription the oldest first. Run by a task; safe to run by several at once."""

from __future__ import annotations

import json
from datetime import datetime

import httpx
import structlog
from django.conf import settings
from django.db import transaction

from ris.kernel.alarms import clear_alarm, raise_alarm
from ris.kernel.queue import start_clock
from ris.kernel.values.key_ring import KeyMissing, decrypt
from ris.kernel.values.webhooks import AddressRefused, post_signed
from ris.people.selectors import user_of_token

from .. import states
from ..models import Notification, Subscription
from .bundles import notification_bundle
from .queue import MOST_ATTEMPTS, QUEUE, alarm_subject

log = structlog.get_logger(__name__)

MOST_ROUNDS = 50
"""Notifications that one run sends to one receiver; the bell or the sweep brings the next run."""


def send_due(*, at: datetime) -> int:
    """Send what is due; return how many notifications were taken.

    One of each subscription after the other, those that fail last, so that one receiver's backlog or silence keeps
    the others from nothing.
    """
    clock = start_clock(at)
    sent = 0
    for _ in range(MOST_ROUNDS):
        heads: dict[int, Notification] = {}
        due = QUEUE.due(clock()).filter(subscription__state__in=states.SENDING)
        for one in due.select_related("subscription__token__user", "subscription__user").order_by("attempts", "pk")[
            :500
        ]:
            heads.setdefault(one.subscription_id, one)
        taken = [one for one in heads.values() if QUEUE.claim(one, clock())]
        if not taken:
            break
        sent += sum(_send(one, clock()) for one in taken)
    return sent


def _send(notification: Notification, at: datetime) -> bool:
    subscription = notification.subscription
    viewer = user_of_token(subscription.token, at=at)
    if viewer is None:
        return False  # the sweep switches it off; until then the claim keeps it
    # As it stands now: what was numbered meanwhile counts, and a handshake says requested.
    subscription.refresh_from_db(fields=["state", "events", "error"])
    events = [notification] if notification.kind == Notification.EVENT else []
    with transaction.atomic():
        body = notification_bundle(subscription, notification.kind, events, viewer=viewer, at=at)
    try:
        _post(subscription, notification, json.dumps(body, separators=(",", ":")).encode(), at)
    except (OSError, ValueError, KeyMissing, httpx.HTTPError, httpx.InvalidURL) as error:
        _postpone(notification, _describe(error), at)
        return False
    return _mark_sent(notification, at)


def _post(subscription: Subscription, notification: Notification, body: bytes, at: datetime) -> None:
    headers = json.loads(decrypt(subscription.secret_headers)) if subscription.secret_headers else {}
    post_signed(
        subscription.endpoint,
        body,
        message_id=f"fhir-notification-{notification.pk}",
        key=settings.SECRET_KEY,
        networks=settings.RIS.webhook_networks,
        at=at,
        timeout_s=subscription.timeout_s,
        more={**headers, "Content-Type": "application/fhir+json"},
    )


def _describe(error: Exception) -> str:
    """Why it failed, without what was sent or to which path."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"The receiver answered with HTTP {error.response.status_code}"
    if isinstance(error, AddressRefused | KeyMissing):
        return str(error)
    return f"The receiver cannot be reached ({type(error).__name__})"


@transaction.atomic
def _mark_sent(notification: Notification, at: datetime) -> bool:
    if not QUEUE.complete(notification, sent_at=at):
        return False  # it was skipped while it was on its way
    subscription = notification.subscription
    rows = Subscription.objects.filter(pk=subscription.pk)
    rows.update(notified_at=at, error="")
    if notification.kind == Notification.HANDSHAKE:
        rows.take_all(states.ACTIVATE)
    clear_alarm(QUEUE.alarm, alarm_subject(subscription), at=at)
    return True


@transaction.atomic
def _postpone(notification: Notification, why: str, at: datetime) -> None:
    subscription = notification.subscription
    QUEUE.postpone(notification, why, subject=alarm_subject(subscription), at=at)
    rows = Subscription.objects.filter(pk=subscription.pk)
    rows.update(error=why[:160])
    log.warning("fhir.notification-waits", subscription=subscription.pk, attempts=notification.attempts)
    if notification.attempts >= MOST_ATTEMPTS and rows.take_all(states.FAIL):
        detail = f"{why}. It is in error: nothing more is sent until it is requested again."
        raise_alarm(QUEUE.alarm, alarm_subject(subscription), detail=detail, at=at)
