"""What a subscriber gets: Bundles of type history with a status first (backport IG, R4 notifications)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings

from ris.audit.services import Actor, record
from ris.kernel.errors import Forbidden
from ris.people.models import User

from ..datatypes import Json, instant, prune
from ..models import Notification, Subscription
from ..registry import TYPES
from ..representation import represent
from ..resource_type import Page
from .topics import TOPICS

PROFILES = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
QUERY_STATUS, QUERY_EVENT = "query-status", "query-event"


def base_url() -> str:
    """The address of the server, as others know it."""
    return f"{settings.RIS.url.rstrip('/')}/fhir/R4"


def status_of_subscription(
    subscription: Subscription, kind: str, events: Sequence[Notification] = (), seen: frozenset[int] = frozenset()
) -> Json:
    """The Parameters that say how a subscription stands (profile backport-subscription-status-r4).

    ``seen``: primary keys of the notifications whose focus may be named.
    """
    named = subscription.payload != Subscription.EMPTY
    parts: list[Json] = [
        {"name": "subscription", "valueReference": {"reference": f"{base_url()}/Subscription/{subscription.pk}"}},
        {"name": "topic", "valueCanonical": TOPICS[subscription.topic].canonical},
        {"name": "status", "valueCode": subscription.state},
        {"name": "type", "valueCode": kind},
        {"name": "events-since-subscription-start", "valueString": str(subscription.events)},
    ]
    parts += [{"name": "notification-event", "part": _event(one, named and one.pk in seen)} for one in events]
    if subscription.error:
        parts.append({"name": "error", "valueCodeableConcept": {"text": subscription.error}})
    return {
        "resourceType": "Parameters",
        "id": str(uuid.uuid4()),
        "meta": {"profile": [f"{PROFILES}backport-subscription-status-r4"]},
        "parameter": parts,
    }


def _event(notification: Notification, is_named: bool) -> list[Json]:
    parts: list[Json] = [
        {"name": "event-number", "valueString": str(notification.number)},
        {"name": "timestamp", "valueInstant": instant(notification.at)},
    ]
    if is_named:
        parts.append({"name": "focus", "valueReference": {"reference": _focus(notification)}})
    return parts


def _focus(notification: Notification) -> str:
    return f"{base_url()}/{notification.focus_type}/{notification.focus_id}"


def notification_bundle(
    subscription: Subscription,
    kind: str,
    events: Sequence[Notification],
    *,
    viewer: User,
    at: datetime,
    payload: str = "",
) -> Json:
    """The Bundle about these events, as the viewer may see them now. ``payload``: another one than the usual.

    Resources that leave are audited. An event whose focus the viewer may see no more keeps its number, and names none.
    """
    payload = payload or subscription.payload
    rows = {one.pk: _row(one, viewer) for one in events} if payload != Subscription.EMPTY else {}
    seen = frozenset(pk for pk, row in rows.items() if row is not None)
    status = status_of_subscription(subscription, kind, events, seen)
    where = f"{base_url()}/Subscription/{subscription.pk}/$status"
    entries: list[Json] = [
        {
            "fullUrl": f"urn:uuid:{status['id']}",
            "resource": status,
            "request": {"method": "GET", "url": where},
            "response": {"status": "200"},
        }
    ]
    for one in events:
        if one.pk in seen:
            entries.append(_entry(one, rows[one.pk], viewer, at, payload == Subscription.FULL))
    bundle: Json = prune({"resourceType": "Bundle", "id": str(uuid.uuid4()), "type": "history", "entry": entries})
    bundle["meta"] = {"profile": [f"{PROFILES}backport-subscription-notification-r4"]}
    return bundle | {"timestamp": instant(at)}


def _row(notification: Notification, viewer: User) -> object:
    try:
        return TYPES[notification.focus_type].row_of(viewer, int(notification.focus_id or 0))
    except Forbidden:
        return None


def _entry(notification: Notification, row: object, viewer: User, at: datetime, is_full: bool) -> Json:
    url = _focus(notification)
    entry: Json = {"fullUrl": url, "request": {"method": "GET", "url": url}, "response": {"status": "200"}}
    if is_full:
        resource_type = TYPES[notification.focus_type]
        (entry["resource"],) = represent(resource_type, [row], Page(viewer, base_url()))
        patient_id = resource_type.patient(row) if resource_type.patient else None
        record(
            Actor.of_user(viewer, "system"), "fhir.notify", notification.subscription, patient_id=patient_id,
            at=at, resource=notification.focus_type,
        )  # fmt: skip
    return entry
