"""Addresses of the audit trail's pages."""

from django.urls import path

from . import pages

app_name = "privacy"

urlpatterns = [
    path("audit/", pages.events, name="events"),
    path("audit/patients/<int:patient_id>/", pages.accesses, name="accesses"),
    path("audit/patients/<int:patient_id>/report.csv", pages.accesses_csv, name="accesses-csv"),
    path("audit/patients/<int:patient_id>/report.pdf", pages.accesses_pdf, name="accesses-pdf"),
]
api_patterns: list[object] = []
