"""Events as they come: which there are, what each needs, and what it does to a session. Pure functions over JSON."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from ris.kernel.errors import Conflict, Invalid

Json = dict[str, Any]

ANCHORS = {
    "patient": "Patient",
    "encounter": "Encounter",
    "imagingstudy": "ImagingStudy",
    "diagnosticreport": "DiagnosticReport",
}
"""Resource types that can be open, by the first word of an event's name in lower case."""
OTHERS = ("home-open", "syncerror", "userlogout", "userhibernate", "heartbeat")
EVENTS = [
    *(f"{kind}-{verb}" for kind in ANCHORS.values() for verb in ("open", "close")),
    "DiagnosticReport-update", "DiagnosticReport-select", "Home-open", "SyncError", "UserLogout", "UserHibernate",
]  # fmt: skip
KNOWN = {name.lower() for name in EVENTS}
MOST_CONTENT = 500
"""Resources that are shared in one report."""


@dataclass(frozen=True)
class Context:
    """What is open: resource type of the anchor, its context entries, shared content by Type/id, and the version."""

    anchor: str = ""
    entries: list[Json] = field(default_factory=list)
    content: dict[str, Json] = field(default_factory=dict)
    version_id: str = ""


def new_version() -> str:
    """A version id of a context."""
    return str(uuid.uuid4())


def resource_of(entries: list[Json], key: str) -> Json:
    """The resource of a context entry; empty where there is none."""
    found = next((one.get("resource") for one in entries if str(one.get("key", "")).lower() == key), None)
    return found if isinstance(found, dict) else {}


def check_event(event: Any) -> tuple[str, list[Json]]:
    """Name in lower case and context entries of ``event``. Raises Invalid for what the hub does not know."""
    if not isinstance(event, dict) or not isinstance(event.get("hub.event"), str):
        raise Invalid("An object “event” with hub.topic, hub.event and context is wanted.", at="event")
    name, entries = event["hub.event"].lower(), event.get("context", [])
    if name not in KNOWN:
        raise Invalid(f"There are the events {', '.join(EVENTS)}.", at="hub.event")
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise Invalid("The context is a list of objects with key and resource.", at="context")
    return name, entries


def follow(context: Context, name: str, entries: list[Json], version_id: str) -> Context:
    """The context after an event. Raises Invalid for one that lacks what it needs, Conflict for an old version."""
    kind, _, verb = name.partition("-")
    if name == "home-open" or name == "userlogout":
        return Context(version_id=new_version())
    if kind in ANCHORS and verb == "open":
        return _open(context, kind, entries)
    if kind in ANCHORS and verb == "close":
        return _close(context, kind, entries)
    if verb in ("update", "select"):
        _check_version(context, entries, version_id)
        return _update(context, entries) if verb == "update" else context
    return context


def _open(context: Context, kind: str, entries: list[Json]) -> Context:
    anchor = ANCHORS[kind]
    wanted = "study" if kind == "imagingstudy" else "report" if kind == "diagnosticreport" else kind
    opened = resource_of(entries, wanted)
    if opened.get("resourceType") != anchor or not opened.get("id"):
        raise Invalid(f"A context “{wanted}” with a {anchor} and its id is wanted.", at="context")
    if kind == "diagnosticreport" and not resource_of(entries, "patient").get("id"):
        raise Invalid("The context of a report names its patient.", at="context")
    is_same = context.anchor == anchor and resource_of(context.entries, wanted).get("id") == opened["id"]
    return Context(anchor, entries, context.content if is_same else {}, new_version())


def _close(context: Context, kind: str, entries: list[Json]) -> Context:
    """Closing what is open leaves nothing open; closing anything else changes nothing."""
    anchor, names = ANCHORS[kind], {"imagingstudy": "study", "diagnosticreport": "report"}
    key = names.get(kind, kind)
    if context.anchor != anchor:
        return context
    closed = resource_of(entries, key).get("id")
    if closed and closed != resource_of(context.entries, key).get("id"):
        return context
    return Context(version_id=new_version())


def _check_version(context: Context, entries: list[Json], version_id: str) -> None:
    if context.anchor != "DiagnosticReport":
        raise Conflict("No report is open.", at="hub.event")
    report = resource_of(context.entries, "report").get("id")
    named = next((one for one in entries if str(one.get("key", "")).lower() == "report"), {})
    reference = (
        str((named.get("reference") or {}).get("reference", ""))
        or f"DiagnosticReport/{resource_of(entries, 'report').get('id')}"
    )
    if reference.rpartition("/")[2] != report:
        raise Conflict("Another report is open.", at="context")
    if version_id != context.version_id:
        raise Conflict(
            "The content changed meanwhile: get the context, and send its versionId.", at="context.versionId"
        )


def _update(context: Context, entries: list[Json]) -> Context:
    bundle = resource_of(entries, "updates")
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
        raise Invalid("A context “updates” with a Bundle of type transaction is wanted.", at="context")
    content = dict(context.content)
    for number, entry in enumerate(bundle.get("entry") or ()):
        _apply(content, entry, f"context.updates.entry[{number}]")
    if len(content) > MOST_CONTENT:
        raise Invalid(f"At most {MOST_CONTENT} resources are shared in a report.", at="context")
    return Context(context.anchor, context.entries, content, new_version())


def _apply(content: dict[str, Json], entry: Any, at: str) -> None:
    request = entry.get("request") if isinstance(entry, dict) else None
    method = request.get("method") if isinstance(request, dict) else None
    if method in ("PUT", "POST"):
        resource = entry.get("resource")
        if not isinstance(resource, dict) or not resource.get("resourceType") or not resource.get("id"):
            raise Invalid("A resource with its id is wanted.", at=at)
        content[f"{resource['resourceType']}/{resource['id']}"] = resource
    elif method == "DELETE":
        content.pop("/".join(str(request.get("url", "")).split("/")[-2:]), None)  # type: ignore[union-attr]
    else:
        raise Invalid("The method of an update is PUT, POST or DELETE.", at=at)
