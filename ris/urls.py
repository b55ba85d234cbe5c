"""All routes: pages at the root, the API under ``/api/``."""

from __future__ import annotations

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from ris.catalog import urls as catalog
from ris.orders import urls as orders
from ris.patients import urls as patients

api_patterns = [*catalog.api_patterns, *patients.api_patterns, *orders.api_patterns]

urlpatterns = [
    path("api/", include(api_patterns)),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
]
