"""Questions about the DICOM side, for pages, the API and commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, QuerySet

from ris.catalog.models import Device, Site
from ris.kernel.errors import NotFound
from ris.orders.models import ScheduledStep
from ris.orders.mwl.query import fetch_step_row, find_unmatched_keys
from ris.orders.mwl.question import MwlQuestion, list_asked_keys
from ris.orders.mwl.rows import Entry, parse_row
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import sites_for

from .models import MwlQuery, Rejection
from .mwl.identifier import parse_identifier
from .mwl.query import build_question
from .upper_layer.admission import caller_of_device


@dataclass(frozen=True, slots=True)
class KeyVerdict:
    """One key of a query against one step: what was asked, what the step says, and whether that fits."""

    key: str
    asked: str
    is_: str
    fits: bool


@dataclass(frozen=True, slots=True)
class StepVerdict:
    """One scheduled step: whether the answer lists it, and the verdict of each key."""

    step: ScheduledStep
    listed: bool
    keys: tuple[KeyVerdict, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an order is, or is not, on a device's list. Without a query: the device never asked."""

    device: Device
    accession: str
    query: MwlQuery | None
    steps: tuple[StepVerdict, ...] = field(default=())


def explain_absence(device: Device, accession: str, *, at: datetime) -> Explanation:
    """Replay the device's last readable query against each step of the order, key by key.

    Raises NotFound when no order has that accession number.
    """
    steps = list(
        ScheduledStep.objects.filter(procedure__order__accession=accession)
        .select_related("procedure__order", "device")
        .order_by("pk")
    )
    if not steps:
        raise NotFound("No order has this accession number.", at="accession")
    query = MwlQuery.objects.filter(device=device).exclude(status="A900").order_by("-at", "-pk").first()
    if query is None:
        return Explanation(device, accession, None)
    question = build_question(parse_identifier(bytes(query.identifier), query.implicit), caller_of_device(device), at)
    return Explanation(device, accession, query, tuple(_verdict(step, question) for step in steps))


def _verdict(step: ScheduledStep, question: MwlQuestion) -> StepVerdict:
    row = fetch_step_row(step.pk)
    assert row is not None
    shown = parse_row(row)
    missed = set(find_unmatched_keys(question, step.pk))
    names = ["order", "states", *(name for name in list_asked_keys(question) if name not in ("states", "limit"))]
    keys = []
    for name in names:
        label, says = _SAYS.get(name, (name.replace("_", " "), lambda e, n=name: str(getattr(e, n.rstrip("s"), ""))))
        asked = "active" if name == "order" else _asked(name, getattr(question, name))
        value = f"{step.procedure.order.state}, {step.procedure.state}" if name == "order" else says(shown)
        keys.append(KeyVerdict(label, asked, value, name not in missed))
    return StepVerdict(step, not missed, tuple(keys))


def _asked(name: str, value: Any) -> str:
    """For people: a site by its name."""
    if name == "site_id":
        return Site.objects.filter(pk=value).values_list("name", flat=True).first() or str(value)
    return _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return " or ".join(str(item) for item in value)
    return f"{value:%Y-%m-%d %H:%M %Z}".strip() if isinstance(value, datetime) else str(value)


def _start(e: Entry) -> str:
    return f"{e.start:%Y-%m-%d %H:%M} UTC"


_SAYS: dict[str, tuple[str, Callable[[Entry], str]]] = {
    "order": ("order and procedure", lambda e: ""),
    "states": ("step status", lambda e: e.state),
    "not_before": ("not overdue: start after", _start),
    "start_from": ("start from", _start),
    "start_until": ("start until", _start),
    "time_from": ("time of day from", lambda e: f"{e.local_start:%H:%M}"),
    "time_until": ("time of day until", lambda e: f"{e.local_start:%H:%M}"),
    "stations": ("station AE title", lambda e: ", ".join(e.station_aes) or "none"),
    "station_names": ("station name", lambda e: ", ".join(e.station_names) or "none"),
    "modalities": ("modality", lambda e: e.modality),
    "site_id": ("site", lambda e: e.institution),
    "patient_names": ("patient's name", lambda e: e.patient_name),
    "patient_ids": ("patient ID", lambda e: e.identifier),
    "accessions": ("accession number", lambda e: e.accession),
    "study_uids": ("Study Instance UID", lambda e: e.study_uid),
    "step_numbers": ("step ID", lambda e: e.step_number),
    "procedure_numbers": ("requested procedure ID", lambda e: e.procedure_number),
    "performing_physicians": ("performing physician", lambda e: e.performing_physician or "none"),
    "requesting_physicians": ("requesting physician", lambda e: e.ordering_provider or "none"),
    "referring_physicians": ("referring physician", lambda e: e.referring or "none"),
    "priorities": ("priority", lambda e: e.priority),
    "procedure_codes": ("procedure code", lambda e: e.code),
    "protocol_codes": ("protocol code", lambda e: ", ".join(code for code, *_ in e.protocols) or "none"),
    "descriptions": ("step description", lambda e: e.step_text),
    "birth_dates": ("birth date", lambda e: str(e.birth_date or "none")),
    "sexes": ("sex", lambda e: e.sex or "none"),
    "admission_ids": ("admission ID", lambda e: e.visit_number or "none"),
    "issuers": ("issuer of patient ID", lambda e: e.issuer),
}


def devices_seen(viewer: User) -> QuerySet[Device]:
    """The devices of the viewer's sites, with ``last_query`` (when) and ``queries`` (how many are kept)."""
    return (
        Device.objects.filter(site__in=sites_for(viewer, Can.SEE_ORDERS))
        .select_related("site", "dicom_profile")
        .annotate(last_query=Max("mwl_queries__at"), queries=Count("mwl_queries"))
        .order_by("site__code", "ae_title")
    )


def queries_of(device: Device) -> QuerySet[MwlQuery]:
    """The device's kept queries, newest first."""
    return MwlQuery.objects.filter(device=device).order_by("-at", "-pk")


def rejections_of(device: Device) -> QuerySet[Rejection]:
    """Associations refused under the device's AE title, newest first."""
    return Rejection.objects.filter(calling_ae=device.ae_title).order_by("-at")
