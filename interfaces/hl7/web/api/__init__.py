"""Messages, destinations, senders and their tables over REST, for interface analysts and their scripts."""

from .backfills import BackFillViewSet
from .messages import DestinationViewSet, InboundViewSet, OutboundViewSet
from .peers import MapEntryViewSet, PeerViewSet
from .replays import ReplayJobViewSet

__all__ = [
    "BackFillViewSet",
    "DestinationViewSet",
    "InboundViewSet",
    "MapEntryViewSet",
    "OutboundViewSet",
    "PeerViewSet",
    "ReplayJobViewSet",
]
