"""Operations of Subscription: $status, $events, $get-ws-binding-token (backport IG). By GET, or POST of Parameters."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse

from ris.audit.services import record
from ris.kernel.clock import now
from ris.kernel.errors import Invalid
from ris.kernel.values import id_or_none, read_number
from ris.people.http import actor_of, user_of

from ..api import fhir_call, render
from ..api_writes import read_body
from ..datatypes import instant
from ..models import Notification, Subscription
from ..writes.body import read_resource
from .bundles import QUERY_EVENT, QUERY_STATUS, base_url, notification_bundle, status_of_subscription
from .live import TOKEN_S, binding_token
from .services import subscription_of

MOST_EVENTS = 200


def _asked(request: HttpRequest) -> dict[str, list[str]]:
    """Names and values of the parameters, of the query and of a Parameters resource in the body."""
    found = {name: [str(one) for one in values] for name, values in request.GET.lists()}
    if request.method == "POST" and request.body:
        for parameter in read_resource(read_body(request), "Parameters").each("parameter"):
            name = parameter.get("name").text()
            values = [value for key, value in (parameter.value or {}).items() if key.startswith("value")]
            found.setdefault(name, []).extend(str(value) for value in values)
    return found


def _of(request: HttpRequest, text: str) -> Subscription:
    return subscription_of(user_of(request), id_or_none(text.rpartition("/")[2]) or 0)


@fhir_call("GET", "POST")
def status(request: HttpRequest, subscription_id: str = "") -> HttpResponse:
    """How one's subscriptions stand: a searchset of Parameters; all of them, or those of ``id``."""
    asked = _asked(request)
    wanted = [subscription_id] if subscription_id else asked.get("id", [])
    rows = [_of(request, text) for text in wanted]
    if not wanted:
        mine = Subscription.objects.filter(user=user_of(request)).exclude(state="deleted").order_by("pk")
        rows = list(mine.select_related("token__user", "user")[:MOST_EVENTS])
    entries: list[Any] = []
    for row in rows:
        resource = status_of_subscription(row, QUERY_STATUS)
        url = f"{base_url()}/Subscription/{row.pk}/$status"
        entries.append({"fullUrl": url, "resource": resource, "search": {"mode": "match"}})
    return render({"resourceType": "Bundle", "type": "searchset", **({"entry": entries} if entries else {})})


@fhir_call("GET", "POST")
def events(request: HttpRequest, subscription_id: str) -> HttpResponse:
    """What was told, by number: ``eventsSinceNumber``, ``eventsUntilNumber`` (both included), ``content``.

    At most 200, the first ones; the client asks on from the last number that it got. Kept for a week.
    """
    row, asked = _of(request, subscription_id), _asked(request)
    rows = Notification.objects.filter(subscription=row, number__isnull=False).order_by("number")
    for name, lookup in (("eventsSinceNumber", "number__gte"), ("eventsUntilNumber", "number__lte")):
        if text := asked.get(name, [""])[0]:
            rows = rows.filter(**{lookup: read_number(text, at=name)})
    content = asked.get("content", [row.payload])[0]
    if content not in (Subscription.EMPTY, Subscription.IDS, Subscription.FULL):
        raise Invalid("Say empty, id-only or full-resource.", at="content")
    found = list(rows.select_related("subscription")[:MOST_EVENTS])
    record(actor_of(request), "fhir.events", row, at=now(), rows=len(found))
    return render(notification_bundle(row, QUERY_EVENT, found, viewer=user_of(request), at=now(), payload=content))


@fhir_call("GET", "POST")
def bind(request: HttpRequest, subscription_id: str = "") -> HttpResponse:
    """A token by which a websocket hears the subscriptions; it must be used within a minute."""
    wanted = [subscription_id] if subscription_id else _asked(request).get("id", [])
    if not wanted:
        raise Invalid("Say of which subscription: id.", at="id")
    parameters: list[Any] = []
    socket = base_url().replace("http", "ws", 1) + "/ws"
    until = instant(now() + timedelta(seconds=TOKEN_S))
    for text in wanted:
        row = _of(request, text)
        if row.channel != Subscription.SOCKET:
            raise Invalid("The channel of this subscription is no websocket.", at="Subscription.channel.type")
        parameters += [
            {"name": "token", "valueString": binding_token(row)},
            {"name": "expiration", "valueDateTime": until},
            {"name": "subscription", "valueString": f"{base_url()}/Subscription/{row.pk}"},
            {"name": "websocket-url", "valueUrl": socket},
        ]
    return render({"resourceType": "Parameters", "parameter": parameters})
