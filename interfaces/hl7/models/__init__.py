"""What the HL7 interface stores, by subject."""

from .inbound import EarlyResult, InboundMessage, OrderTrail, ReplayJob
from .outbound import BackFill, ConformanceProfile, Destination, OutboundMessage
from .peers import MapEntry, Peer, UnknownValue

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
