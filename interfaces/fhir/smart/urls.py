"""Addresses of SMART: the authorization server, its discovery, the pages of apps."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path
from rest_framework.routers import SimpleRouter

from . import consent, endpoints, pages
from .api import AppViewSet

_router = SimpleRouter()
_router.register("fhir-apps", AppViewSet, basename="fhir-app")
api_patterns: list[Any] = _router.urls
patterns: list[URLPattern] = [
    path("fhir/R4/.well-known/smart-configuration", endpoints.show_configuration),
    path("fhir/R4/.well-known/openid-configuration", endpoints.show_configuration),
    path("smart/authorize", consent.authorize, name="authorize"),
    path("smart/token", endpoints.token, name="token"),
    path("smart/revoke", endpoints.revoke_token),
    path("smart/introspect", endpoints.introspect),
    path("smart/userinfo", endpoints.userinfo),
    path("smart/jwks", endpoints.show_keys),
    path("smart/apps", pages.list_apps, name="apps"),
    path("smart/apps/<str:app_id>/", pages.show_app, name="app"),
    path("smart/apps/<str:app_id>/revoke/", pages.end_all, name="app-revoke"),
    path("smart/apps/<str:app_id>/secret/", pages.show_new_secret, name="app-secret"),
    path("smart/open/<str:app_id>/patient/<int:patient_id>/", pages.open_for_patient, name="open-for-patient"),
    path("smart/open/<str:app_id>/exam/<int:requested_procedure_id>/", pages.open_for_exam, name="open-for-exam"),
]
