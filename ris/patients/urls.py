"""Addresses of the patients' REST API."""

from django.urls import path

from .api import (
    DecideDuplicateView,
    IdentityQuestionsView,
    IdentityQuestionView,
    MergesView,
    PatientSearchView,
    PatientsView,
    PatientView,
    PossibleDuplicatesView,
    SeparateView,
)

app_name = "patients"

urlpatterns: list[object] = []
api_patterns = [
    path("patients/", PatientsView.as_view(), name="patients"),
    path("patients/search/", PatientSearchView.as_view(), name="patient-search"),
    path("patients/duplicates/", PossibleDuplicatesView.as_view(), name="possible-duplicates"),
    path(
        "patients/duplicates/<int:duplicate_id>/decide/",
        DecideDuplicateView.as_view(),
        name="decide-duplicate",
    ),
    path("patients/identity/", IdentityQuestionsView.as_view(), name="identity-questions"),
    path("patients/identity/<int:question_id>/decide/", IdentityQuestionView.as_view(), name="decide-identity"),
    path("patients/<int:patient_id>/", PatientView.as_view(), name="patient"),
    path("patients/<int:patient_id>/merges/", MergesView.as_view(), name="merges"),
    path("patients/merges/<int:merge_id>/separate/", SeparateView.as_view(), name="separate"),
]
