"""Reserving a case for one reader, by a hand."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from ris.audit.actor import Actor
from ris.audit.services import record
from ris.kernel import doorbell
from ris.kernel.errors import Conflict, Invalid, NotFound
from ris.kernel.events import emit
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import sites_for
from worklist import states
from worklist.events import ItemRescored
from worklist.live_bell import WORKLIST
from worklist.models import ReadingItem


@transaction.atomic
def reserve(item_id: int, *, reader: User | None, reason: str, actor: Actor, at: datetime) -> ReadingItem:
    """Let only this reader be given a case that is open; None: anybody again. A suggestion is looked for anew.

    Raises Invalid without a reason, and for a reader who does not read at the case's site; NotFound; Conflict when the
    case is over, or changed meanwhile.
    """
    if not reason.strip():
        raise Invalid("Say why this case is reserved, or is no more.", at="reason")
    item = ReadingItem.objects.select_related("procedure__order").filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    if reader and not sites_for(reader, Can.READ_CASES).filter(pk=item.site_id).exists():
        raise Invalid("This reader does not read at the case's site.", at="reader")
    still = ReadingItem.objects.filter(pk=item_id, version=item.version, state__in=states.OPEN)
    if not still.update(reserved_for=reader, version=F("version") + 1):
        raise Conflict("This case changed meanwhile, or is over.")
    emit(ItemRescored(stream=item.accession, at=at, item_id=item_id))
    patient_id, pk = item.procedure.order.patient_id, reader.pk if reader else None
    record(actor, "item.reserve", item, patient_id=patient_id, reason=reason.strip(), at=at, reader=pk)
    doorbell.ring(WORKLIST)
    return item.reread()
