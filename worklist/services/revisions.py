"""What stands around a case changed, and nothing of its place on the list."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from ris.kernel import doorbell
from ris.kernel.events import emit
from worklist import states
from worklist.events import ItemRevised
from worklist.live_bell import WORKLIST
from worklist.models import ReadingItem


@transaction.atomic
def tell_revised(items: QuerySet[ReadingItem], *, at: datetime) -> None:
    """Tell the screens of those cases that are open: who has one before them reads it again."""
    for pk, accession in items.filter(state__in=states.OPEN).values_list("pk", "accession"):
        emit(ItemRevised(stream=accession, at=at, item_id=pk))
        doorbell.ring(WORKLIST)
