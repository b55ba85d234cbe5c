"""Subscriptions by websocket, at ``/fhir/R4/ws``: ``bind-with-token TOKEN``, and from then on what was numbered.

A token is of ``$get-ws-binding-token``. A socket may bind several subscriptions. What comes while nobody is bound is
kept, and asked for by ``$events``; a socket begins at the number that its handshake says.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from channels.db import database_sync_to_async
from django.core import signing
from django.db import transaction
from django.urls import path

from ris.kernel.clock import now
from ris.people.selectors import read_permissions_once, user_of_token
from worklist.live.ears import Ears
from worklist.live.listening import UNAUTHORIZED, ListeningConsumer

from .. import states
from ..models import Notification, Subscription
from .bundles import notification_bundle
from .queue import NOTIFY

SALT = "fhir.ws-binding"
TOKEN_S = 60
"""Seconds in which a binding token must be used."""
UNBOUND_S = 30.0
"""Seconds after which a socket that binds nothing is closed."""
MOST_AT_ONCE = 100
VERB = "bind-with-token"


@dataclass
class _Bound:
    subscription_id: int
    last: int
    heard_at: float


class NotificationConsumer(ListeningConsumer):
    """One client and the subscriptions that it bound."""

    ears = Ears(NOTIFY)

    async def connect(self) -> None:
        self.bound: dict[int, _Bound] = {}
        self.began = asyncio.get_running_loop().time()
        await self.accept()
        self.listen()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """``bind-with-token TOKEN``; anything else, and a token that does not count, ends the socket."""
        verb, _, token = (text_data or "").strip().partition(" ")
        answer = await database_sync_to_async(_bind)(token.strip()) if verb.rstrip(":") == VERB else None
        if answer is None:
            await self.close(UNAUTHORIZED)
            return
        subscription_id, last, text = answer
        await self.send(text)
        self.bound[subscription_id] = _Bound(subscription_id, last, asyncio.get_running_loop().time())
        self.bell.set()

    async def send_news(self) -> bool:
        """Send what was numbered, or a heartbeat; False when nothing was bound in time, or may be told no more."""
        time = asyncio.get_running_loop().time()
        if not self.bound and time - self.began > UNBOUND_S:
            return False
        for bound in list(self.bound.values()):
            news = await database_sync_to_async(_news)(bound.subscription_id, bound.last, time - bound.heard_at)
            if news is None:  # it was switched off, or its token no longer counts
                return False
            last, texts = news
            for text in texts:
                await self.send(text)
                bound.heard_at = time
            bound.last = last
        return True


def binding_token(subscription: Subscription) -> str:
    """A token by which a websocket binds the subscription within ``TOKEN_S`` seconds."""
    return signing.dumps(subscription.pk, salt=SALT)


def _bind(token: str) -> tuple[int, int, str] | None:
    try:
        pk = signing.loads(token, salt=SALT, max_age=TOKEN_S)
    except signing.BadSignature:
        return None
    row = _standing(pk)
    if row is None:
        return None
    Subscription.objects.filter(pk=pk).update(notified_at=now())
    bundle = notification_bundle(row, Notification.HANDSHAKE, [], viewer=row.token.user, at=now())
    return row.pk, row.events, json.dumps(bundle)


def _standing(pk: int) -> Subscription | None:
    rows = Subscription.objects.filter(pk=pk, state=states.ACTIVE, channel=Subscription.SOCKET)
    row = rows.select_related("token__user", "user").first()
    if row is None or user_of_token(row.token, at=now()) is None:
        return None
    return row


def _news(pk: int, last: int, silent_s: float) -> tuple[int, list[str]] | None:
    """The number told last, and what is to be told; None when nothing may be told any more."""
    row = _standing(pk)
    if row is None:
        return None
    rows = Notification.objects.filter(subscription=row, number__gt=last, number__lte=row.events)
    events = list(rows.order_by("number")[:MOST_AT_ONCE])
    at = now()
    with read_permissions_once(), transaction.atomic():
        if events:
            bundle = notification_bundle(row, Notification.EVENT, events, viewer=row.token.user, at=at)
            return int(events[-1].number or last), [json.dumps(bundle)]
        if row.heartbeat_s and silent_s >= row.heartbeat_s:
            bundle = notification_bundle(row, Notification.HEARTBEAT, [], viewer=row.token.user, at=at)
            return last, [json.dumps(bundle)]
    return last, []


websocket_urlpatterns: list[Any] = [path("fhir/R4/ws", NotificationConsumer.as_asgi())]
