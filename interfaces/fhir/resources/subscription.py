"""Subscription: what a client wants to be told (profile backport-subscription of the Subscriptions R5 Backport IG)."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from ris.people.models import User

from .. import states
from ..datatypes import Json, instant
from ..models import Subscription
from ..resource_type import Page, ResourceType
from ..search.changes import ColumnChanges
from ..search.parameters import SearchParameter, choice_parameter, token_parameter
from ..subscriptions.topics import TOPICS, topic_of

EXTENSIONS = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
FILTER, HEARTBEAT, TIMEOUT = (
    f"{EXTENSIONS}backport-{name}" for name in ("filter-criteria", "heartbeat-period", "timeout")
)
CONTENT = f"{EXTENSIONS}backport-payload-content"


def _select(viewer: User) -> QuerySet[Subscription]:
    """One's own; those that were deleted are gone."""
    return Subscription.objects.filter(user=viewer).exclude(state=states.DELETED)


def _is_gone(viewer: User, pk: int) -> bool:
    return Subscription.objects.filter(user=viewer, pk=pk, state=states.DELETED).exists()


def _build(row: Subscription, page: Page) -> Json:
    """Headers of the channel hold secrets, and are not told again."""
    numbers = [(HEARTBEAT, "valueUnsignedInt", row.heartbeat_s), (TIMEOUT, "valueUnsignedInt", row.timeout_s)]
    return {
        "status": row.state,
        "end": instant(row.ends_at),
        "reason": row.reason,
        "criteria": TOPICS[row.topic].canonical,
        "_criteria": {"extension": [{"url": FILTER, "valueString": one} for one in row.filters]},
        "error": row.error,
        "channel": {
            "extension": [{"url": url, kind: value} for url, kind, value in numbers if value],
            "type": row.channel,
            "endpoint": row.endpoint,
            "payload": "application/fhir+json",
            "_payload": {"extension": [{"url": CONTENT, "valueCode": row.payload}]},
        },
    }


def _by_criteria(name: str) -> SearchParameter:
    def clause(text: str) -> Q:
        topic = topic_of(text)
        return Q(topic=topic.name) if topic else Q(pk__in=())

    return token_parameter(name, lambda term: clause(term.text))


SUBSCRIPTION = ResourceType(
    name="Subscription",
    model=Subscription,
    visible=_select,
    load=lambda rows: rows,
    build=_build,
    is_gone=_is_gone,
    changes=ColumnChanges("created_at"),
    mandatory=("status", "reason", "criteria", "channel"),
    profiles=(f"{EXTENSIONS}backport-subscription",),
    own_parameters=(
        choice_parameter("status", {one: Q(state=one) for one in (*states.STANDING, states.OFF)}),
        choice_parameter("type", {one: Q(channel=one) for one in (Subscription.HOOK, Subscription.SOCKET)}),
        _by_criteria("criteria"),
        token_parameter("url", lambda term: Q(endpoint=term.text)),
    ),
)
