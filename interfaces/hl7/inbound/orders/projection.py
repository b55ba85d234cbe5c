"""What holds about an order, given all that was said about it: a pure function of a set of statements.

Messages arrive late, twice and out of order. So statements are kept and folded in the order in which they were spoken;
the picture is the same in whatever order they arrived. A cancellation stands until the number is ordered anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from .matching import pair
from .statements import (
    BOOK,
    CANCEL,
    COMPLETED,
    DISCONTINUED,
    HOLD,
    NEW,
    RELEASE,
    STARTED,
    TELLS_CONTENT,
    UNBOOK,
    Content,
    Procedure,
    Rank,
    Statement,
    Step,
    overlay,
    said,
)

# How far an exam is: of two statuses the one with the higher value counts.
_FURTHER = {"": 0, STARTED: 1, DISCONTINUED: 2, COMPLETED: 3}


@dataclass(frozen=True, slots=True)
class Picture:
    """What holds. ``progress`` maps the number of a procedure to how far it is; under "" of the whole order.

    ``generation`` counts, from 1, how often the number was ordered anew after it had been cancelled.
    """

    content: Content = field(default_factory=Content)
    procedures: tuple[Procedure, ...] = ()
    cancelled: bool = False
    reason: str = ""
    held: bool = False
    progress: dict[str, str] = field(default_factory=dict)
    generation: int = 1
    cancelled_at: Rank | None = None
    """The rank of what cancelled it as a whole, as said last."""

    @property
    def is_plain(self) -> bool:
        """Whether nothing is cancelled, held or under way: the content is all."""
        return not (self.cancelled or self.held or self.progress or any(_is_cut(p) for p in self.procedures))

    def progress_of(self, number: str) -> str:
        """Return how far the procedure of that number is."""
        return max(self.progress.get("", ""), self.progress.get(number, ""), key=_FURTHER.__getitem__)


def _is_cut(procedure: Procedure) -> bool:
    return bool(procedure.cancelled) or any(step.cancelled for step in procedure.steps)


NOTHING = Picture()


def add_statement(statements: Sequence[Statement], new: Statement) -> list[Statement]:
    """Return the statements with one more; one with the same key (a resend, an edited copy) gives way."""
    rest = [statement for statement in statements if statement.key != new.key]
    return sorted([*rest, new], key=lambda statement: statement.place)


@dataclass
class _Draft:
    """A picture in the making."""

    content: Content = field(default_factory=Content)
    procedures: list[Procedure] = field(default_factory=list)
    cancelled: bool = False
    cancelled_numbers: set[str] = field(default_factory=set)
    reason: str = ""
    held: bool = False
    unbooked: bool = False
    progress: dict[str, str] = field(default_factory=dict)
    generation: int = 1
    cancelled_at: Rank | None = None


def fold(statements: Iterable[Statement]) -> Picture:
    """Return the picture that the statements make, in whatever order they are given."""
    draft = _Draft()
    for statement in sorted(statements, key=lambda statement: statement.place):
        # Ordered anew under its number: nothing of what was cancelled holds for the new order.
        if statement.verb == NEW and draft.cancelled:
            draft = _Draft(generation=draft.generation + 1)
        _apply(draft, statement)
    return _finish(draft)


def _apply(draft: _Draft, statement: Statement) -> None:
    verb = statement.verb
    draft.unbooked = draft.unbooked and verb != BOOK
    if verb in TELLS_CONTENT:
        if verb == NEW:  # who orders a procedure anew takes its cancellation back
            draft.cancelled_numbers -= {p.number for p in statement.procedures}
        draft.content = overlay(draft.content, statement.content)
        _fold_procedures(draft, statement)
    elif verb == CANCEL:
        _fold_cancel(draft, statement)
    elif verb in (HOLD, RELEASE):
        draft.held = verb == HOLD
    elif verb == BOOK:
        _fold_booking(draft, statement)
    elif verb == UNBOOK:
        draft.unbooked = True
    if statement.progress:  # a status that names procedures by number is of those; any other of the whole order
        for number in [p.number for p in statement.procedures if p.number] or [""]:
            _further(draft.progress, number, statement.progress)


def _finish(draft: _Draft) -> Picture:
    progress = dict(draft.progress)
    known = {p.number for p in draft.procedures} if len(draft.procedures) > 1 else set()
    for number in [n for n in progress if n and n not in known]:
        _further(progress, "", progress.pop(number))
    procedures = tuple(
        replace(p, cancelled=bool(p.cancelled) or (p.number != "" and p.number in draft.cancelled_numbers))
        for p in draft.procedures
    )
    return Picture(
        content=draft.content,
        procedures=procedures,
        cancelled=draft.cancelled or (bool(procedures) and all(p.cancelled for p in procedures)),
        reason=draft.reason,
        held=draft.held or draft.unbooked,
        progress=progress,
        generation=draft.generation,
        cancelled_at=draft.cancelled_at,
    )


def _further(progress: dict[str, str], number: str, reached: str) -> None:
    progress[number] = max(progress.get(number, ""), reached, key=_FURTHER.__getitem__)


def _fold_booking(draft: _Draft, statement: Statement) -> None:
    """An appointment sets times and places of what is ordered; it orders nothing itself."""
    for index, named in zip(pair(draft.procedures, statement.procedures), statement.procedures, strict=True):
        if index is not None:
            standing = draft.procedures[index]
            draft.procedures[index] = replace(standing, steps=_fold_steps(standing.steps, named.steps, full=False))


def _fold_cancel(draft: _Draft, statement: Statement) -> None:
    """A cancellation that names procedures by number cancels those; any other the whole order."""
    numbers = {p.number for p in statement.procedures if p.number}
    known = {p.number for p in draft.procedures}
    if numbers and len(known) > 1 and not numbers >= known:
        draft.cancelled_numbers |= numbers
    else:
        draft.cancelled, draft.cancelled_at = True, statement.rank
    draft.reason = statement.reason or draft.reason


def _fold_procedures(draft: _Draft, statement: Statement) -> None:
    """Bring each procedure that is named up to date; no two that are named in one statement become one."""
    named: set[int] = set()
    # A new order, the usual case, has nothing to be paired with.
    pairs = pair(draft.procedures, statement.procedures) if draft.procedures else [None] * len(statement.procedures)
    for index, procedure in zip(pairs, statement.procedures, strict=True):
        if index is None:
            index = len(draft.procedures)
            draft.procedures.append(Procedure())
        standing = draft.procedures[index]
        steps = _fold_steps(standing.steps, procedure.steps, full=statement.full)
        draft.procedures[index] = replace(overlay(standing, procedure, without=("steps",)), steps=steps)
        named.add(index)
    if statement.full:
        draft.procedures = [replace(p, cancelled=n not in named) for n, p in enumerate(draft.procedures)]


def _fold_steps(standing: tuple[Step, ...], named: tuple[Step, ...], *, full: bool) -> tuple[Step, ...]:
    steps, touched = list(standing), set()
    for step in named:
        index = next((n for n, s in enumerate(steps) if step.number and s.number == step.number), None)
        if index is None and len(steps) == 1 and 0 not in touched and (not step.number or not steps[0].number):
            index = 0
        if index is None:
            index = len(steps)
            steps.append(Step())
        steps[index] = overlay(steps[index], step)
        touched.add(index)
    if full and named:
        steps = [replace(step, cancelled=n not in touched) for n, step in enumerate(steps)]
    return tuple(steps)


@dataclass(frozen=True, slots=True)
class Change:
    """What is new of one procedure: how it ``was`` (None: it is new), and what is said anew of it.

    The code is always given, and of its steps each that is new or changed, whole.
    """

    was: Procedure | None
    new: Procedure


def content_changes(before: Picture, after: Picture) -> Content:
    """Return what ``after`` says of the order that ``before`` did not."""
    earlier = said(before.content)
    return Content(**{name: value for name, value in said(after.content).items() if earlier.get(name) != value})


def procedure_changes(before: Picture, after: Picture) -> list[Change]:
    """Return what ``after`` says of procedures that ``before`` did not."""
    changes = []
    for index, procedure in zip(pair(before.procedures, after.procedures), after.procedures, strict=True):
        was = before.procedures[index] if index is not None else None
        if was == procedure:
            continue
        earlier = said(was) if was is not None else {}
        new = {n: v for n, v in said(procedure).items() if n in ("code", "alternates") or earlier.get(n) != v}
        new["steps"] = tuple(s for s in procedure.steps if was is None or s not in was.steps)
        changes.append(Change(was, Procedure(**new)))
    return changes
