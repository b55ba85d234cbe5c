from .inbound import InboundMessage
from .outbound import Destination, OutboundMessage
from .peers import MapEntry, Peer
from .trails import OrderTrail

__all__ = ["Destination", "InboundMessage", "MapEntry", "OrderTrail", "OutboundMessage", "Peer"]
