"""Messages, destinations, senders and their tables over REST, for interface analysts and their scripts."""

from .jobs import BackFillViewSet, ReplayJobViewSet
from .messages import DestinationViewSet, InboundViewSet, OutboundViewSet
from .peers import MapEntryViewSet, PeerViewSet

__all__ = [
    "BackFillViewSet",
    "DestinationViewSet",
    "InboundViewSet",
    "MapEntryViewSet",
    "OutboundViewSet",
    "PeerViewSet",
    "ReplayJobViewSet",
]
