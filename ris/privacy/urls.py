"""Addresses of the audit trail's pages, of emergency access and of its review."""

from django.urls import path

from . import api, emergency, pages, review

app_name = "privacy"

urlpatterns = [
    path("audit/", pages.events, name="events"),
    path("audit/reviews/", review.reviews, name="reviews"),
    path("audit/reviews/<int:access_id>/judge/", review.judge, name="judge"),
    path("audit/staff/", review.lookups, name="lookups"),
    path("audit/patients/<int:patient_id>/", pages.accesses, name="accesses"),
    path("audit/patients/<int:patient_id>/report.csv", pages.accesses_csv, name="accesses-csv"),
    path("audit/patients/<int:patient_id>/report.pdf", pages.accesses_pdf, name="accesses-pdf"),
    path("audit/patients/<int:patient_id>/confidential/", review.mark, name="confidential"),
    path("audit/patients/<int:patient_id>/staff/", review.link, name="link-staff"),
    path("emergency/", emergency.break_glass, name="break-glass"),
    path("emergency/<int:access_id>/end/", emergency.end, name="end-access"),
]
api_patterns = [
    path("emergency-accesses/", api.EmergencyAccessesView.as_view(), name="emergency-accesses"),
    path("emergency-accesses/reviews/", api.ReviewsView.as_view(), name="access-reviews"),
    path("emergency-accesses/<int:access_id>/end/", api.EndEmergencyAccessView.as_view(), name="end-emergency-access"),
    path("emergency-accesses/<int:access_id>/judge/", api.JudgeView.as_view(), name="judge-access"),
    path("patients/<int:patient_id>/confidential/", api.ConfidentialView.as_view(), name="confidential"),
]
