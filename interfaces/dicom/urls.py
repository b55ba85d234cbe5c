"""Addresses of the DICOM pages and of their REST API."""

from django.urls import path

from ris.kernel.api import IdRouter

from . import pages
from .api import AcceptPriorView, DoubtfulPriorsView, ExplainView, StableStudyView
from .reconciliation import pages as exceptions
from .reconciliation.api import (
    BackFillView,
    EndView,
    ExamsView,
    ImagesView,
    LinkImagesView,
    LinkView,
    NoImagesView,
    UnlinkView,
)
from .reports import pages as reports
from .reports.api import ReportSendViewSet
from .workitems import api as ups
from .workitems import pages as workitems

app_name = "dicom"

router = IdRouter()
router.register("dicom/report-sends", ReportSendViewSet, basename="dicom-report-send")

urlpatterns = [
    path("devices/", pages.devices, name="devices"),
    path("devices/<int:device_id>/", pages.device, name="device"),
    path("devices/<int:device_id>/echo/", pages.echo_test, name="echo"),
    path("board/<int:step_id>/explain/", pages.explain, name="explain"),
    path("exceptions/", exceptions.exceptions, name="exceptions"),
    path("exceptions/exams/<int:performed_id>/", exceptions.exam, name="exam"),
    path("exceptions/exams/<int:performed_id>/link/", exceptions.link, name="link"),
    path("exceptions/exams/<int:performed_id>/unlink/", exceptions.unlink, name="unlink"),
    path("exceptions/exams/<int:performed_id>/order/", exceptions.order_late, name="back-fill"),
    path("exceptions/exams/<int:performed_id>/end/", exceptions.end, name="exam-end"),
    path("exceptions/exams/<int:performed_id>/no-images/", exceptions.no_images, name="no-images"),
    path("exceptions/images/<int:study_id>/", exceptions.images, name="images"),
    path("exceptions/images/<int:study_id>/link/", exceptions.link_to_images, name="link-images"),
    path("prefetch/", pages.show_prefetch, name="prefetch"),
    path("prefetch/doubtful/<int:doubt_id>/accept/", pages.accept, name="prior-accept"),
    path("workitems/", workitems.worklist_items, name="workitems"),
    path("workitems/<int:workitem_id>/cancel/", workitems.cancel, name="workitem-cancel"),
    path("dicom-web/workitems", ups.workitems),
    path("dicom-web/workitems/<str:uid>", ups.workitem),
    path("dicom-web/workitems/<str:uid>/state", ups.state),
    path("dicom-web/workitems/<str:uid>/state/<str:aet>", ups.state),
    path("dicom-web/workitems/<str:uid>/cancelrequest", ups.cancel_request),
    path("dicom-web/workitems/<str:uid>/cancelrequest/<str:aet>", ups.cancel_request),
    path("dicom-web/workitems/<str:uid>/subscribers/<str:aet>", ups.subscribers),
    path("dicom-web/workitems/<str:uid>/subscribers/<str:aet>/suspend", ups.suspend),
    path("reports-out/", reports.sends, name="reports"),
    path("reports-out/<int:send_id>/resend/", reports.resend, name="report-resend"),
    path("reports-out/<int:send_id>/skip/", reports.skip, name="report-skip"),
]
api_patterns = [
    path("dicom/explain/", ExplainView.as_view(), name="dicom-explain"),
    path("dicom/exams/", ExamsView.as_view(), name="dicom-exams"),
    path("dicom/exams/<int:performed_id>/order/", BackFillView.as_view(), name="dicom-exam-order"),
    path("dicom/exams/<int:performed_id>/end/", EndView.as_view(), name="dicom-exam-end"),
    path("dicom/exams/<int:performed_id>/no-images/", NoImagesView.as_view(), name="dicom-exam-no-images"),
    path("dicom/exams/<int:performed_id>/link/", LinkView.as_view(), name="dicom-exam-link"),
    path("dicom/exams/<int:performed_id>/unlink/", UnlinkView.as_view(), name="dicom-exam-unlink"),
    path("dicom/images/", ImagesView.as_view(), name="dicom-images"),
    path("dicom/images/<int:study_id>/link/", LinkImagesView.as_view(), name="dicom-images-link"),
    path("dicom/prefetch/doubtful/", DoubtfulPriorsView.as_view(), name="dicom-doubtful-priors"),
    path("dicom/prefetch/doubtful/<int:doubt_id>/accept/", AcceptPriorView.as_view(), name="dicom-accept-prior"),
    path("dicom/stable-study/", StableStudyView.as_view(), name="dicom-stable-study"),
    *router.urls,
]
