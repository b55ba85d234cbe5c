"""Every resource type that is served: routes, search and the CapabilityStatement are made of this table."""

from __future__ import annotations

from .resource_type import ResourceType
from .resources.patient import ENCOUNTER, PATIENT

TYPES: dict[str, ResourceType] = {one.name: one for one in (PATIENT, ENCOUNTER)}
