"""Addresses of the patients' REST API."""

from django.urls import path

from .api import MergesView, PatientSearchView, PatientsView, PatientView, SeparateView

app_name = "patients"

urlpatterns: list[object] = []
api_patterns = [
    path("patients/", PatientsView.as_view(), name="patients"),
    path("patients/search/", PatientSearchView.as_view(), name="patient-search"),
    path("patients/<int:patient_id>/", PatientView.as_view(), name="patient"),
    path("patients/<int:patient_id>/merges/", MergesView.as_view(), name="merges"),
    path("patients/merges/<int:merge_id>/separate/", SeparateView.as_view(), name="separate"),
]
