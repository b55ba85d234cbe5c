"""Addresses of the FHIR server: three for each resource type of the registry."""

from __future__ import annotations

import re

from django.urls import URLPattern, path, re_path

from . import api, api_writes
from .cast import api as cast
from .iid.api import ImageDisplayView
from .iid.pages import follow_link
from .registry import TYPES
from .resource_type import ResourceType
from .smart import urls as smart
from .subscriptions import api as operations
from .subscriptions import pages as subscriptions
from .writes.interactions import CREATES, DELETES, UPDATES

app_name = "fhir"


def _routes(resource_type: ResourceType) -> list[URLPattern]:
    """The argument is called after the model whose id it is: ``requested_procedure_id``."""
    argument = re.sub(r"(?<!^)([A-Z])", r"_\1", resource_type.model.__name__).lower() + "_id"
    base, name = f"fhir/R4/{resource_type.name}", resource_type.name
    creates = {"POST": api_writes.create_view(resource_type)} if name in CREATES else {}
    updates = {"PUT": api_writes.update_view(resource_type)} if name in UPDATES else {}
    deletes = {"DELETE": api_writes.delete_view(resource_type)} if name in DELETES else {}
    return [
        path(base, api.by_method(GET=api.search_view(resource_type, "GET", "HEAD"), **creates)),
        path(f"{base}/_search", api.search_view(resource_type, "POST")),
        path(f"{base}/<str:{argument}>", api.by_method(GET=api.read_view(resource_type), **updates, **deletes)),
    ]


urlpatterns = [
    path("fhir/R4", api_writes.run_transaction),
    path("fhir/R4/metadata", api.show_capability, name="metadata"),
    path("fhir/R4/Binary/<str:report_version_id>", api.read_binary),
    path("fhir/R4/Subscription/$status", operations.status),
    path("fhir/R4/Subscription/$get-ws-binding-token", operations.bind),
    path("fhir/R4/Subscription/<str:subscription_id>/$status", operations.status),
    path("fhir/R4/Subscription/<str:subscription_id>/$events", operations.events),
    path("fhir/R4/Subscription/<str:subscription_id>/$get-ws-binding-token", operations.bind),
    *smart.patterns,
    *(route for resource_type in TYPES.values() for route in _routes(resource_type)),
    path("subscriptions/", subscriptions.subscriptions, name="subscriptions"),
    path("subscriptions/<int:subscription_id>/", subscriptions.subscription, name="subscription"),
    path("subscriptions/<int:subscription_id>/request/", subscriptions.request_anew, name="subscription-request"),
    path("subscriptions/<int:subscription_id>/off/", subscriptions.end, name="subscription-off"),
    path(".well-known/fhircast-configuration", cast.show_configuration),
    path("fhircast/", cast.hub, name="fhircast"),
    path("fhircast/.well-known/fhircast-configuration", cast.show_configuration),
    path("fhircast/session", cast.show_session),
    path("fhircast/<str:topic>", cast.topic),
    path("iid/<str:link>/", follow_link, name="iid"),
    re_path(r"^fhir/R4/.*$", api.serve_elsewhere),
]
api_patterns = [
    path("iid/", ImageDisplayView.as_view(), name="iid-link"),
    *smart.api_patterns,
]
