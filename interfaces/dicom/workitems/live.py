"""Events of workitems by websocket: ``/dicom-web/subscribers/AE``, with the API token as bearer (PS3.18 11.13).

Each AE is told what came since its socket opened, in order; what it missed while it was away it reads by a search.
"""

from __future__ import annotations

import json
from typing import Any

from channels.db import database_sync_to_async
from django.urls import path

from ris.kernel.clock import now
from ris.people.models import ApiToken, User
from ris.people.selectors import user_of_token
from ris.people.services import digest
from worklist.live.ears import Ears
from worklist.live.listening import UNAUTHORIZED, ListeningConsumer

from ..models import Workitem, WorkitemEvent, WorkitemSubscription
from .subscription import WORKITEMS, message_of, workitems_for

MOST_AT_ONCE = 200


class WorkitemConsumer(ListeningConsumer):
    """One AE."""

    ears = Ears(WORKITEMS)

    async def connect(self) -> None:
        headers = dict(self.scope["headers"])
        scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        self.token = token.strip() if scheme.lower() == "bearer" else ""
        self.aet = self.scope["url_route"]["kwargs"]["aet"]
        last = await database_sync_to_async(_begin)(self.aet, self.token)
        await self.accept()  # what comes from here on is told
        if last is None:
            await self.close(UNAUTHORIZED)
            return
        self.last = last
        self.listen()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Nothing is expected of an AE."""

    async def send_news(self) -> bool:
        """Send the events since the last one; False when the AE may hear of none any more."""
        news = await database_sync_to_async(_news)(self.aet, self.token, self.last)
        for self.last, text in news or ():
            if text:
                await self.send(text)
        return news is not None


def _user(aet: str, token: str) -> User | None:
    """Of whose workitems the AE may hear; None where the token does not count, or the AE is another's."""
    row = ApiToken.objects.select_related("user").filter(digest=digest(token)).first()
    user = user_of_token(row, at=now()) if row else None
    if user is None or not WorkitemSubscription.objects.filter(aet=aet, user=user).exists():
        return None
    return user


def _begin(aet: str, token: str) -> int | None:
    """The last event before the socket; a state report of a fresh subscription is told again."""
    if _user(aet, token) is None:
        return None
    return WorkitemEvent.objects.filter(aet=aet).order_by("-pk").values_list("pk", flat=True).first() or 0


def _news(aet: str, token: str, last: int) -> list[tuple[int, str]] | None:
    user = _user(aet, token)
    if user is None:
        return None
    events = WorkitemEvent.objects.filter(aet=aet, pk__gt=last).select_related("workitem").order_by("pk")
    rows = list(events[:MOST_AT_ONCE])
    seen = workitems_for(user).filter(pk__in={row.workitem_id for row in rows}) if rows else Workitem.objects.none()
    open_ids = set(seen.values_list("pk", flat=True))
    return [(row.pk, json.dumps(message_of(row)) if row.workitem_id in open_ids else "") for row in rows]


websocket_urlpatterns: list[Any] = [path("dicom-web/subscribers/<str:aet>", WorkitemConsumer.as_asgi())]
