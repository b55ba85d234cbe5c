from django.urls import path
from rest_framework.routers import SimpleRouter

from . import pages
from .api import ExplainView, LinkView, StableStudyView, UnlinkView
from .reports import pages as reports
from .reports.api import ReportSendViewSet

app_name = "dicom"

router = SimpleRouter()
router.register("dicom/report-sends", ReportSendViewSet, basename="dicom-report-send")

urlpatterns = [
    path("devices/", pages.devices, name="devices"),
    path("devices/<int:device_id>/", pages.device, name="device"),
    path("devices/<int:device_id>/echo/", pages.echo_test, name="echo"),
    path("board/<int:step_id>/explain/", pages.explain, name="explain"),
    path("exceptions/", pages.exceptions, name="exceptions"),
    path("exceptions/exams/<int:performed_id>/", pages.exam, name="exam"),
    path("exceptions/exams/<int:performed_id>/link/", pages.link, name="link"),
    path("exceptions/exams/<int:performed_id>/unlink/", pages.unlink, name="unlink"),
    path("prefetch/", pages.prefetch, name="prefetch"),
    path("reports-out/", reports.sends, name="reports"),
    path("reports-out/<int:send_id>/resend/", reports.resend, name="report-resend"),
    path("reports-out/<int:send_id>/skip/", reports.skip, name="report-skip"),
]
api_patterns = [
    path("dicom/explain/", ExplainView.as_view(), name="dicom-explain"),
    path("dicom/exams/<int:performed_id>/link/", LinkView.as_view(), name="dicom-exam-link"),
    path("dicom/exams/<int:performed_id>/unlink/", UnlinkView.as_view(), name="dicom-exam-unlink"),
    path("dicom/stable-study/", StableStudyView.as_view(), name="dicom-stable-study"),
    *router.urls,
]
