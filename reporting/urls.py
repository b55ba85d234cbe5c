from django.urls import path
from rest_framework.routers import SimpleRouter

from . import pages
from .api import ItemReportView, ReleaseView, ReportViewSet

app_name = "reporting"

router = SimpleRouter()
router.register("reports", ReportViewSet, basename="report")

urlpatterns = [
    path("reading/<int:item_id>/", pages.room, name="room"),
    path("reading/<int:item_id>/standing/", pages.standing, name="standing"),
    path("reading/<int:item_id>/draft/", pages.draft, name="draft"),
    path("reading/<int:item_id>/heartbeat/", pages.heartbeat, name="heartbeat"),
    path("reading/<int:item_id>/sign/", pages.release, {"how": "sign"}, name="sign"),
    path("reading/<int:item_id>/preliminary/", pages.release, {"how": "preliminary"}, name="preliminary"),
    path("results/", pages.results, name="results"),
    path("results/<int:report_id>/", pages.result, name="result"),
    path("results/<int:report_id>/prior/", pages.prior, name="prior"),
    path("results/<int:report_id>/addendum/", pages.addendum, name="addendum"),
]
api_patterns = [
    path("worklist/<int:item_id>/report/", ItemReportView.as_view(), name="item-report"),
    path("worklist/<int:item_id>/report/sign/", ReleaseView.as_view(how="sign"), name="item-sign"),
    path("worklist/<int:item_id>/report/preliminary/", ReleaseView.as_view(how="preliminary"), name="item-preliminary"),
    *router.urls,
]
