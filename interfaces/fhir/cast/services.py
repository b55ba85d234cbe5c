"""Sessions, their subscriptions and events: each change is one transaction, told to every process by a bell."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from ris.audit.services import Actor, record
from ris.kernel import doorbell
from ris.kernel.db.transactions import lock_name
from ris.kernel.errors import Invalid, NotFound
from ris.kernel.values import new_uid
from ris.people.models import ApiToken, User
from ris.people.selectors import user_of_token

from ..datatypes import Json, instant
from ..models import CastEvent, CastSession, CastSubscription
from .context import KNOWN, Context, follow, resource_of

CAST = "fhircast"
"""Doorbell: an event of a session is to be told."""
LONGEST_LEASE_S, USUAL_LEASE_S = 28_800, 7200
KEPT_FOR = timedelta(hours=1)


@transaction.atomic
def session_of(user: User, *, at: datetime) -> CastSession:
    """The user's session; made when it is first asked for."""
    made = {"topic": secrets.token_urlsafe(24), "changed_at": at}
    return CastSession.objects.get_or_create(user=user, defaults=made)[0]


def session_for(topic: str, user: User) -> CastSession:
    """A session of the user's own. Raises NotFound for any other, whether there is one or not."""
    row = CastSession.objects.filter(topic=topic, user=user).first()
    if row is None:
        raise NotFound("There is no such topic.", at="hub.topic")
    return row


@transaction.atomic
def subscribe_application(
    topic: str, events: Iterable[str], *, name: str, lease_s: int, user: User, token: ApiToken, endpoint: str,
    actor: Actor, at: datetime,
) -> CastSubscription:  # fmt: skip
    """Have an application hear these events of the session. With an ``endpoint`` of before, in place of what it heard.

    Raises NotFound, Invalid for an event that the hub does not know.
    """
    session = session_for(topic, user)
    wanted = sorted({one.strip().lower() for one in events if one.strip()})
    unknown = [one for one in wanted if one not in KNOWN]
    if unknown or not wanted:
        raise Invalid(f"Unknown event: {', '.join(unknown) or 'none was named'}.", at="hub.events")
    said = {
        "token": token,
        "name": name[:80],
        "events": wanted,
        "until": at + timedelta(seconds=min(lease_s or USUAL_LEASE_S, LONGEST_LEASE_S)),
    }
    row = CastSubscription.objects.filter(session=session, endpoint=endpoint).first() if endpoint else None
    if row is None:
        row = CastSubscription.objects.create(session=session, endpoint=secrets.token_urlsafe(32), **said)
    else:
        CastSubscription.objects.filter(pk=row.pk).update(**said)
        row.refresh_from_db()
    record(actor, "fhircast.subscribe", row, at=at, name=name[:80], events=wanted)
    doorbell.ring(CAST)
    return row


@transaction.atomic
def unsubscribe_application(topic: str, endpoint: str, *, user: User, actor: Actor, at: datetime) -> None:
    """End a subscription; its websocket is closed. Raises NotFound."""
    row = CastSubscription.objects.filter(session=session_for(topic, user), endpoint=endpoint).first()
    if row is None:
        raise NotFound("There is no such subscription.", at="hub.channel.endpoint")
    record(actor, "fhircast.unsubscribe", row, at=at, name=row.name)
    row.delete()
    doorbell.ring(CAST)


def change_context(
    session_id: int, name: str, said: str, entries: list[Json], version_id: str, *, at: datetime,
    event_id: str = "", item_id: int | None = None,
) -> CastSession:  # fmt: skip
    """Follow an event in the caller's transaction, one at a time in each session, and write it down for the sockets."""
    lock_name(f"fhircast:{session_id}")  # so that ids of one session grow in the order of commits
    session = CastSession.objects.get(pk=session_id)
    before = Context(session.anchor, session.context, session.content, session.version_id)
    after = follow(before, name, entries, version_id)
    event: Json = {"hub.topic": session.topic, "hub.event": said, "context": entries}
    if after.version_id:
        event["context.versionId"] = after.version_id
    if after.version_id != before.version_id and before.version_id and after.anchor:
        event["context.priorVersionId"] = before.version_id
    if item_id is not None or _is_another_report(before, after):
        session.item_id = item_id
    session.anchor, session.context, session.content = after.anchor, after.entries, after.content
    session.version_id, session.changed_at = after.version_id, at
    session.save()
    tell(session, name, {"timestamp": instant(at), "id": event_id or new_uid(), "event": event}, at=at)
    return session


def _is_another_report(before: Context, after: Context) -> bool:
    """Whether the report that was open is so no longer; a study that is looked at meanwhile leaves it open."""
    if not after.anchor:
        return True
    opened = resource_of(after.entries, "report").get("id")
    return after.anchor == "DiagnosticReport" and opened != resource_of(before.entries, "report").get("id")


def tell(session: CastSession, name: str, body: Json, *, at: datetime, not_to: str = "") -> None:
    """Write an event down for the websockets of all processes, in the caller's transaction."""
    CastEvent.objects.filter(session=session, at__lt=at - KEPT_FOR).delete()
    CastEvent.objects.create(session=session, name=name, body=body, at=at, not_to=not_to)
    doorbell.ring(CAST)


@transaction.atomic
def report_out_of_step(endpoint: str, event_id: str, event_name: str, why: str, *, at: datetime) -> None:
    """Tell the others by SyncError that an application did not follow (refused, silent for 10 s, or gone)."""
    row = CastSubscription.objects.filter(endpoint=endpoint).select_related("session").first()
    if row is None:
        return
    lock_name(f"fhircast:{row.session_id}")
    codings = [
        {"system": "https://fhircast.hl7.org/events/syncerror/eventid", "code": event_id},
        {"system": "https://fhircast.hl7.org/events/syncerror/eventname", "code": event_name},
        {"system": "https://fhircast.hl7.org/events/syncerror/subscriber", "code": row.name or "unnamed"},
    ]
    issue = {"severity": "warning", "code": "processing", "diagnostics": why, "details": {"coding": codings}}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    event = {
        "hub.topic": row.session.topic,
        "hub.event": "SyncError",
        "context": [{"key": "operationoutcome", "resource": outcome}],
    }
    tell(row.session, "syncerror", {"timestamp": instant(at), "id": new_uid(), "event": event}, at=at, not_to=endpoint)


def current_context(session: CastSession) -> Json:
    """The answer to GET of a topic: what is open, with what was shared in it as ``content``."""
    entries = list(session.context)
    if session.anchor == "DiagnosticReport":
        shared = [{"resource": one} for one in session.content.values()]
        bundle = {"resourceType": "Bundle", "type": "collection", **({"entry": shared} if shared else {})}
        entries.append({"key": "content", "resource": bundle})
    answer: Json = {"context.type": session.anchor, "context": entries}
    return answer | ({"context.versionId": session.version_id} if session.version_id else {})


def standing_subscription(endpoint: str, *, at: datetime) -> CastSubscription | None:
    """The subscription of a websocket; None once its lease is over or its token does not count."""
    row = CastSubscription.objects.filter(endpoint=endpoint, until__gt=at)
    found = row.select_related("token__user", "session").first()
    if found is None or user_of_token(found.token, at=at) is None:
        return None
    return found


def delete_ended_subscriptions(*, at: datetime) -> None:
    """Forget subscriptions whose lease ended an hour ago, and events that are older than that."""
    CastSubscription.objects.filter(until__lt=at - KEPT_FOR).delete()
    CastEvent.objects.filter(at__lt=at - KEPT_FOR).delete()
