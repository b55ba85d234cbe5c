from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from . import pages
from .api import DestinationViewSet, InboundViewSet, OutboundViewSet

app_name = "hl7"

router = SimpleRouter()
router.register("hl7/inbound", InboundViewSet, basename="hl7-inbound")
router.register("hl7/outbound", OutboundViewSet, basename="hl7-outbound")
router.register("hl7/destinations", DestinationViewSet, basename="hl7-destination")

urlpatterns = [
    path("messages/", pages.messages, name="messages"),
    path("messages/in/<int:message_id>/", pages.inbound, name="inbound"),
    path("messages/in/<int:message_id>/edit/", pages.edit, name="edit"),
    path("messages/in/<int:message_id>/replay/", pages.replay, name="replay"),
    path("messages/out/<int:message_id>/", pages.outbound, name="outbound"),
    path("messages/out/<int:message_id>/resend/", pages.resend, name="resend"),
    path("messages/out/<int:message_id>/skip/", pages.skip, name="skip"),
    path("messages/to/<int:destination_id>/pause/", pages.destination, {"act": "pause"}, name="pause"),
    path("messages/to/<int:destination_id>/resume/", pages.destination, {"act": "resume"}, name="resume"),
    path("messages/to/<int:destination_id>/try/", pages.destination, {"act": "try"}, name="try-now"),
]
api_patterns = router.urls
