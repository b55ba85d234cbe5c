"""The picture of an order → what the order services are asked for."""

from __future__ import annotations

import uuid
from datetime import datetime

from ris.catalog.models import Device
from ris.kernel.errors import Invalid
from ris.orders.intents import Code, ProcedureIntent, StepIntent
from ris.orders.services.catalog_lookup import find_catalog_procedure

from ..context import Incoming
from .projection import Words

_UID_ROOT = uuid.UUID("6f1d2f3c-6f0e-4b7c-9a53-8b1b1c0f2a77")
"""Name space of Study Instance UIDs derived from accession numbers (uuid5 under 2.25)."""


def site_id_for(procedures: list[Words], incoming: Incoming) -> int:
    """The site that the message names; else where the device stands that it asks for, or one of its modality."""
    if incoming.named_site is not None:
        return incoming.named_site.pk
    titles = [ae for p in procedures for step in p["steps"] for ae in step.get("station_aes", ())]
    device = Device.objects.filter(ae_title__in=titles, active=True).first() if titles else None
    if device is None:
        known = find_catalog_procedure(Code(*procedures[0]["code"]))
        modality = procedures[0].get("modality", "") or (known.modality if known else "")
        able = Device.objects.filter(modality=modality, active=True)
        if not able.filter(site=incoming.site).exists():
            device = able.order_by("pk").first()
    return device.site_id if device else incoming.site.pk


def study_uid(words: Words, accession: str, policy: str) -> str:
    """The Study UID that was said; where none was, by the peer's policy: refuse, derive, or leave it to be issued."""
    if words.get("study_uid"):
        return str(words["study_uid"])
    if policy == "reject":
        raise Invalid("This sender must give a Study Instance UID.", at="ZDS-1", code="required")
    if policy == "accession" and accession:
        return f"2.25.{uuid.uuid5(_UID_ROOT, accession + '/' + words.get('number', words['code'][0])).int}"
    return ""


def order_content(words: Words, *, placed_at: bool = False) -> Words:
    """The order's own values of a projection; with ``placed_at`` as a moment when asked for."""
    content = {name: value for name, value in words.items() if name not in ("placed_at", "accession", "placer_number")}
    if placed_at and words.get("placed_at"):
        content["placed_at"] = datetime.fromisoformat(words["placed_at"])
    return content


def procedure_intent(words: Words, *, number: str = "", uid: str = "") -> ProcedureIntent:
    """A requested procedure of a projection, with its steps that stand."""
    return ProcedureIntent(
        code=Code(*words["code"]),
        number=number or words.get("number", ""),
        study_uid=uid,
        modality=words.get("modality", ""),
        laterality=words.get("laterality", ""),
        steps=tuple(step_intent(step) for step in words["steps"] if not step.get("cancelled")),
    )


def step_intent(words: Words) -> StepIntent:
    """A scheduled step of a projection."""
    plain = {n: v for n, v in words.items() if n in ("number", "modality", "location", "performing_physician")}
    return StepIntent(
        **plain,
        station_aes=tuple(words.get("station_aes", ())),
        station_names=tuple(words.get("station_names", ())),
        start=datetime.fromisoformat(words["start"]) if words.get("start") else None,
        protocol=Code(*words["protocol"]) if words.get("protocol") else None,
    )
