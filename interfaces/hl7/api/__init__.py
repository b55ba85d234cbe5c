"""Messages, destinations, senders and their tables over REST, for interface analysts and their scripts."""

from .messages import DestinationViewSet, InboundViewSet, OutboundViewSet
from .peers import MapEntryViewSet, PeerViewSet
from .replays import ReplayJobViewSet

__all__ = [
    "DestinationViewSet",
    "InboundViewSet",
    "MapEntryViewSet",
    "OutboundViewSet",
    "PeerViewSet",
    "ReplayJobViewSet",
]
