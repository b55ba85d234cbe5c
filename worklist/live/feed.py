"""What changed on the worklist since a moment, read from the facts that were written down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ris.kernel.models import Record
from worklist.events import ItemEvent
from worklist.models import ReadingItem

LOOK_BACK = 200
"""Ids are given before transactions commit, so a lower one can appear after a higher; so far back it is looked for."""


def _kinds(cls: type[ItemEvent] = ItemEvent) -> Iterator[str]:
    yield cls.kind
    for sub in cls.__subclasses__():
        yield from _kinds(sub)


@dataclass
class Feed:
    """A reader of the worklist's facts that remembers how far it has come."""

    last: int | None = None
    seen: set[int] = field(default_factory=set)

    def news(self, *, limit: int = 2000) -> dict[int, int]:
        """Item → site of every item that something was said of since the last call. The first call gives none.

        More than ``limit`` facts are handed out in several calls.
        """
        if self.last is None:
            self.last = Record.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
            since = max(self.last - LOOK_BACK, 0)
            self.seen = set(Record.objects.filter(pk__gt=since).values_list("pk", flat=True))
            return {}
        rows = Record.objects.filter(pk__gt=max(self.last - LOOK_BACK, 0)).order_by("pk")
        fresh = [row for row in rows.values_list("pk", "kind", "body")[:limit] if row[0] not in self.seen]
        if not fresh:
            return {}
        kinds = set(_kinds())
        ids = {int(body["item_id"]) for _, kind, body in fresh if kind in kinds}
        self.last = max(self.last, fresh[-1][0])
        self.seen |= {pk for pk, _, _ in fresh}
        self.seen = {pk for pk in self.seen if pk > self.last - LOOK_BACK}
        return dict(ReadingItem.objects.filter(pk__in=ids).values_list("pk", "site"))
