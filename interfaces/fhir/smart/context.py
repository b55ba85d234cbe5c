"""The launch context: for which patient and exam an app was opened, who may open it so, and how the app is told."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from reporting.models import Report
from ris.audit.services import Actor, record
from ris.kernel.errors import Forbidden, NotFound
from ris.orders.models import RequestedProcedure
from ris.people.models import User
from ris.people.services import digest

from ..registry import TYPES
from .keys import fhir_base
from .models import App, Grant, Launch
from .scopes import LAUNCH, LAUNCH_PATIENT

LASTS = timedelta(minutes=5)
"""Within which an app that was opened has its person ask for authorization; once."""


@dataclass(frozen=True, slots=True)
class Context:
    """Ids of what an app was opened for; ``is_launched``: from a page of ours, which shows the patient's name."""

    patient_id: int | None = None
    procedure_id: int | None = None
    is_launched: bool = False


def open_app(app: App, patient_id: int, procedure_id: int | None, *, user: User, actor: Actor, at: datetime) -> str:
    """The address that opens the app: its launch URL with ``iss`` and a value that says nothing and counts once.

    Raises NotFound for what the user may not see.
    """
    if not sees(user, "Patient", patient_id) or (procedure_id and not sees(user, "ServiceRequest", procedure_id)):
        raise NotFound("There is no such patient or exam at your sites.")
    value = secrets.token_urlsafe(32)
    Launch.objects.filter(created_at__lt=at - LASTS).delete()
    Launch.objects.create(
        digest=digest(value), app=app, user=user, patient_id=patient_id, procedure_id=procedure_id, created_at=at
    )
    record(actor, "smart.launch", app, patient_id=patient_id, at=at, exam=procedure_id)
    parts = urlsplit(app.launch_url)
    query = urlencode([*parse_qsl(parts.query), ("iss", fhir_base()), ("launch", value)])
    return urlunsplit(parts._replace(query=query))


def find_launch(value: str, app_id: str, user: User, *, at: datetime) -> Launch | None:
    """The launch that the user opened this app by; None where it is used, too old, or somebody else's."""
    rows = Launch.objects.filter(app=app_id, user=user, used_at=None, created_at__gt=at - LASTS)
    return rows.filter(digest=digest(value)).first()


def use_launch(launch: Launch, *, at: datetime) -> bool:
    """Take it; of two at once one has it."""
    return Launch.objects.filter(pk=launch.pk, used_at=None).update(used_at=at) == 1


def read_context(grant: Grant) -> Context:
    """The context of a grant."""
    return Context(grant.patient_id, grant.procedure_id, grant.is_launched)


def say_context(context: Context, user: User, scopes: Iterable[str]) -> dict[str, Any]:
    """What a token's answer says of the context: nothing unless the app asked to know, and only what the user sees."""
    if context.patient_id is None or not {LAUNCH, LAUNCH_PATIENT} & set(scopes):
        return {}
    said: dict[str, Any] = {"patient": str(context.patient_id), "need_patient_banner": not context.is_launched}
    procedure = RequestedProcedure.objects.select_related("order").filter(pk=context.procedure_id or 0).first()
    if procedure is None:
        return said
    if procedure.order.visit_id and sees(user, "Encounter", procedure.order.visit_id):
        said["encounter"] = str(procedure.order.visit_id)
    report = Report.objects.filter(procedure=procedure).values_list("pk", flat=True).first()
    named = [("ServiceRequest", procedure.pk), ("ImagingStudy", procedure.pk), ("DiagnosticReport", report)]
    said["fhirContext"] = [{"reference": f"{kind}/{pk}"} for kind, pk in named if pk and sees(user, kind, pk)]
    return said


def sees(user: User, kind: str, pk: int) -> bool:
    """Whether the person may see it; the scopes of an app have no say in it."""
    try:
        return TYPES[kind].visible(user).filter(pk=pk).exists()
    except Forbidden:
        return False
