"""Order responses: ORR^O02, ORG^O20, ORI^O24, for peers who expect more than ACK."""

from __future__ import annotations

from interfaces.hl7.v2 import acknowledgment
from interfaces.hl7.v2.encoding import escape
from interfaces.hl7.v2.header import Header
from ris.orders.models import Order

from ..context import Incoming
from .groups import groups

RESPONSES = {"ORM^O01": "ORR^O02", "OMG^O19": "ORG^O20", "OMI^O23": "ORI^O24"}

_OK = {"NW": "OK", "CA": "CR", "DC": "DR", "HD": "HR", "RL": "OK", "XO": "XR", "RP": "RQ", "RO": "OK", "SN": "NA"}
_UNABLE = {"NW": "UA", "CA": "UC", "DC": "UD", "HD": "UH", "RL": "UR", "XO": "UX", "RP": "UM", "RO": "UM"}
"""ORC-1 of the answer to each control code (HL7 table 0119)."""


def order_answer(header: Header, incoming: Incoming, code: str) -> tuple[str, tuple[str, ...]]:
    """(MSH-9, further segments) of the answer: plain ACK, unless the peer is set to expect order responses.

    Who asks for a number (SN) gets it in one, however the peer is set: NA with ours in ORC-3. A cancellation of
    what has begun is accepted (AA), since it is kept and a person is told, and answered UC: it was not done.
    """
    response = RESPONSES.get(header.type)
    if response is None:
        return "ACK", ()
    asks_for_a_number = any(orc.text(1).upper() == "SN" for orc in incoming.message.all("ORC"))
    if incoming.peer.ack_style != "order" and not (asks_for_a_number and code == acknowledgment.ACCEPT):
        return "ACK", ()
    table = _OK if code == acknowledgment.ACCEPT else _UNABLE
    fillers = dict(Order.objects.filter(accession=incoming.accession).values_list("placer_number", "filler_number"))
    segments = []
    for group in groups(incoming.message):
        if group.orc is None:
            continue
        placer, control = group.orc.text(2), group.orc.text(1).upper()
        filler = fillers.get(placer) or group.orc.text(3)
        said = "^".join(filter(None, [escape(placer), escape(group.orc.text(2, 2))]))
        ours = _UNABLE if placer in incoming.unable else table
        segments.append(
            f"ORC|{ours.get(control, 'OK' if code == acknowledgment.ACCEPT else 'UA')}|{said}|{escape(filler)}"
        )
    return response, tuple(segments)
