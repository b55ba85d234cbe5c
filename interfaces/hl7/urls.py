from __future__ import annotations

from rest_framework.routers import SimpleRouter

from .api import DestinationViewSet, InboundViewSet, OutboundViewSet

app_name = "hl7"

router = SimpleRouter()
router.register("hl7/inbound", InboundViewSet, basename="hl7-inbound")
router.register("hl7/outbound", OutboundViewSet, basename="hl7-outbound")
router.register("hl7/destinations", DestinationViewSet, basename="hl7-destination")

urlpatterns: list[object] = []
api_patterns = router.urls
