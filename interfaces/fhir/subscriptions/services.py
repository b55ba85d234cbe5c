"""Subscriptions are made, asked for again, switched off and deleted; each change is audited."""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel.alarms import clear_alarm
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.values.key_ring import encrypt
from ris.kernel.values.webhooks import AddressRefused, choose_ip, host_of
from ris.people.models import ApiToken, User

from .. import states
from ..models import Notification, Subscription
from ..registry import TYPES
from .queue import MOST_TIMEOUT_S, QUEUE, alarm_subject, conditions_of, owe_handshake
from .topics import TOPICS

MOST_OF_A_TOKEN = 50
FEWEST_HEARTBEAT_S = 5
_HEADER = re.compile(r"([A-Za-z0-9-]{1,64}): ?([\x20-\x7e]{1,2000})")
OURS = ("host", "content-type", "content-length", "transfer-encoding", "connection", "idempotency-key")


@dataclass(frozen=True, kw_only=True)
class SubscriptionIntent:
    """What a client wants to be told, where and how."""

    topic: str
    filters: list[str] = field(default_factory=list)
    channel: str
    endpoint: str = ""
    headers: tuple[str, ...] = ()
    payload: str = Subscription.IDS
    heartbeat_s: int = 0
    timeout_s: int = 10
    reason: str
    ends_at: datetime | None = None


@transaction.atomic
def make_subscription(
    intent: SubscriptionIntent, *, user: User, token: ApiToken, actor: Actor, at: datetime
) -> Subscription:
    """Subscribe the token. A rest-hook is active once its receiver took a handshake; a websocket at once.

    Raises Invalid at the element that is wrong, Forbidden for a topic of resources that the user's role has not.
    """
    topic = TOPICS[intent.topic]
    TYPES[topic.resource].select(user)  # raises Forbidden
    conditions_of(intent.filters, topic, user)  # raises Invalid
    is_hook = intent.channel == Subscription.HOOK
    if is_hook:
        check_endpoint(intent.endpoint)
    if intent.ends_at is not None and intent.ends_at <= at:
        raise Invalid("The end has passed already.", at="Subscription.end")
    if Subscription.objects.filter(token=token, state__in=states.STANDING).count() >= MOST_OF_A_TOKEN:
        raise Conflict(f"A token has {MOST_OF_A_TOKEN} subscriptions at most. Delete some.", at="Subscription")
    row = Subscription.objects.create(
        token=token, user=user, topic=topic.name, filters=intent.filters, channel=intent.channel,
        endpoint=intent.endpoint if is_hook else "", secret_headers=_sealed(intent.headers), payload=intent.payload,
        heartbeat_s=max(intent.heartbeat_s, FEWEST_HEARTBEAT_S) if intent.heartbeat_s else 0,
        timeout_s=min(max(intent.timeout_s, 1), MOST_TIMEOUT_S), reason=intent.reason, ends_at=intent.ends_at,
        created_at=at, state=states.REQUESTED if is_hook else states.ACTIVE,
    )  # fmt: skip
    if is_hook:
        owe_handshake(row, at=at)
    host = host_of(intent.endpoint) if is_hook else ""
    record(actor, "fhir.subscribe", row, at=at, topic=topic.name, host=host, payload=intent.payload)
    return row


def _sealed(headers: tuple[str, ...]) -> str:
    """The headers encrypted; empty without any. Raises Invalid for what is no header, or one that is ours to set."""
    found: dict[str, str] = {}
    for number, text in enumerate(headers):
        match = _HEADER.fullmatch(text)
        if match is None or match[1].lower() in OURS or match[1].lower().startswith("webhook-"):
            place = f"Subscription.channel.header[{number}]"
            raise Invalid("A header such as “Authorization: Bearer …” is wanted.", at=place)
        found[match[1]] = match[2].strip()
    return encrypt(json.dumps(found)) if found else ""


def check_endpoint(endpoint: str) -> None:
    """Raise Invalid unless the policy of webhooks lets us call there: by https, but for internal networks."""
    at = "Subscription.channel.endpoint"
    try:
        parts = urlsplit(endpoint)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise Invalid("This is no address.", at=at) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or len(endpoint) > 500:
        raise Invalid("An https address of at most 500 characters is wanted, without a user in it.", at=at)
    try:
        ip = choose_ip(parts.hostname, port, settings.RIS.webhook_networks)
    except AddressRefused as refusal:
        raise Invalid(f"{refusal}.", at=at) from None
    except (OSError, UnicodeError):
        raise Invalid("The name of this host is not known here.", at=at) from None
    if parts.scheme == "http" and ipaddress.ip_address(ip.partition("%")[0]).is_global:
        raise Invalid("Public addresses are called by https only.", at=at)


@transaction.atomic
def request_again(subscription_id: int, *, actor: Actor, at: datetime, reason: str = "") -> Subscription:
    """Shake hands anew, and after that send all that is owed. Raises Conflict for one that was deleted."""
    row = Subscription.objects.take(states.REQUEST, subscription_id, error="")
    if row.channel == Subscription.SOCKET:
        row = Subscription.objects.take(states.ACTIVATE, row.pk)
    else:
        # Before what is owed: the old rows are numbered anew in the queue only, their event numbers stay.
        owed = list(Notification.objects.filter(subscription=row, state=states.OWED).order_by("pk"))
        Notification.objects.filter(pk__in=[one.pk for one in owed]).delete()
        owe_handshake(row, at=at)
        for one in owed:
            if one.kind == Notification.EVENT:
                one.pk, one.attempts, one.error, one.due_at = None, 0, "", at
                one.save(force_insert=True)
    record(actor, "fhir.subscription-request", row, at=at, reason=reason)
    return row


@transaction.atomic
def switch_off(subscription_id: int, *, actor: Actor, at: datetime, reason: str = "", delete: bool = False) -> None:
    """Send nothing more and number nothing more; what is owed is skipped. ``delete``: for good."""
    step = states.DELETE if delete else states.SWITCH_OFF
    row = Subscription.objects.take(step, subscription_id)
    Notification.objects.filter(subscription=row).take_all(states.SKIP)
    clear_alarm(QUEUE.alarm, alarm_subject(row), at=at)
    record(actor, "fhir.subscription-delete" if delete else "fhir.subscription-off", row, at=at, reason=reason)


def subscription_of(user: User, subscription_id: int) -> Subscription:
    """A subscription of the user's. Raises NotFound."""
    row = Subscription.objects.filter(pk=subscription_id, user=user).exclude(state=states.DELETED)
    found = row.select_related("token__user", "user").first()
    if found is None:
        raise NotFound("There is no such subscription of yours.", at="Subscription.id")
    return found
