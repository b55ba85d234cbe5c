"""Every resource type that is served: routes, search and the CapabilityStatement are made of this table."""

from __future__ import annotations

from .resource_type import ResourceType
from .resources.imaging import ENDPOINT, IMAGING_STUDY
from .resources.orders import SERVICE_REQUEST
from .resources.patient import ENCOUNTER, PATIENT
from .resources.reports import DIAGNOSTIC_REPORT, PROVENANCE

TYPES: dict[str, ResourceType] = {
    one.name: one
    for one in (PATIENT, SERVICE_REQUEST, IMAGING_STUDY, DIAGNOSTIC_REPORT, ENCOUNTER, ENDPOINT, PROVENANCE)
}
