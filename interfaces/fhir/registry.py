"""Every resource type that is served: routes, search and the CapabilityStatement are made of this table."""

from __future__ import annotations

from .resource_type import ResourceType
from .resources.findings import AUDIT_EVENT, COMMUNICATION, OBSERVATION
from .resources.imaging import ENDPOINT, IMAGING_STUDY
from .resources.orders import SERVICE_REQUEST
from .resources.patient import ENCOUNTER, PATIENT
from .resources.people import DEVICE, LOCATION, ORGANIZATION, PRACTITIONER, PRACTITIONER_ROLE
from .resources.reports import DIAGNOSTIC_REPORT, PROVENANCE
from .resources.subscription import SUBSCRIPTION
from .resources.work import APPOINTMENT, TASK

TYPES: dict[str, ResourceType] = {
    one.name: one
    for one in (
        PATIENT, SERVICE_REQUEST, IMAGING_STUDY, DIAGNOSTIC_REPORT, ENCOUNTER, PRACTITIONER, PRACTITIONER_ROLE,
        ORGANIZATION, LOCATION, ENDPOINT, DEVICE, OBSERVATION, TASK, APPOINTMENT, PROVENANCE, AUDIT_EVENT,
        COMMUNICATION, SUBSCRIPTION,
    )
}  # fmt: skip
