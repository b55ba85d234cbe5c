"""Questions that every inbound message asks; their SQL is built once (``ris.kernel.db.statements``)."""

from __future__ import annotations

from ris.catalog.models import Site
from ris.kernel.db.statements import PreparedQuery

from ..models import InboundMessage, OrderTrail, Peer

# The stored messages of these ids, in the order in which they came.
MESSAGES = PreparedQuery(lambda *ids: InboundMessage.objects.filter(pk__in=ids).order_by("pk"))
# Was a message of this control id (MSH-10) processed before, of the same sender? Edited copies do not count.
LAST_OF_CONTROL_ID = PreparedQuery(
    lambda control_id, peer_id, *not_in: (
        InboundMessage.objects.filter(control_id=control_id, peer=peer_id, edit_of=None)
        .exclude(state__in=not_in)
        .order_by("-pk")[:1]
    )
)
# Who sends (MSH-3, MSH-4)?
PEER = PreparedQuery(
    lambda application, facility: Peer.objects.filter(application=application, facility=facility),
    related=("site",),
    steady=True,
)
# Which sites have these codes (MSH-6, MSH-4, PV1-3.4)?
SITES_BY_CODE = PreparedQuery(lambda *codes: Site.objects.filter(code__in=codes), steady=True)
# What was said before of the order of this number? Locked: a trail is read, added to and written back.
TRAIL = PreparedQuery(
    lambda authority, number: OrderTrail.objects.select_for_update().filter(authority=authority, number=number)
)
