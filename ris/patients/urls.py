from django.urls import path

from .api import PatientSearchView, PatientsView, PatientView

app_name = "patients"

urlpatterns: list[object] = []
api_patterns = [
    path("patients/", PatientsView.as_view(), name="patients"),
    path("patients/search/", PatientSearchView.as_view(), name="patient-search"),
    path("patients/<int:patient_id>/", PatientView.as_view(), name="patient"),
]
