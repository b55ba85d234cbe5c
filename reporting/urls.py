from django.urls import path
from rest_framework.routers import SimpleRouter

from .api import ItemReportView, ReleaseView, ReportViewSet

app_name = "reporting"

router = SimpleRouter()
router.register("reports", ReportViewSet, basename="report")

urlpatterns: list[object] = []
api_patterns = [
    path("worklist/<int:item_id>/report/", ItemReportView.as_view(), name="item-report"),
    path("worklist/<int:item_id>/report/sign/", ReleaseView.as_view(how="sign"), name="item-sign"),
    path("worklist/<int:item_id>/report/preliminary/", ReleaseView.as_view(how="preliminary"), name="item-preliminary"),
    *router.urls,
]
