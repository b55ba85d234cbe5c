"""Addresses of the HL7 pages and of their REST API."""

from __future__ import annotations

from django.urls import path

from ris.kernel.api import IdRouter

from .web import pages_deliveries, pages_destinations, pages_message, pages_message_list, pages_replays, pages_senders
from .web.api import (
    BackFillViewSet,
    DestinationViewSet,
    InboundViewSet,
    MapEntryViewSet,
    OutboundViewSet,
    PeerViewSet,
    ReplayJobViewSet,
)

app_name = "hl7"

router = IdRouter()
router.register("hl7/inbound", InboundViewSet, basename="hl7-inbound")
router.register("hl7/outbound", OutboundViewSet, basename="hl7-outbound")
router.register("hl7/destinations", DestinationViewSet, basename="hl7-destination")
router.register("hl7/back-fills", BackFillViewSet, basename="hl7-back-fill")
router.register("hl7/peers", PeerViewSet, basename="hl7-peer")
router.register("hl7/entries", MapEntryViewSet, basename="hl7-entry")
router.register("hl7/replays", ReplayJobViewSet, basename="hl7-replay")

urlpatterns = [
    path("messages/", pages_message_list.list_messages, name="messages"),
    path("results/undelivered/", pages_deliveries.list_undelivered_reports, name="undelivered"),
    path("results/deliveries/", pages_deliveries.list_my_deliveries, name="my-deliveries"),
    path("messages/in/<int:message_id>/", pages_message.show_inbound, name="inbound"),
    path("messages/in/<int:message_id>/edit/", pages_message.edit_message, name="edit"),
    path("messages/in/<int:message_id>/replay/", pages_message.replay_message, name="replay"),
    path("messages/in/<int:message_id>/settle/", pages_message.settle_message, name="settle"),
    path("messages/replays/", pages_replays.start_replay, name="replays"),
    path("messages/replays/<int:job_id>/", pages_replays.show_replay, name="replay-job"),
    path("messages/replays/<int:job_id>/stop/", pages_replays.halt_replay, name="replay-stop"),
    path("messages/replays/<int:job_id>/go-on/", pages_replays.resume_replay, name="replay-go-on"),
    path("messages/peers/", pages_senders.peers, name="peers"),
    path("messages/peers/<int:peer_id>/", pages_senders.peer, name="peer"),
    path("messages/peers/<int:peer_id>/line/", pages_senders.set_entry, name="set-entry"),
    path("messages/peers/<int:peer_id>/tables.csv", pages_senders.as_csv, name="tables"),
    path("messages/peers/lines/<int:entry_id>/remove/", pages_senders.drop_entry, name="drop-entry"),
    path("messages/out/<int:message_id>/", pages_message.show_outbound, name="outbound"),
    path("messages/out/<int:message_id>/resend/", pages_message.resend_message, name="resend"),
    path("messages/out/<int:message_id>/skip/", pages_message.skip_message, name="skip"),
    path("messages/to/<int:destination_id>/", pages_destinations.show_destination, name="destination"),
    path("messages/to/<int:destination_id>/back-fill/", pages_destinations.start_back_fill, name="back-fill"),
    path(
        "messages/to/<int:destination_id>/back-fill/<int:job_id>/stop/",
        pages_destinations.halt_back_fill,
        name="back-fill-stop",
    ),
    path(
        "messages/to/<int:destination_id>/pause/",
        pages_destinations.control_destination,
        {"act": "pause"},
        name="pause",
    ),
    path(
        "messages/to/<int:destination_id>/resume/",
        pages_destinations.control_destination,
        {"act": "resume"},
        name="resume",
    ),
    path(
        "messages/to/<int:destination_id>/try/", pages_destinations.control_destination, {"act": "try"}, name="try-now"
    ),
]
api_patterns = router.urls
