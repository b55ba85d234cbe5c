"""Addresses of shares and of the portal."""

from django.urls import path

from ris.kernel.api import IdRouter

from .portal import pages as portal
from .portal import pages_desk as desk
from .portal.api import CoversView, EndGrantView, PatientPortalView
from .shares import pages as shares
from .shares import pages_recipient as recipient
from .shares.api import ReportSharesView, ShareViewSet

app_name = "sharing"

router = IdRouter()
router.register("shares", ShareViewSet, basename="share")

urlpatterns = [
    path("shares/", shares.shares, name="shares"),
    path("shares/<int:share_id>/", shares.share, name="share"),
    path("shares/<int:share_id>/revoke/", shares.revoke, name="share-revoke"),
    path("orders/<int:order_id>/share/", shares.of_order, name="share-order"),
    path("results/<int:report_id>/share/", shares.new, name="share-new"),
    path("shared/open/<int:share_id>/", recipient.opened, name="opened"),
    path("shared/open/<int:share_id>/pdf/", recipient.pdf, name="opened-pdf"),
    path("shared/open/<int:share_id>/images/", recipient.images, name="opened-images"),
    path("shared/open/<int:share_id>/documents/<int:document_id>/", recipient.document, name="opened-document"),
    path("shared/<str:token>/", recipient.shared, name="shared"),
    path("patients/<int:patient_id>/portal/", desk.invitations, name="invitations"),
    path("patients/<int:patient_id>/portal/end/<int:grant_id>/", desk.stop_grant, name="grant-end"),
    path("patients/<int:patient_id>/portal/revoke/<int:invitation_id>/", desk.revoke, name="invitation-revoke"),
    path("cover-texts/", desk.covers, name="covers"),
    path("cover-texts/save/", desk.cover_save, name="cover-save"),
    path("portal/", portal.portal, name="portal"),
    path("portal/code/", portal.code, name="portal-code"),
    path("portal/log-out/", portal.log_out, name="portal-log-out"),
    path("portal/results/", portal.results, name="portal-results"),
    path("portal/results/<int:report_id>/", portal.report, name="portal-report"),
    path("portal/results/<int:report_id>/pdf/", portal.pdf, name="portal-pdf"),
    path("portal/patients/<int:patient_id>/who/", portal.who_looked, name="portal-who"),
    path("portal/grants/<int:grant_id>/end/", portal.end, name="portal-end"),
]
api_patterns = [
    path("reports/<int:report_id>/shares/", ReportSharesView.as_view(), name="report-shares"),
    path("patients/<int:patient_id>/portal/", PatientPortalView.as_view(), name="patient-portal"),
    path("patients/<int:patient_id>/portal/end/<int:grant_id>/", EndGrantView.as_view(), name="portal-grant-end"),
    path("cover-texts/", CoversView.as_view(), name="cover-texts"),
    *router.urls,
]
