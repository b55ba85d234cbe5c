"""All routes: pages at the root, the API under ``/api/``."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from interfaces.dicom import urls as dicom
from interfaces.fhir import urls as fhir
from interfaces.hl7 import urls as hl7
from reporting import urls as reporting
from ris.catalog import urls as catalog
from ris.operations import urls as operations
from ris.orders import urls as orders
from ris.patients import urls as patients
from ris.people import urls as people
from ris.people.login import urls as login
from ris.privacy import urls as privacy
from ris.scheduling import urls as scheduling
from ris.sharing import urls as sharing
from ris.web.go_to import go_to
from ris.web.openapi import ApiDocs
from ris.web.pages import health
from worklist import urls as worklist

APPS = (
    people, catalog, patients, orders, scheduling, worklist, reporting, hl7, dicom, fhir, privacy, sharing, operations,
)  # fmt: skip

urlpatterns = [
    path("healthz", health, name="health"),
    path("go-to/", go_to, name="go-to"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", ApiDocs.as_view(url_name="schema"), name="api-docs"),
    path("api/", include([pattern for app in APPS for pattern in app.api_patterns])),
    path("admin/", admin.site.urls),
    *(path("", include(app)) for app in APPS),
    path("", include(login)),
]

handler404 = "ris.web.pages.not_found"
handler500 = "ris.web.pages.broken"
