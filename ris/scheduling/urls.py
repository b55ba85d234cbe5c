"""Addresses of the pages and of the REST interface of the calendar."""

from django.urls import path

from ris.kernel.api import IdRouter

from .web.api import BlockViewSet, ClosureViewSet, HoldsView, OpeningHoursViewSet, SlotsView

app_name = "scheduling"

router = IdRouter()
router.register("opening-hours", OpeningHoursViewSet, basename="opening-hours")
router.register("blocks", BlockViewSet, basename="block")
router.register("closures", ClosureViewSet, basename="closure")

urlpatterns: list[object] = []
api_patterns = [
    path("slots/", SlotsView.as_view(), name="api-slots"),
    path("holds/", HoldsView.as_view(), name="api-holds"),
    *router.urls,
]
