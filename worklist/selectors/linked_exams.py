"""Linked exams: of the same order or visit, opened about the same time. One reader should read them together."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q, QuerySet

from worklist.models import ReadingItem
from worklist.states import CLAIMED

LINKED_WITHIN = timedelta(hours=1)
"""Exams of one visit that were opened further apart are read one by one."""


def linked_with(item: ReadingItem) -> list[ReadingItem]:
    """Those that wait and are linked with an item, the most urgent first. Its order should be at hand.

    They are locked for the caller's transaction; what another is taking at this moment is passed over, so that two
    who take linked exams do not wait for each other in a ring.
    """
    order = item.procedure.order
    same = Q(procedure__order=order.pk)
    if order.visit_id:
        same |= Q(procedure__order__visit=order.visit_id)
    near = (item.opened_at - LINKED_WITHIN, item.opened_at + LINKED_WITHIN)
    found = ReadingItem.objects.filter(
        same, lane__isnull=False, site=item.site_id, opened_at__range=near, procedure__order__patient=order.patient_id
    )
    rows = found.exclude(pk=item.pk).order_by("urgency", "due_at", "pk")
    # Most cases have none, and the joins of what is read of them cost every claim more than the question.
    locked = [row.pk for row in rows.only("pk").select_for_update(of=("self",), skip_locked=True)]
    if not locked:
        return []
    whole = ReadingItem.objects.select_related("procedure__order__patient", "preliminary_by__reader_profile")
    return list(whole.filter(pk__in=locked).order_by("urgency", "due_at", "pk"))


def held_together(item: ReadingItem) -> list[ReadingItem]:
    """What its holder still holds of those that were claimed in one action with an item, itself among them.

    Locked for the caller's transaction, in the order of their ids.
    """
    rows = _of_one_action(item).select_related("procedure__order__patient")
    return list(rows.select_for_update(of=("self",)))


def held_along(item: ReadingItem) -> list[ReadingItem]:
    """The others of those, to be shown."""
    return list(_of_one_action(item).exclude(pk=item.pk).select_related("procedure"))


def _of_one_action(item: ReadingItem) -> QuerySet[ReadingItem]:
    first = item.claimed_with_id or item.pk
    held = ReadingItem.objects.filter(reader=item.reader_id, state=CLAIMED)
    return held.filter(Q(pk=first) | Q(claimed_with=first) | Q(pk=item.pk)).order_by("pk")
