"""What happens at a reader's desk: a claim opens its report and its end closes it; applications say what they open."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from reporting.models import Report
from ris.audit.services import Actor, record
from ris.kernel.errors import Forbidden
from ris.kernel.values import id_or_none
from ris.patients.selectors import visible_patients
from ris.people.models import User
from worklist.services import extend_lease, note_ai_result

from ..datatypes import Json
from ..models import CastSession
from ..registry import TYPES
from ..representation import represent
from ..resource_type import Page
from ..subscriptions.bundles import base_url
from ..writes.body import Element
from .context import check_event, resource_of
from .services import change_context, session_for


def open_report(item_id: int, reader_id: int, *, at: datetime) -> bool:
    """Open the draft of a claimed case in its reader's session; False where they have none, or may not see it."""
    session = CastSession.objects.select_related("user").filter(user=reader_id).first()
    report = Report.objects.select_related("procedure__order").filter(item=item_id).first()
    if session is None or report is None:
        return False
    procedure = report.procedure
    entries: list[Json] = []
    for key, kind, pk in (
        ("report", "DiagnosticReport", report.pk),
        ("patient", "Patient", procedure.order.patient_id),
        ("study", "ImagingStudy", procedure.pk),
    ):
        resource = _resource(session.user, kind, pk)
        if resource is not None:
            entries.append({"key": key, "resource": resource})
    if {"report", "patient"} - {one["key"] for one in entries}:
        return False
    name = "DiagnosticReport-open"
    change_context(session.pk, name.lower(), name, entries, "", at=at, item_id=item_id)
    actor = Actor.of_user(session.user, "system")
    record(actor, "fhircast.open", session, patient_id=procedure.order.patient_id, at=at, item=item_id)
    return True


def _resource(viewer: User, kind: str, pk: int) -> Json | None:
    """What the viewer may see of a resource: its identity and status, and no text of a report."""
    try:
        row = TYPES[kind].row_of(viewer, pk)
    except Forbidden:
        return None
    if row is None:
        return None
    (whole,) = represent(TYPES[kind], [row], Page(viewer, base_url()))
    kept = {"resourceType", "id", "identifier", "status", "code", "subject", "basedOn", "imagingStudy", "name",
            "gender", "birthDate", "started"}  # fmt: skip
    return {name: value for name, value in whole.items() if name in kept}


def close_report(item_id: int, reader_id: int, *, at: datetime) -> bool:
    """Close the report of a case that its reader gave back or finished, if it is what is open at their desk."""
    session = CastSession.objects.filter(user=reader_id, item_id=item_id).first()
    if session is None or session.anchor != "DiagnosticReport":
        return False
    entries = [{"key": key, "resource": resource_of(session.context, key)} for key in ("report", "patient")]
    name = "DiagnosticReport-close"
    change_context(session.pk, name.lower(), name, entries, "", at=at)
    return True


@transaction.atomic
def take_event(message: Json, *, user: User, actor: Actor, at: datetime) -> CastSession:
    """Take an application's event: change the context and tell everybody who wants it.

    Raises NotFound, Invalid, and Conflict for an update of an old version; then nothing changed and nobody was told.
    What a viewer says of an open case is a sign of life of its reader.
    """
    event = message.get("event")
    name, entries = check_event(event)
    assert isinstance(event, dict)
    session = session_for(str(event.get("hub.topic", "")), user)
    version_id = str(event.get("context.versionId", ""))
    changed = change_context(session.pk, name, str(event["hub.event"]), entries, version_id, at=at,
                             event_id=str(message.get("id") or ""))  # fmt: skip
    record(actor, f"fhircast.{name}"[:48], session, patient_id=known_patient(entries, user), at=at)
    if changed.item_id is not None and extend_lease(changed.item_id, reader=user, at=at):
        for resource in _observations(entries):
            _offer(changed.item_id, resource, actor, at)
    return changed


def known_patient(entries: list[Json], user: User) -> int | None:
    """The patient of a context, if it is one of ours whom the user may see; a viewer may know others."""
    pk = id_or_none(str(resource_of(entries, "patient").get("id", "")))
    return pk if pk and visible_patients(user).filter(pk=pk).exists() else None


def _observations(entries: list[Json]) -> list[Element]:
    """Findings of an update: Observations with a code and a verdict."""
    bundle = resource_of(entries, "updates")
    found = [entry.get("resource") for entry in bundle.get("entry") or () if isinstance(entry, dict)]
    return [
        Element(one, "Observation")
        for one in found
        if isinstance(one, dict)
        and one.get("resourceType") == "Observation"
        and isinstance(one.get("valueBoolean"), bool)
    ]


def _offer(item_id: int, resource: Element, actor: Actor, at: datetime) -> None:
    """Let the room offer a shared finding for insertion, as it does an algorithm's: the same row."""
    codes = resource.get("code").codings()
    vendor = resource.get("device").get("display").text(most=64) or "FHIRcast"
    if codes:
        moment = resource.get("effectiveDateTime").moment() or resource.get("issued").moment() or at
        positive = resource.get("valueBoolean").value
        note_ai_result(
            item_id, vendor=vendor, code=codes[0].value, positive=positive, result_at=moment, actor=actor, at=at
        )
