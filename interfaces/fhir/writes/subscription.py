"""Subscription from FHIR: read into what a client wants; a change is to ask again, or to switch off."""

from __future__ import annotations

from ..models import Subscription
from ..resources.subscription import CONTENT, FILTER, HEARTBEAT, TIMEOUT
from ..subscriptions.services import SubscriptionIntent, make_subscription, request_again, switch_off
from ..subscriptions.topics import CANONICAL, TOPICS, topic_of
from .body import Element
from .orders import Caller

PAYLOADS = (Subscription.EMPTY, Subscription.IDS, Subscription.FULL)
CHANNELS = (Subscription.HOOK, Subscription.SOCKET)


def create_subscription(resource: Element, caller: Caller) -> tuple[Subscription, bool]:
    """Subscribe the caller's token to a topic. Each POST makes one."""
    criteria, channel = resource.get("criteria").required(f"Name a topic: {CANONICAL}…"), resource.get("channel")
    topic = topic_of(criteria.text())
    if topic is None:
        criteria.refuse(f"There are the topics {', '.join(CANONICAL + name for name in TOPICS)}.")
    kind = channel.get("type").required("Say rest-hook or websocket.")
    if kind.text() not in CHANNELS:
        kind.refuse("There are rest-hook and websocket.")
    if caller.token is None:
        resource.refuse("A subscription belongs to an API token: send one as the bearer token.")
    media = channel.get("payload")
    if media.text() not in ("", "application/fhir+json", "application/json"):
        media.refuse("There is only application/fhir+json.")
    intent = SubscriptionIntent(
        topic=topic.name,
        filters=_filters(resource.get("_criteria"), topic.resource),
        channel=kind.text(),
        endpoint=channel.get("endpoint").text(most=500),
        headers=tuple(one.text() for one in channel.each("header")),
        payload=_payload(channel),
        heartbeat_s=_number(channel, HEARTBEAT, 0),
        timeout_s=_number(channel, TIMEOUT, 10),
        reason=resource.get("reason").required("Say what it is for: reason.").text(most=250),
        ends_at=resource.get("end").moment(),
    )
    return make_subscription(intent, user=caller.user, token=caller.token, actor=caller.actor, at=caller.at), True


def _filters(criteria: Element, resource: str) -> list[str]:
    found = []
    for one in criteria.each("extension"):
        if one.get("url").text() == FILTER:
            text = one.get("valueString").text(most=500)
            if text.partition("?")[0] != resource:
                one.get("valueString").refuse(f"The focus of this topic is {resource}: begin with {resource}?")
            found.append(text)
    return found


def _payload(channel: Element) -> str:
    for one in channel.get("_payload").each("extension"):
        if one.get("url").text() == CONTENT:
            said = one.get("valueCode")
            if said.text() not in PAYLOADS:
                said.refuse(f"One of {', '.join(PAYLOADS)}.")
            return said.text()
    return Subscription.IDS


def _number(channel: Element, url: str, usual: int) -> int:
    for one in channel.each("extension"):
        if one.get("url").text() == url:
            said = one.get("valueUnsignedInt")
            value = said.value
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 86_400:
                said.refuse("A number of seconds, a day at most.")
            return int(value)
    return usual


def update_subscription(row: Subscription, resource: Element, caller: Caller) -> None:
    """``requested`` or ``active`` shakes hands anew and sends what is owed; ``off`` ends it for now."""
    status = resource.get("status").required("Say to which status it goes.").text()
    if status in ("requested", "active"):
        request_again(row.pk, actor=caller.actor, at=caller.at)
    elif status == "off":
        switch_off(row.pk, actor=caller.actor, at=caller.at)
    else:
        resource.get("status").refuse("One of requested, off. To change anything else, make another one.")


def delete_subscription(row: Subscription, caller: Caller) -> None:
    """End it for good; its id answers 410 from now on."""
    switch_off(row.pk, actor=caller.actor, at=caller.at, delete=True)
