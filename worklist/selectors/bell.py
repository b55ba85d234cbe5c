"""What the bell of a page shows its reader."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from ris.orders.result_delivery import STUCK, list_deliveries, summarize
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import permissions_of
from worklist.models import Notice, Offer, ReadingItem, Skill
from worklist.states import FINAL, WAITING

from .additions import BellRow, bell_rows
from .lead import of_open_patients, offers_to
from .lists import visible_items

MOST_NOTICES, MOST_URGENT, MOST_SIGNED = 20, 5, 50


@dataclass(frozen=True, slots=True)
class Bell:
    """Offers to answer, notices not seen yet, STAT cases of the reader's field, own results that are stuck."""

    offers: list[Offer]
    notices: list[Notice]
    urgent: list[ReadingItem]
    stuck: list[ReadingItem]
    more: list[BellRow]
    """What upper layers add."""

    @property
    def count(self) -> int:
        """What wants an answer or was not seen: the number in the title of the page."""
        return len(self.offers) + len(self.notices) + len(self.stuck) + len(self.more)


def bell_of(reader: User) -> Bell:
    """What the reader should know wherever they are; a few queries, none of them over all cases."""
    if Can.READ_CASES not in permissions_of(reader):
        return Bell([], [], [], [], bell_rows(reader))
    context = ("item__procedure__order__patient", "item__site")
    notices = of_open_patients(Notice.objects.filter(reader=reader, seen_at__isnull=True), reader)
    return Bell(
        offers=list(offers_to(reader).select_related(*context)),
        notices=list(notices.select_related("by", *context).order_by("-at")[:MOST_NOTICES]),
        urgent=_urgent(reader),
        stuck=_stuck(reader),
        more=bell_rows(reader),
    )


def _urgent(reader: User) -> list[ReadingItem]:
    pools = list(Skill.objects.filter(reader=reader).values_list("subspecialty", flat=True))
    field = Q(pool__in=[*pools, 0]) if pools else Q()
    free = visible_items(reader).filter(field, state__in=WAITING, urgency__lte=2, reserved_for__isnull=True)
    return list(free.select_related("procedure", "site").order_by("urgency", "due_at", "pk")[:MOST_URGENT])


def _stuck(reader: User) -> list[ReadingItem]:
    """Of the last reports that the reader signed, those which a system did not take."""
    signed = ReadingItem.objects.filter(reader=reader, state=FINAL).select_related("procedure")
    rows = list(signed.order_by("-claimed_at")[:MOST_SIGNED])
    deliveries = list_deliveries(item.procedure_id for item in rows)
    return [item for item in rows if summarize(deliveries[item.procedure_id]) == STUCK]
