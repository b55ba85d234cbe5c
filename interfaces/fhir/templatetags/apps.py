"""Apps that can be opened from a page, for its patient and exam."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse

from interfaces.fhir.models import App

register = template.Library()
MOST = 5


@register.inclusion_tag("fhir/open_in.html")
def open_in(patient_id: int, procedure_id: int | None = None) -> dict[str, Any]:
    """Links “Open in …” to the active apps that have a launch URL; nothing where there are none."""
    rows = App.objects.filter(is_active=True).exclude(launch_url="").order_by("client__name")
    names = rows.values_list("pk", "client__name")[:MOST]
    return {"links": [(name, _address(pk, patient_id, procedure_id)) for pk, name in names]}


def _address(app_id: str, patient_id: int, procedure_id: int | None) -> str:
    if procedure_id:
        return reverse("fhir:open-for-exam", args=[app_id, procedure_id])
    return reverse("fhir:open-for-patient", args=[app_id, patient_id])
