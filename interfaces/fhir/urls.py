"""Addresses of the FHIR server: three for each resource type of the registry."""

from __future__ import annotations

import re

from django.urls import URLPattern, path, re_path

from . import api, api_writes
from .registry import TYPES
from .resource_type import ResourceType
from .writes.interactions import CREATES, UPDATES

app_name = "fhir"


def _routes(resource_type: ResourceType) -> list[URLPattern]:
    """The argument is called after the model whose id it is: ``requested_procedure_id``."""
    argument = re.sub(r"(?<!^)([A-Z])", r"_\1", resource_type.model.__name__).lower() + "_id"
    base, name = f"fhir/R4/{resource_type.name}", resource_type.name
    creates = {"POST": api_writes.create_view(resource_type)} if name in CREATES else {}
    updates = {"PUT": api_writes.update_view(resource_type)} if name in UPDATES else {}
    return [
        path(base, api.by_method(GET=api.search_view(resource_type, "GET", "HEAD"), **creates)),
        path(f"{base}/_search", api.search_view(resource_type, "POST")),
        path(f"{base}/<str:{argument}>", api.by_method(GET=api.read_view(resource_type), **updates)),
    ]


urlpatterns = [
    path("fhir/R4", api_writes.run_transaction),
    path("fhir/R4/metadata", api.show_capability, name="metadata"),
    path("fhir/R4/Binary/<str:report_version_id>", api.read_binary),
    *(route for resource_type in TYPES.values() for route in _routes(resource_type)),
    re_path(r"^fhir/R4/.*$", api.serve_elsewhere),
]
api_patterns: list[URLPattern] = []
