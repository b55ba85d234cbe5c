"""What happens to reading items. ``stream`` is the accession number."""

from __future__ import annotations

from dataclasses import dataclass

from ris.kernel.events import Event

WORKLIST_BELL = "worklist"
"""Doorbell: something of the worklist changed. Rung after each of these events; the live hub answers it."""


@dataclass(frozen=True, kw_only=True)
class ItemEvent(Event):
    """Something happened to a reading item."""

    item_id: int


@dataclass(frozen=True, kw_only=True)
class ItemOpened(ItemEvent):
    """A case waits to be read."""


@dataclass(frozen=True, kw_only=True)
class ItemRevised(ItemEvent):
    """What stands around the case changed: its order, its patient, its visit. Who has it open reads it again."""


@dataclass(frozen=True, kw_only=True)
class ItemRescored(ItemEvent):
    """Its class, due time or needs changed (order revised, AI result, priority change)."""


@dataclass(frozen=True, kw_only=True)
class ReaderEvent(ItemEvent):
    """Something happened between a reading item and a reader."""

    reader_id: int


@dataclass(frozen=True, kw_only=True)
class ItemAssigned(ReaderEvent):
    """Suggested to a reader. A suggestion: anyone eligible may still claim it."""


@dataclass(frozen=True, kw_only=True)
class ItemOffered(ReaderEvent):
    """Pushed to a reader, who is asked to accept before ``until`` (ISO 8601, UTC)."""

    until: str


@dataclass(frozen=True, kw_only=True)
class ItemClaimed(ReaderEvent):
    """A reader holds the item."""


@dataclass(frozen=True, kw_only=True)
class ItemTakenOver(ReaderEvent):
    """``reader_id`` holds it now; ``from_reader_id`` did. ``given``: handed over, not taken."""

    from_reader_id: int
    given: bool = False


@dataclass(frozen=True, kw_only=True)
class ItemReleased(ReaderEvent):
    """Given back by the reader, or taken back since their lease ran out (``expired``). The draft is kept."""

    expired: bool = False


@dataclass(frozen=True, kw_only=True)
class ItemSkipped(ReaderEvent):
    """The reader declined it, with a reason that is kept."""


@dataclass(frozen=True, kw_only=True)
class ItemParked(ReaderEvent):
    """Set aside until a moment, with a reason that is kept."""


@dataclass(frozen=True, kw_only=True)
class ItemResumed(ItemEvent):
    """Back from being parked."""


@dataclass(frozen=True, kw_only=True)
class ItemAwaitsSigner(ReaderEvent):
    """``reader_id`` released a preliminary report; somebody who may sign is wanted."""


@dataclass(frozen=True, kw_only=True)
class ItemFinished(ReaderEvent):
    """Its report is final."""


@dataclass(frozen=True, kw_only=True)
class ItemCancelled(ItemEvent):
    """The item is not to be read any more."""


@dataclass(frozen=True, kw_only=True)
class ItemEscalated(ItemEvent):
    """It reached a rung of the ladder (1 … 4; 4 is the breach itself)."""

    rung: int


@dataclass(frozen=True, kw_only=True)
class RosterChanged(Event):
    """Shifts of these readers changed. ``stream`` is ``roster``; ``what`` says it in a word or two."""

    reader_ids: list[int]
    what: str
