"""What the HL7 interface stores, by subject."""

from .inbound import InboundMessage
from .jobs import ReplayJob
from .outbound import BackFill, ConformanceProfile, Destination, OutboundMessage
from .peers import MapEntry, Peer, UnknownValue
from .trails import EarlyResult, OrderTrail

__all__ = [
    "BackFill",
    "ConformanceProfile",
    "Destination",
    "EarlyResult",
    "InboundMessage",
    "MapEntry",
    "OrderTrail",
    "OutboundMessage",
    "Peer",
    "ReplayJob",
    "UnknownValue",
]
