"""An order is brought to its picture: content, cancellations, holds, and how far the exam is (ORC-5).

Each function tells the ``Acting`` what it did, and what was asked for and could not be done.
"""

from __future__ import annotations

from dataclasses import replace

from django.db.models import Model

from ris.orders import states
from ris.orders.intents import Code, PerformedIntent
from ris.orders.models import Order, PerformedStep, RequestedProcedure, ScheduledStep
from ris.orders.selectors import is_performed
from ris.orders.services import (
    complete_exam,
    discontinue_exam,
    hold_order,
    reinstate_procedure,
    reinstate_step,
    release_order,
    revise_order,
    start_exam,
    withdraw_order,
    withdraw_procedure,
    withdraw_step,
)
from ris.orders.services.flags import CHANGED_TOO_LATE, add_flag

from .acting import Acting
from .intents import revision_intent
from .matching import pair
from .projection import Change, Picture, content_changes, procedure_changes
from .statements import COMPLETED, DISCONTINUED, STARTED, Procedure, Step

BEGUN = "The exam has begun: what has begun is not cancelled; the order is flagged for a person."
_REACHED = {
    STARTED: frozenset({states.STARTED, states.COMPLETED, states.DISCONTINUED}),
    COMPLETED: frozenset({states.COMPLETED, states.DISCONTINUED}),
    DISCONTINUED: frozenset({states.COMPLETED, states.DISCONTINUED}),
}
"""What was said → states of a step for which it is no news."""


def pair_rows(order: Order, procedures: tuple[Procedure, ...]) -> list[RequestedProcedure | None]:
    """Return for each procedure of a picture its row; None where it has none (yet). Two never share a row."""
    rows = list(order.procedures.order_by("pk"))
    standing = [
        Procedure(code=Code(row.code), number=row.number, study_uid=row.study_uid, laterality=row.laterality)
        for row in rows
    ]
    # A row has the number that was issued here where none was said: that one must not count as another number.
    said_numbers = {p.number for p in procedures if p.number}
    standing = [p if p.number in said_numbers else replace(p, number="") for p in standing]
    return [rows[index] if index is not None else None for index in pair(standing, procedures)]


def revise(order: Order, before: Picture, after: Picture, acting: Acting, *, visit_id: int | None = None) -> bool:
    """Write what ``after`` says anew of an order that is not cancelled; whether that was anything about procedures."""
    content, changes = content_changes(before, after), procedure_changes(before, after)
    numbered = [(c, number) for c, number in _numbered(order, before, changes, acting) if c.new.code is not None]
    intent = revision_intent(order, content, numbered, visit_id, guesses=acting.guesses_modality)
    if not intent.content() and not intent.procedures:
        return False
    revise_order(order.pk, intent, actor=acting.actor, at=acting.at)
    acting.did("revised", order)
    order.refresh_from_db()
    return bool(intent.procedures)


def _numbered(order: Order, before: Picture, changes: list[Change], acting: Acting) -> list[tuple[Change, str]]:
    """Each change with the number here of the procedure that it is of; empty for a new one.

    Without those that come too late: what was done to a patient is not rewritten.
    """
    if all(change.was is None for change in changes):
        return [(change, "") for change in changes]
    # By identity: two procedures of a picture may be equal.
    rows = dict(zip(map(id, before.procedures), pair_rows(order, before.procedures), strict=True))
    numbered = []
    for change in changes:
        row = rows.get(id(change.was))
        if row is None or not _is_too_late(order, row, change, acting):
            numbered.append((change, row.number if row is not None else ""))
    return numbered


OTHER_EXAM = "The exam has begun: its procedure is not changed; the order is flagged for a person."
OTHER_TIME = "The exam has begun: its time and place stay."


def _is_too_late(order: Order, row: RequestedProcedure, change: Change, acting: Acting) -> bool:
    """Whether a change is of an exam that has begun: another procedure is flagged, another schedule is told."""
    steps = list(row.steps.exclude(state=states.CANCELLED))
    if not steps or any(step.state not in states.BEGUN for step in steps):
        return False
    was = change.was or Procedure()
    sides = {was.laterality, change.new.laterality} - {""}
    code, former = change.new.code, was.code
    if (code and former and code.value.upper() != former.value.upper()) or len(sides) > 1:
        add_flag(order, CHANGED_TOO_LATE)
        acting.did("flagged", order)
        acting.note_unmet(OTHER_EXAM, "OBR-4")
        return True
    if change.new.steps:
        acting.note_unmet(OTHER_TIME, "OBR-27")
    return False


def bring(order: Order, before: Picture, after: Picture, acting: Acting) -> bool:
    """Cancel, hold, release, follow what was said of the exam. True: something to be cancelled has begun, and stays."""
    stays: list[bool] = []
    if after.cancelled:
        if order.state != states.CANCELLED:
            changed = withdraw_order(order.pk, reason=after.reason, actor=acting.actor, at=acting.at)
            stays.append(_withdrawn(order, order.reread().state, changed, acting))
    else:
        stays += _bring_procedures(order, before, after, acting)
        if after.held and order.state == states.ACTIVE and not is_performed(order):
            hold_order(order.pk, reason=after.reason, actor=acting.actor, at=acting.at)
            acting.did("held", order)
        elif not after.held and order.state == states.HELD:
            release_order(order.pk, actor=acting.actor, at=acting.at)
            acting.did("released", order)
    if after.progress:
        _advance(order, after, acting)
    return any(stays)


def _withdrawn(thing: Model, state: str, changed: bool, acting: Acting) -> bool:
    """Tell what a withdrawal came to; whether the thing stands because it has begun."""
    if state == states.CANCELLED:
        if changed:
            acting.did("cancelled", thing)
        return False
    acting.warn(BEGUN)
    acting.note_unmet(BEGUN, "ORC-1")
    if changed:
        acting.did("flagged", thing)
    return True


def _bring_procedures(order: Order, before: Picture, after: Picture, acting: Acting) -> list[bool]:
    """Withdraw the procedures and steps that are cancelled by name or left out; bring back those named again."""
    concerned = [p for p in (*before.procedures, *after.procedures) if p.cancelled or _steps_cancelled(p)]
    if not concerned:
        return []  # as nearly always: no row to look up
    stays = []
    former = pair(before.procedures, after.procedures)
    rows = pair_rows(order, after.procedures)
    for index, procedure, row in zip(former, after.procedures, rows, strict=True):
        was = before.procedures[index] if index is not None else Procedure()
        if row is None or not (procedure.cancelled or was.cancelled or _steps_cancelled(procedure, was)):
            continue
        if procedure.cancelled:
            changed = withdraw_procedure(row.pk, reason=after.reason, actor=acting.actor, at=acting.at)
            stays.append(_withdrawn(row, row.reread().state, changed, acting))
            continue
        if was.cancelled and row.state == states.CANCELLED:
            reinstate_procedure(row.pk, actor=acting.actor, at=acting.at)
            acting.did("reinstated", row)
        stays += [_bring_step(row, step, acting) for step in procedure.steps]
    return stays


def _steps_cancelled(*procedures: Procedure) -> bool:
    return any(step.cancelled for procedure in procedures for step in procedure.steps)


def _bring_step(procedure: RequestedProcedure, step: Step, acting: Acting) -> bool:
    row = ScheduledStep.objects.filter(procedure=procedure, number=step.number).first()
    if row is None:
        return False
    if step.cancelled:
        changed = withdraw_step(row.pk, reason="left out", actor=acting.actor, at=acting.at)
        return _withdrawn(row, row.reread().state, changed, acting)
    if row.state == states.CANCELLED:
        reinstate_step(row.pk, actor=acting.actor, at=acting.at)
        acting.did("reinstated", row)
    return False


def _advance(order: Order, picture: Picture, acting: Acting) -> None:
    """Move each step of the order forward to what was said of it; never back. A cancelled one was performed after all.

    For devices that send no MPPS. What a device itself says of an exam is left to it: a status neither ends nor
    doubles it.
    """
    steps = ScheduledStep.objects.filter(procedure__order=order).select_related("procedure", "device").order_by("pk")
    for step in steps:
        reached = picture.progress_of(step.procedure.number)
        if reached and step.state not in _REACHED[reached]:
            _move(order, step, reached, acting)
            acting.did(reached, step)


def _move(order: Order, step: ScheduledStep, reached: str, acting: Acting) -> None:
    actor, at = acting.actor, acting.at
    running = PerformedStep.objects.filter(steps=step, by_hand=True, state=states.IN_PROGRESS).order_by("pk").first()
    if running is None:
        intent = PerformedIntent(
            started_at=at,
            step_ids=(step.pk,),
            study_uid=step.procedure.study_uid,
            accession=order.accession,
            station_ae=step.device.ae_title if step.device else "",
            modality=step.modality,
            by_hand=True,
        )
        running = start_exam(intent, actor=actor, at=at)
    if reached == COMPLETED:
        complete_exam(running.mpps_uid, ended_at=at, actor=actor, at=at)
    elif reached == DISCONTINUED:
        discontinue_exam(running.mpps_uid, ended_at=at, actor=actor, at=at)
