"""Reading lists, in reading order, narrowed to what the viewer may see."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Literal

from django.db.models import Case, Count, ExpressionWrapper, F, FloatField, Q, QuerySet, Value, When
from django.db.models.expressions import CombinedExpression

from ris.access.visibility import open_rows
from ris.kernel.errors import Invalid, NotFound
from ris.people.models import User
from ris.people.roles import Can
from ris.people.selectors import site_ids_for
from worklist.models import ReadingItem, Skill
from worklist.rules.score import minutes
from worklist.selectors.rules_in_force import policy_in_force
from worklist.states import CLAIMED, FINAL, OPEN, PARKED, WAITING

ListName = Literal["reading", "mine", "subspecialty", "all", "parked", "unassigned", "overdue", "done"]
LISTS: tuple[ListName, ...] = ("reading", "mine", "subspecialty", "all", "parked", "unassigned", "overdue", "done")


HELD, MEANT, WAITS, OTHERS, LAST = range(5)
"""How a case stands to the viewer, in the order of a list: held by them, suggested to or reserved for them, waiting,
held by others, parked. In lists that are not one's own HELD is OTHERS and MEANT is WAITS."""

OWN_LISTS = ("reading", "mine")


def _standing_sql(viewer: User, list_name: str) -> Case:
    """:func:`list_standing` in SQL."""
    own = [When(reader=viewer, state=CLAIMED, then=HELD), When(_meant_for(viewer), then=MEANT)]
    rest = [When(state__in=WAITING, then=WAITS), When(state=CLAIMED, then=OTHERS)]
    return Case(*(own if list_name in OWN_LISTS else ()), *rest, default=LAST)


def _meant_for(viewer: User) -> Q:
    return Q(state__in=WAITING) & (Q(assigned_to=viewer) | Q(reserved_for=viewer))


def list_standing(item: ReadingItem, viewer: User, list_name: str) -> int:
    """Where a case stands among the others of a list before urgency counts: HELD to LAST."""
    if item.state in WAITING:
        meant = list_name in OWN_LISTS and viewer.pk in (item.assigned_to_id, item.reserved_for_id)
        return MEANT if meant else WAITS
    if item.state == CLAIMED:
        return HELD if list_name in OWN_LISTS and item.reader_id == viewer.pk else OTHERS
    return LAST


def score_now(at: datetime) -> ExpressionWrapper[CombinedExpression]:
    """SQL for the score of waiting items at a moment; others keep their rank."""
    return ExpressionWrapper(F("rank") + F("slope") * Value(minutes(at)), output_field=FloatField())


def visible_items(viewer: User) -> QuerySet[ReadingItem]:
    """Every item at the sites where the viewer may see the worklist, but of patients who are closed to them."""
    items = ReadingItem.objects.filter(site__in=sorted(site_ids_for(viewer, Can.SEE_WORKLIST)))
    return open_rows(items, viewer, patient="procedure__order__patient")


def item_for(viewer: User, item_id: int) -> ReadingItem:
    """One visible item. Raises NotFound, also for one at a foreign site."""
    item = with_context(visible_items(viewer)).filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such reading item.")
    return item


_CONTEXT = (
    "procedure__order__patient",
    "procedure__order__visit",
    "procedure__procedure",
    "site",
    "subspecialty",
    "reader",
    "assigned_to",
    "reserved_for",
    "preliminary_by",
    "entry",
)


def with_context(items: QuerySet[ReadingItem]) -> QuerySet[ReadingItem]:
    """The same items with all that a screen shows of one, in one query."""
    return items.select_related(*_CONTEXT)


def reading_list(viewer: User, *, list_name: str = "all", at: datetime) -> QuerySet[ReadingItem]:
    """Items in reading order: the highest score first, held cases after those that wait.

    ``reading``: for the viewer first, then all that they may read. ``mine``: held by the viewer, suggested to or
    reserved for them. ``subspecialty``: of the viewer's skills. ``all``: all open. ``parked``, ``unassigned``,
    ``overdue`` and ``done`` as they say. Raises Invalid.
    """
    items = visible_items(viewer).annotate(score=score_now(at))
    if list_name == "done":
        return items.filter(state=FINAL).order_by("-finished_at", "-pk")
    pools = _pools_of(viewer) if list_name in ("reading", "subspecialty") else ()
    items = items.filter(_membership(viewer, list_name, at, pools), state__in=OPEN)
    return items.order_by(_standing_sql(viewer, list_name), F("score").desc(), "due_at", "pk")


def _pools_of(viewer: User) -> list[int]:
    """The subspecialties of the viewer's skills."""
    return sorted(set(Skill.objects.filter(reader=viewer).values_list("subspecialty", flat=True)))


def _membership(viewer: User, list_name: str, at: datetime, pools: Collection[int]) -> Q:
    """``pools``: as :func:`_pools_of` says; only "reading" and "subspecialty" look at them."""
    waiting, own = Q(state__in=WAITING), Q(reader=viewer, state=CLAIMED) | _meant_for(viewer)
    if list_name == "mine":
        return own
    if list_name == "reading":
        mine = Q(pool__in=[*pools, 0]) if pools else Q()  # who has no skills on record is shown all
        return own | waiting & Q(reserved_for__isnull=True) & mine
    if list_name == "subspecialty":
        return Q(pool__in=[*pools, 0])  # 0: no subspecialty is known of the procedure, so it is everybody's
    if list_name == "parked":
        return Q(state=PARKED)
    if list_name == "unassigned":
        return waiting & Q(assigned_to__isnull=True)
    if list_name == "overdue":
        return Q(due_at__lt=at)
    if list_name == "all":
        return Q()
    raise Invalid(f"There is no list called “{list_name}”: {', '.join(LISTS)}.", at="list")


def rows_of(ids: Iterable[int], *, at: datetime) -> list[ReadingItem]:
    """The items of a page of a reading list, in its order, with all that a screen shows of each: one query.

    A page is cut out by its ids: to join all tables before that takes twice the time at 100,000 open items.
    """
    ids = list(ids)
    rows = with_context(ReadingItem.objects.filter(pk__in=ids)).annotate(score=score_now(at)).in_bulk()
    policy = policy_in_force()  # once: each row shows the terms of its score
    for item in rows.values():
        item.policy = policy
    return [rows[pk] for pk in ids if pk in rows]  # one may have gone between the two queries


_COUNTED = tuple(name for name in LISTS if name != "done")


def counts(viewer: User, *, at: datetime) -> dict[str, dict[str, int]]:
    """For each list, how many are open and how many of them are STAT or critical. Two queries."""
    asked: dict[str, Count] = {}
    pools = _pools_of(viewer)
    for name in _COUNTED:
        inside = _membership(viewer, name, at, pools)
        asked[f"{name}_items"] = Count("pk", filter=inside if inside else None)
        asked[f"{name}_stat"] = Count("pk", filter=inside & Q(urgency__lte=2))
    found = visible_items(viewer).filter(state__in=OPEN).aggregate(**asked)
    return {name: {"items": found[f"{name}_items"], "stat": found[f"{name}_stat"]} for name in _COUNTED}
